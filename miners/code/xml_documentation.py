"""C#'s XML documentation as text, read tag by tag: what is written is often not well-formed, and no entity is followed.

Its parts are read in `docstring_styles.xml_comments`; this module stands apart from those so that the child process
that parses need not load the styles, and pyarrow with them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_ELEMENT = re.compile(
    r"<(?P<tag>param|typeparam|returns|value|exception)\b(?P<attributes>[^<>]*?)(?:/>|>(?P<text>.{0,4000}?)</(?P=tag)>)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"(?P<key>name|cref)\s*=\s*[\"'](?P<value>[^\"']*)[\"']", re.IGNORECASE)
_REFERENCE = re.compile(
    r"<(?:see|seealso|paramref|typeparamref)\b[^<>]*?(?:cref|name|langword|href)\s*=\s*[\"'](?:[A-Z]:)?([^\"']*)[\"'][^<>]*?/?>",
    re.IGNORECASE,
)
_KIND_OF_NAME = re.compile(r"^[A-Z]:")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_BLOCK = re.compile(r"</?(?:summary|remarks|para|example|list|item|description)\b[^<>]*>", re.IGNORECASE)
_SUMMARY = re.compile(r"<summary>(.*?)(?:</summary>|\Z)", re.DOTALL | re.IGNORECASE)


class Element(NamedTuple):
    """A parameter, a result or an error as it is written."""

    tag: str
    """`param`, `typeparam`, `returns`, `value` or `exception`, as it is written: `Param` too."""
    name: str | None
    type: str
    """What `cref` names, without the letter for its kind; empty where there is none."""
    text: str
    """With its tags."""


def xml_elements(docstring: str) -> Iterator[Element]:
    """Its parameters, results and errors, in their order."""
    return map(_element, _ELEMENT.finditer(docstring))


def xml_text(text: str) -> str:
    """The words of a piece of XML documentation: references by name, tags off, entities of HTML resolved."""
    return html.unescape(_TAG.sub(" ", _REFERENCE.sub(r"\1", text)))


def xml_prose(docstring: str) -> str:
    """All of it to be read: elements on lines of their own, parameters and errors by name, tags off."""
    text = _ELEMENT.sub(_named_element, docstring)
    lines = (" ".join(line.split()) for line in xml_text(_BLOCK.sub("\n", text)).split("\n"))
    return "\n".join(filter(None, lines))


def xml_summary(docstring: str) -> str | None:
    """The text of `<summary>`, on one line; None where there is none."""
    found = _SUMMARY.search(docstring)
    return " ".join(xml_text(found[1]).split()) if found else None


def _element(found: re.Match[str]) -> Element:
    named = {one["key"].lower(): one["value"] for one in _ATTRIBUTE.finditer(found["attributes"])}
    return Element(found["tag"], named.get("name"), _KIND_OF_NAME.sub("", named.get("cref", "")), found["text"] or "")


def _named_element(found: re.Match[str]) -> str:
    element = _element(found)
    name = element.name or element.type or element.tag.capitalize()
    return f"\n{name}: {' '.join(element.text.split())}\n"
