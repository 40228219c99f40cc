"""Styles that put parts under Markdown headings or bold list items: rustdoc, Julia's, Swift's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from miners.code.docstring_styles.parts import DocstringParts, make_part, make_parts
from schemas.pair import Part

_HEADING = re.compile(r"#{1,6}[ \t]+(?P<title>[^#\n]+?)[ \t]*#*$")
_ITEM = re.compile(r"[-*+][ \t]+(?P<text>.*)$")
_NAMED = re.compile(r"[`*_]{0,3}(?P<name>[\w.!…]+)[`*_]{0,3}(?:[ \t]*(?:[-–—:=]+>?)[ \t]*|$)")
_JULIA_TYPE = re.compile(r"`(?P<name>[\w!…]+)::(?P<type>[^`\n]+)`[ \t]*[-–—:]?[ \t]*")
_LINK = re.compile(r"\[?`?(?P<type>[\w:.]+)`?\]?(?:\([^)\n]*\))?[ \t]*[-–—:][ \t]*")
_TITLES = {
    **dict.fromkeys(("arguments", "parameters", "args", "params", "keyword arguments", "keywords"), "parameters"),
    **dict.fromkeys(("returns", "return", "return value", "return values"), "returns"),
    **dict.fromkeys(("errors", "throws", "raises", "exceptions"), "raises"),
    "panics": "panics",
}
_SWIFT = re.compile(r"-[ \t]+(?P<word>Parameters?|Returns|Throws)\b(?P<rest>[^:\n]*):(?P<text>.*)$", re.IGNORECASE)


def _read_headings(style: str, docstring: str) -> DocstringParts | None:
    if "#" not in docstring:
        return None
    found: dict[str, list[Part]] = {"parameters": [], "returns": [], "raises": []}
    for title, lines in _sections(docstring):
        kind = _TITLES.get(title.lower().rstrip(":"))
        if kind == "panics":
            found["raises"].append(make_part(None, "panic", "\n".join(lines)))
        elif kind == "raises":
            found[kind] += [_error(text) for text in _items(lines)] or [make_part(None, None, "\n".join(lines))]
        elif kind == "returns":
            found[kind].append(make_part(None, None, "\n".join(lines)))
        elif kind:
            found[kind] += [_named(text) for text in _items(lines)]
    return make_parts(style, found["parameters"], found["returns"], found["raises"])


def _sections(docstring: str) -> Iterator[tuple[str, list[str]]]:
    title, lines, is_fenced = "", [], False
    for line in docstring.split("\n"):
        is_fenced ^= line.lstrip().startswith("```")
        heading = None if is_fenced else _HEADING.match(line.strip())
        if heading:
            yield title, lines
            title, lines = heading["title"], []
        else:
            lines.append(line)
    yield title, lines


def _items(lines: list[str]) -> list[str]:
    """The outermost items of a list, each with the lines below it."""
    items: list[list[str]] = []
    margin = None
    for line in lines:
        text = line.strip()
        item = _ITEM.match(text)
        indent = len(line) - len(line.lstrip())
        if item and (margin is None or indent <= margin):
            margin = indent
            items.append([item["text"]])
        elif items and text:
            items[-1].append(text)
    return ["\n".join(item) for item in items]


def _named(text: str) -> Part:
    found = _JULIA_TYPE.match(text) or _NAMED.match(text)
    if found is None:
        return make_part(None, None, text)
    return make_part(found["name"], found.groupdict().get("type"), text[found.end() :])


def _error(text: str) -> Part:
    found = _LINK.match(text)
    return make_part(None, found["type"], text[found.end() :]) if found else make_part(None, None, text)


def _read_swift(docstring: str) -> DocstringParts | None:
    found: dict[str, list[Part]] = {"parameters": [], "returns": [], "raises": []}
    listed: list[str] = []
    in_list, open_part = False, None
    for line in docstring.split("\n"):
        text = line.strip()
        begins = _SWIFT.match(text)
        if begins:
            word = begins["word"].lower()
            in_list = word == "parameters"
            kind = {"returns": "returns", "throws": "raises"}.get(word, "parameters")
            open_part = None if in_list else (kind, begins["rest"], [begins["text"]])
            if open_part:
                found[kind].append(make_part(begins["rest"], None, begins["text"]))
        elif in_list and text:
            listed.append(line)
        elif open_part and text and not _ITEM.match(text):
            kind, name, lines = open_part
            lines.append(text)
            found[kind][-1] = make_part(name, None, "\n".join(lines))
        else:
            open_part = None
            in_list = in_list and not text
    found["parameters"] += map(_named, _items(listed))
    return make_parts("swift", found["parameters"], found["returns"], found["raises"])


STYLES: dict[str, Callable[[str], DocstringParts | None]] = {
    "rustdoc": lambda docstring: _read_headings("rustdoc", docstring),
    "julia": lambda docstring: _read_headings("julia", docstring),
    "swift": _read_swift,
}
