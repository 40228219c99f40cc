"""The blocks of a page's main content in page order: headings, paragraphs and list entries, with their link text.

resiliparse marks headings, paragraphs, list entries and links in its text when it is asked for minimal HTML, which
costs nothing more than plain text does; this reads those marks. Every text in it is escaped, so a tag is a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

_LINK = re.compile(r"<a href=\"[^\"]*\">(.*?)</a>", re.DOTALL)
_TAG = re.compile(r"</?(?:a|p|h[1-6]|li|ul|ol|pre|br)(?: [^>]*)?>")
_HEADING = re.compile(r"<h([1-6])>")


@dataclass(frozen=True, slots=True)
class Block:
    """One line of a page's content: a heading, a paragraph, a list entry."""

    text: str
    """Without line breaks, with every run of white space as one space; never empty."""
    heading_level: int = 0
    """1 to 6 for a heading, 0 for other text."""
    link_chars: int = 0
    """How many of the text's characters are text of links."""


def read_blocks(markup: str) -> list[Block]:
    """The blocks of resiliparse's minimal HTML."""
    blocks: list[Block] = []
    for line in markup.replace("<br>", "\n").split("\n"):
        if "<" not in line:
            text = _clean(line)
            if text:
                blocks.append(Block(text))
            continue
        text = _clean(_TAG.sub("", line))
        if not text:
            continue
        heading = _HEADING.search(line)
        links = sum(len(_clean(_TAG.sub("", link))) for link in _LINK.findall(line))
        blocks.append(Block(text, int(heading.group(1)) if heading else 0, min(links, len(text))))
    return blocks


def _clean(text: str) -> str:
    return " ".join((unescape(text) if "&" in text else text).split())
