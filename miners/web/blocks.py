"""The blocks of a page in page order: headings, paragraphs and list entries, with how much of each is link text.

resiliparse marks headings, paragraphs, list entries and links in its text when it is asked for minimal HTML. The text
is the plain text's, at no more cost, and escaped, so what looks like a tag is one.
"""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

_TAG = re.compile(r"</?(?:a|p|h[1-6]|li|ul|ol|pre|br)(?: [^>]*)?>")
_PLAIN = re.compile(r" *<(p|li)>([^<]*)</\1>")
_TEXT_TAG = re.compile(r"<(/?)(p|h[1-6]|li|pre)>")
_LINK_TAG = re.compile(r"<(?:a [^>]*|/a)>")


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
        plain = None if element else _PLAIN.fullmatch(line)
        if plain:
            text, links, within = _clean(plain[2]), 0, plain[1]
        elif "<" not in line:
            text = _clean(line)
            links, within = 0, element
        else:
            within = element
            for end, name in _TEXT_TAG.findall(line):
                element = "" if end else name
                if not end and (not within or within == "li" or name[0] == "h"):
                    within = name
            text = _clean(_TAG.sub("", line))
            links = _link_chars(line) if "<a " in line or "</a>" in line else 0
        if text:
            level = int(within[1]) if within[:1] == "h" else 0
            blocks.append(Block(text, level, min(links, len(text)), bool(within)))
    return blocks


def text_blocks(text: str) -> list[Block]:
    """The blocks of plain text, one a line."""
    return [Block(line, 0, 0, True) for line in map(_clean, text.split("\n")) if line]


def _link_chars(line: str) -> int:
    """How many characters of a line are text of links; a link may begin before the line or end after it."""
    chars = position = 0
    tags = list(_LINK_TAG.finditer(line))
    linked = line.startswith("</a", tags[0].start())
    for tag in tags:
        if linked:
            chars += len(_clean(_TAG.sub("", line[position : tag.start()])))
        linked, position = not line.startswith("</", tag.start()), tag.end()
    if linked:
        chars += len(_clean(_TAG.sub("", line[position:])))
    return chars


def _clean(text: str) -> str:
    return " ".join((unescape(text) if "&" in text else text).split())
