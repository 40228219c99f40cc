"""Styles whose parts begin with a tag at the head of a line: `@param`, `\\return`, `@throws`.

A style is data: which tags mean what, and how the words behind a tag are laid out. A tag's text ends before the next
line that begins with a tag, or where a style says so with a blank line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from miners.code.docstring_styles.parts import DocstringParts, make_part, make_parts
from schemas.pair import Part

_BRACED = r"\{(?P<type>(?:[^{}\n]|\{[^{}\n]*\})*)\}"
_LISTED = r"\[(?P<type>[^\]\n]*)\]"
_DASH = r"(?:[ \t]+[-–—:](?=\s))?"
_TYPE_THEN_TEXT = r"(?P<type>\S+)"
_LUA_TYPE = r"(?:table|string|number|integer|boolean|function|fun|nil|any)\b\S*"
_FENCE = ("```", "~~~")


@dataclass(frozen=True)
class TagStyle:
    """One style. Values are the layout of what stands behind a tag: a pattern with the groups `name` and `type`."""

    name: str
    parameters: dict[str, str]
    returns: dict[str, str]
    raises: dict[str, str]
    marks: str = "@"
    ends_at_blank_line: bool = False


def _of(tags: str, layout: str) -> dict[str, str]:
    return dict.fromkeys(tags.split(), layout)


_STYLES = (
    TagStyle(
        "jsdoc",
        _of(
            "param arg argument prop property",
            rf"(?:{_BRACED}[ \t]*)?(?:\[[ \t]*(?P<optional>[\w$.]+)[^\]\n]*\]|(?P<name>[\w$.]+(?:\[\])?)){_DASH}",
        ),
        _of("return returns yield yields", rf"(?:{_BRACED})?{_DASH}"),
        _of("throws throw exception", rf"(?:{_BRACED})?{_DASH}"),
    ),
    TagStyle(
        "javadoc",
        _of("param", r"(?P<name><\w+>|[\w$]+)") | _of("tparam", r"(?P<name>\w+)"),
        _of("return returns", ""),
        _of("throws exception", r"(?P<type>[\w.$]+)"),
    ),
    TagStyle(
        "kdoc",
        _of("param", r"(?:\[(?P<optional>\w+)\]|(?P<name><?\w+>?))") | _of("property", r"(?P<name>\w+)"),
        _of("return returns", ""),
        _of("throws exception", r"\[?(?P<type>[\w.]+)\]?"),
    ),
    TagStyle(
        "phpdoc",
        _of("param", r"(?:(?P<type>[^$\n]*?)[ \t]*)?&?(?:\.\.\.)?(?P<name>\$\w+)"),
        _of("return", _TYPE_THEN_TEXT),
        _of("throws throw", _TYPE_THEN_TEXT),
    ),
    TagStyle(
        "doxygen",
        _of("param", r"(?:[ \t]*\[[ \t,a-z]*\])?[ \t]*(?P<name>[\w.]+(?:[ \t]*,[ \t]*\w+)*)")
        | _of("tparam", r"(?P<name>\w+)"),
        _of("return returns result", "") | _of("retval", r"(?P<name>\S+)"),
        _of("throws throw exception", r"(?P<type>[\w:.]+)"),
        marks=r"@\\",
        ends_at_blank_line=True,
    ),
    TagStyle(
        "yard",
        _of(
            "param yieldparam option",
            rf"(?:{_LISTED}[ \t]+)?(?P<name>[*&]{{0,2}}:?\w+)(?:[ \t]+\[(?P<type2>[^\]\n]*)\])?",
        ),
        _of("return yieldreturn", rf"(?:{_LISTED})?"),
        _of("raise", rf"(?:{_LISTED})?"),
    ),
    TagStyle(
        "ldoc",
        _of(
            "param",
            r"(?P<name>[\w.]+\??|\.\.\.)(?:[ \t]+(?P<type>(?:table|string|number|boolean|function|nil|any)\b\S*))?",
        )
        | _of("tparam", r"(?P<type>\S+)[ \t]+(?P<name>[\w.]+|\.\.\.)"),
        _of("return", "") | _of("treturn", _TYPE_THEN_TEXT),
        _of("raise error", ""),
    ),
)


def _read(style: TagStyle, docstring: str) -> DocstringParts | None:
    found: dict[str, list[Part]] = {"parameters": [], "returns": [], "raises": []}
    for tag, text in _tagged(docstring, style):
        for kind, parts in found.items():
            layout = getattr(style, kind).get(tag)
            if layout is not None:
                parts.append(_part(layout, text))
    return make_parts(style.name, found["parameters"], found["returns"], found["raises"])


def _tagged(docstring: str, style: TagStyle) -> list[tuple[str, str]]:
    """(tag, text) of each tag that begins a line outside a fence, in order."""
    begins = re.compile(rf"[{style.marks}](\w+)(?=[\s\[{{]|$)")
    blocks: list[tuple[str, list[str]]] = []
    is_open = is_fenced = False
    for line in docstring.split("\n"):
        text = line.strip()
        is_fenced ^= text.startswith(_FENCE)
        tag = None if is_fenced else begins.match(text)
        if tag:
            blocks.append((tag[1], [text[tag.end() :]]))
            is_open = True
        elif is_open and not text and style.ends_at_blank_line:
            is_open = False
        elif is_open:
            blocks[-1][1].append(text)
    return [(tag, "\n".join(lines)) for tag, lines in blocks]


def _part(layout: str, text: str) -> Part:
    text = text.lstrip(" \t")
    head = re.match(layout, text)
    if head is None:
        return make_part(None, None, text)
    groups = head.groupdict()
    name = groups.get("name") or groups.get("optional")
    return make_part(name, groups.get("type") or groups.get("type2"), text[head.end() :])


STYLES: dict[str, Callable[[str], DocstringParts | None]] = {style.name: partial(_read, style) for style in _STYLES}
