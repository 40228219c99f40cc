"""The blocks of a page in page order: headings, paragraphs and list entries, with how much of each is link text.

resiliparse marks headings, paragraphs, list entries and links in its text when it is asked for minimal HTML. The text
is the plain text's, at no more cost, and escaped, so what looks like a tag is one.
"""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

_TAG = re.compile(r"(</?(?:a|p|h[1-6]|li|ul|ol|pre|br)(?: [^>]*)?>)")
_ONE_ELEMENT = re.compile(r" *<(?:(p|h[1-6]|li)|(a) [^>]*)>([^<]*)</(?:\1|\2)>")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_TEXT_ELEMENTS = frozenset(("p", "li", "pre", *_HEADINGS))


class Block(NamedTuple):
    """One line of a page: a heading, a paragraph, a list entry, or text that stands in none of them."""

    text: str
    """Without line breaks, with every run of white space as one space; never empty."""
    heading_level: int = 0
    """1 to 6 for a heading, 0 for other text."""
    link_chars: int = 0
    """How many of the text's characters are text of links."""
    in_text_element: bool = False
    """Whether it stands in an element that is for text: a paragraph, a heading, a list entry, preformatted text."""

    @property
    def link_share(self) -> float:
        """The part of the text that is text of links, 0 to 1."""
        return self.link_chars / len(self.text)


def read_blocks(markup: str) -> list[Block]:
    """The blocks of resiliparse's minimal HTML with links and list bullets."""
    blocks: list[Block] = []
    element = ""
    for line in markup.replace("<br>", "\n").split("\n"):
        if not line:
            continue
        links, within = 0, element
        if "<" not in line:
            text = _clean(line)
        elif (one := _ONE_ELEMENT.fullmatch(line)) and (one[2] or not element):
            text = _clean(one[3])
            within = one[1] or element
            links = len(text) if one[2] else 0
        else:
            pieces = _TAG.split(line)
            text = _clean("".join(pieces[::2]))
            links = _link_chars(pieces) if text else 0
            within, element = _elements(pieces, element)
        if text:
            blocks.append(Block(text, _HEADINGS.get(within, 0), min(links, len(text)), within != ""))
    return blocks


def text_blocks(text: str) -> list[Block]:
    """The blocks of plain text, one a line."""
    return [Block(line, 0, 0, True) for line in map(_clean, text.split("\n")) if line]


def _elements(pieces: list[str], element: str) -> tuple[str, str]:
    """The element that a line's text stands in, and the one open behind the line; `element` is open before it."""
    within = element
    for tag in pieces[1::2]:
        name = tag[1:-1]
        if name in _TEXT_ELEMENTS:
            element = name
            if not within or within == "li" or name in _HEADINGS:
                within = name
        elif name[1:] in _TEXT_ELEMENTS:
            element = ""
    return within, element


def _link_chars(pieces: list[str]) -> int:
    """How many characters of a line, as text and tags in turn, are text of links.

    A link may begin before the line or end after it.
    """
    chars = 0
    begin: int | None = None
    seen = False
    for number in range(1, len(pieces), 2):
        tag = pieces[number]
        opens = tag.startswith("<a ")
        if not opens and tag != "</a>":
            continue
        if not seen and not opens:
            begin = 0
        if begin is not None:
            chars += len(_clean("".join(pieces[begin:number:2])))
        begin = number + 1 if opens else None
        seen = True
    return chars if begin is None else chars + len(_clean("".join(pieces[begin::2])))


def _clean(text: str) -> str:
    """With every run of white space as one space, and none at the ends."""
    text = (unescape(text) if "&" in text else text).strip()
    # the space is the only white space that is printable: most lines need not be taken apart, which takes longest
    return text if "  " not in text and text.isprintable() else " ".join(text.split())
