"""C#'s XML documentation, read tag by tag: what is written is often not well-formed, and no entity is followed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from miners.code.docstring_styles.parts import DocstringParts, make_part, make_parts
from schemas.pair import Part

_ELEMENT = re.compile(
    r"<(?P<tag>param|typeparam|returns|value|exception)\b(?P<attributes>[^<>]*?)(?:/>|>(?P<text>.{0,4000}?)</(?P=tag)>)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"(?P<key>name|cref)\s*=\s*[\"'](?P<value>[^\"']*)[\"']", re.IGNORECASE)
_REFERENCE = re.compile(
    r"<(?:see|seealso|paramref|typeparamref)\b[^<>]*?(?:cref|name|langword|href)\s*=\s*[\"'](?:[A-Z]:)?([^\"']*)[\"'][^<>]*?/?>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_BLOCK = re.compile(r"</?(?:summary|remarks|para|example|list|item|description)\b[^<>]*>", re.IGNORECASE)
_SUMMARY = re.compile(r"<summary>(.*?)(?:</summary>|\Z)", re.DOTALL | re.IGNORECASE)


def xml_text(text: str) -> str:
    """The words of a piece of XML documentation: references by name, tags off, entities of HTML resolved."""
    return html.unescape(_TAG.sub(" ", _REFERENCE.sub(r"\1", text)))


def xml_prose(docstring: str) -> str:
    """All of it to be read: elements on lines of their own, parameters and errors by name, tags off."""
    text = _ELEMENT.sub(_named_element, docstring)
    lines = (" ".join(line.split()) for line in xml_text(_BLOCK.sub("\n", text)).split("\n"))
    return "\n".join(filter(None, lines))


def _named_element(element: re.Match[str]) -> str:
    named = {found["key"].lower(): found["value"] for found in _ATTRIBUTE.finditer(element["attributes"])}
    name = named.get("name") or re.sub(r"^[A-Z]:", "", named.get("cref", "")) or element["tag"].capitalize()
    return f"\n{name}: {' '.join((element['text'] or '').split())}\n"


def xml_summary(docstring: str) -> str | None:
    """The text of `<summary>`, on one line; None where there is none."""
    found = _SUMMARY.search(docstring)
    return " ".join(xml_text(found[1]).split()) if found else None


def _read(docstring: str) -> DocstringParts | None:
    if "<" not in docstring:
        return None
    parameters: list[Part] = []
    returns: list[Part] = []
    raises: list[Part] = []
    for element in _ELEMENT.finditer(docstring):
        named = {found["key"].lower(): found["value"] for found in _ATTRIBUTE.finditer(element["attributes"])}
        text = xml_text(element["text"] or "")
        tag = element["tag"].lower()
        if tag in ("param", "typeparam"):
            parameters.append(make_part(named.get("name"), None, text))
        elif tag == "exception":
            raises.append(make_part(None, re.sub(r"^[A-Z]:", "", named.get("cref", "")), text))
        else:
            returns.append(make_part(None, None, text))
    return make_parts("xml", parameters, returns, raises)


STYLES: dict[str, Callable[[str], DocstringParts | None]] = {"xml": _read}
