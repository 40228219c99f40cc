"""The main content of a page, as paragraphs in page order.

resiliparse finds the main content; with formatting preserved each of its lines is a paragraph. What is then wrong is
boilerplate, so a second pass over the lines keeps those that read as prose.
"""

from __future__ import annotations

import re

from resiliparse.extract.html2text import extract_plain_text

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


def paragraphs(html: bytes, content_type: str | None = None) -> list[str]:
    """The main content's paragraphs in page order; empty where the page has none.

    `content_type` is the HTTP header, whose charset goes before the page's own. Raises BrokenHtml.
    """
    return [line for line in content_lines(html, content_type) if is_prose(line)]


def content_lines(html: bytes, content_type: str | None = None) -> list[str]:
    """Every line of the main content, headings and list entries included. Raises BrokenHtml."""
    _check_depth(html)
    try:
        text = extract_plain_text(
            decode_page(html, content_type),
            preserve_formatting=True,
            main_content=True,
            list_bullets=False,
            alt_texts=False,
            comments=False,
            post_meta=False,
        )
    except (ValueError, RuntimeError) as error:
        raise BrokenHtml(str(error)) from None
    return text_lines(text)


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
