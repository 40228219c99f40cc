"""The main content of a page, as paragraphs in page order.

resiliparse finds the main content; with formatting preserved each of its lines is a paragraph. What is then wrong is
boilerplate, so a second pass over the lines keeps those that read as prose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from miners.web.blocks import Block, read_blocks
from miners.web.charset import decode_page
from miners.web.text_length import token_count

_SENTENCE_END = re.compile(r"[.!?…:;。！？：；।॥۔؟።။៕][\"'”’»)\]」』）]*$")
LEAST_TOKENS = 5
"""Shorter lines are menus, buttons and bylines more often than sentences."""
LONG_TOKENS = 20
"""A line this long is prose even where its last character does not say so (quotes, footnote marks, lost full stops)."""


MOST_DEPTH = 1000
"""Elements inside each other; the extractor's time grows with the square of it, and browsers stop at 512."""
_TAG = re.compile(rb"<(/?)([A-Za-z][A-Za-z0-9]*)")
_NO_DEPTH = frozenset(
    b"area base br col embed hr img input link meta source track wbr p li dt dd tr td th option".split()
)
"""Elements without an end tag, or whose end tag is often left out."""


class BrokenHtml(ValueError):
    """The parser or the extractor gave up on a page, or would."""


@dataclass(frozen=True, slots=True)
class PageText:
    """The main content of a page."""

    title: str
    """Of the page's head; empty where it has none."""
    blocks: tuple[Block, ...]
    """Headings and prose in page order."""

    def paragraphs(self) -> list[str]:
        """The texts that are no headings, in page order."""
        return [block.text for block in self.blocks if not block.heading_level]


def paragraphs(html: bytes, content_type: str | None = None) -> list[str]:
    """The main content's paragraphs in page order; empty where the page has none.

    `content_type` is the HTTP header, whose charset goes before the page's own. Raises BrokenHtml.
    """
    return page_text(html, content_type).paragraphs()


def page_text(html: bytes, content_type: str | None = None) -> PageText:
    """The main content of a page, headings included. Raises BrokenHtml."""
    _check_depth(html)
    try:
        tree = HTMLTree.parse(decode_page(html, content_type))
        markup = extract_plain_text(
            tree,
            preserve_formatting="minimal_html",
            main_content=True,
            links=True,
            list_bullets=False,
            alt_texts=False,
            comments=False,
            post_meta=False,
        )
        title = tree.title
    except (ValueError, RuntimeError) as error:
        raise BrokenHtml(str(error)) from None
    blocks = (block for block in read_blocks(markup) if block.heading_level or is_prose(block.text))
    return PageText(" ".join((title or "").split()), tuple(blocks))


def _check_depth(html: bytes) -> None:
    if html.count(b"<") <= 4 * MOST_DEPTH:  # at worst half a second, and no scan of the common page
        return
    depth = 0
    for tag in _TAG.finditer(html):
        if tag.group(2).lower() in _NO_DEPTH:
            continue
        depth = max(0, depth - 1) if tag.group(1) else depth + 1
        if depth > MOST_DEPTH:
            raise BrokenHtml(f"elements nested more than {MOST_DEPTH:,} deep")


def text_paragraphs(text: str) -> list[str]:
    """The paragraphs of plain text with one a line, as WET files have it."""
    return [line for line in text_lines(text) if is_prose(line)]


def text_lines(text: str) -> list[str]:
    """Lines that are not blank, with every run of white space inside them as one space."""
    return [line for line in (" ".join(raw.split()) for raw in text.split("\n")) if line]


def is_prose(line: str) -> bool:
    """Whether a line reads as prose: enough words, and the end of a sentence unless it is long."""
    tokens = token_count(line)
    return tokens >= LONG_TOKENS or (tokens >= LEAST_TOKENS and _SENTENCE_END.search(line) is not None)
