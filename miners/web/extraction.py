"""The main content of a page, as blocks in page order.

resiliparse finds the main content; our own pass over its blocks (`boilerplate`) leaves the text. trafilatura may be
asked for instead. A page that would take too long is refused (`complexity`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree
from resiliparse.process_guard import ExecutionTimeout, time_guard

from miners.web.blocks import Block, text_blocks
from miners.web.boilerplate import is_prose, without_boilerplate
from miners.web.charset import decode_page
from miners.web.complexity import TooComplex, check_complexity, check_depth
from miners.web.page_lines import PageLines, lines_of, read_lines
from miners.web.trafilatura_text import check_trafilatura, read_with_trafilatura

EXTRACTORS = ("resiliparse", "trafilatura")

MOST_SECONDS = 20
"""The limits of `complexity` keep the C code below it; this stops what is Python, trafilatura above all."""

_LITTLE_TEXT = 250
"""Main content of fewer characters than two passages have is taken for a miss of the extractor."""
_MISS = 5
"""The miss is sure where the page's paragraphs have this many times the text."""


class BrokenHtml(ValueError):
    """The parser or the extractor gave up on a page."""


class TooSlow(RuntimeError):
    """A page whose extraction was stopped by its time limit."""


@dataclass(frozen=True, slots=True)
class PageText:
    """The main content of a page."""

    title: str
    """Of the page's head; empty where it has none."""
    lines: PageLines
    """Headings, paragraphs and list entries in page order; the headline is none of them."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The lines as blocks."""
        return tuple(self.lines.blocks())

    def paragraphs(self) -> list[str]:
        """The texts of the lines, in page order."""
        return list(self.lines.texts)

    def headings(self) -> set[int]:
        """The numbers of the lines that are headings."""
        return {i for i, level in enumerate(self.lines.levels) if level}


def paragraphs(html: bytes, content_type: str | None = None) -> list[str]:
    """The main content's paragraphs, headings and list entries in page order; empty where the page has none.

    `content_type` is the HTTP header, whose charset goes before the page's own. Raises as `page_text` does.
    """
    return page_text(html, content_type).paragraphs()


def check_extractor(name: str) -> None:
    """Raise ValueError for an extractor that there is not, or that is not installed."""
    if name not in EXTRACTORS:
        raise ValueError(f"there is no extractor {name!r}; give one of {', '.join(EXTRACTORS)}")
    if name == "trafilatura":
        check_trafilatura()


def page_text(html: bytes, content_type: str | None = None, extractor: str = "resiliparse") -> PageText:
    """The main content of a page by one of EXTRACTORS. Raises BrokenHtml, TooComplex, TooSlow."""
    tags = check_complexity(html)
    if extractor == "trafilatura":
        with _time_limit():
            title, blocks = read_with_trafilatura(decode_page(html, content_type))
        return PageText(title, lines_of(blocks))
    try:
        return _read(decode_page(html, content_type), tags)
    except TooComplex:
        raise
    except (ValueError, RuntimeError) as error:
        raise BrokenHtml(str(error)) from None


def _read(html: str, tags: int) -> PageText:
    # resiliparse takes the class of an embedded post for one of share buttons; the author quotes it
    tree = HTMLTree.parse(html.replace("twitter-tweet", "quoted-post"))
    check_depth(html, tree, tags)
    title = " ".join((tree.title or "").split())
    lines = _text_lines(title, read_lines(_extract(tree, main_content=True)))
    if _chars(lines) < _LITTLE_TEXT:
        everything = read_lines(_extract(tree, main_content=False))
        within = [i for i, is_within in enumerate(everything.in_text) if is_within]
        in_elements = _text_lines(title, everything.take(within))
        if _chars(in_elements) > _MISS * _chars(lines):
            return PageText(title, in_elements)
    return PageText(title, lines)


def _text_lines(title: str, lines: PageLines) -> PageLines:
    return lines.take(without_boilerplate(title, lines))


def _chars(lines: PageLines) -> int:
    return sum(map(len, lines.texts))


def _extract(tree: HTMLTree, *, main_content: bool) -> str:
    return extract_plain_text(
        tree,
        preserve_formatting="minimal_html",
        main_content=main_content,
        links=True,
        list_bullets=True,
        alt_texts=False,
        comments=False,
        post_meta=False,
    )


@contextmanager
def _time_limit() -> Iterator[None]:
    """Stop Python code in this thread that runs for more than MOST_SECONDS; C code ends first."""
    try:
        with time_guard(timeout=MOST_SECONDS):
            yield
    except ExecutionTimeout:
        raise TooSlow(f"extraction took more than {MOST_SECONDS} seconds") from None


def text_paragraphs(text: str) -> list[str]:
    """The paragraphs of plain text with one a line, as WET files have it."""
    return [block.text for block in text_blocks(text) if is_prose(block.text)]
