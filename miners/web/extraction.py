"""The main content of a page, as blocks in page order.

resiliparse finds the main content; our own pass over its blocks (`boilerplate`) leaves the text. trafilatura may be
asked for instead. A page that would take too long is refused (`complexity`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

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


NoText = BrokenHtml | TooComplex | TooSlow
"""What is raised, or given, instead of a page's text."""
_Before, _After = TypeVar("_Before"), TypeVar("_After")


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
    (found,) = page_texts([(html, content_type)], extractor)
    if isinstance(found, NoText):
        raise found
    return found


def page_texts(pages: Sequence[tuple[bytes, str | None]], extractor: str = "resiliparse") -> list[PageText | NoText]:
    """`page_text` of each page, or what that raises; each step of it is done for all of them before the next one.

    What the parser needs (its code, its tables, its memory) then stays in the processor's caches from one page to the
    next, which takes a sixth off its time.
    """
    if extractor == "trafilatura":
        return _each(_read_with_trafilatura, pages)
    markup = _each(_main_content, _each(_decoded, pages))
    return _each(_without_miss, _each(_main_lines, markup))


class _Markup(NamedTuple):
    """A page whose main content was found."""

    html: str
    title: str
    main: str
    """As resiliparse's minimal HTML."""


class _Lines(NamedTuple):
    """A page whose main content was read."""

    html: str
    title: str
    lines: PageLines


def _each(step: Callable[[_Before], _After], pages: Sequence[_Before | NoText]) -> list[_After | NoText]:
    """The step's result for each page; what it raises, and what failed before, takes the place of the page."""
    return [page if isinstance(page, NoText) else _caught(step, page) for page in pages]


def _caught(step: Callable[[_Before], _After], page: _Before) -> _After | NoText:
    try:
        return step(page)
    except (TooComplex, TooSlow) as error:
        return error.with_traceback(None)
    except (ValueError, RuntimeError) as error:
        return BrokenHtml(str(error))


def _read_with_trafilatura(page: tuple[bytes, str | None]) -> PageText:
    check_complexity(page[0])
    with _time_limit():
        title, blocks = read_with_trafilatura(decode_page(*page))
    return PageText(title, lines_of(blocks))


def _decoded(page: tuple[bytes, str | None]) -> tuple[str, int]:
    """The page's markup, and how many tags it has at most."""
    tags = check_complexity(page[0])
    # resiliparse takes the class of an embedded post for one of share buttons; the author quotes it
    return decode_page(*page).replace("twitter-tweet", "quoted-post"), tags


def _main_content(page: tuple[str, int]) -> _Markup:
    html, tags = page
    tree = HTMLTree.parse(html)
    check_depth(html, tree, tags)
    return _Markup(html, " ".join((tree.title or "").split()), _extract(tree, main_content=True))


def _main_lines(page: _Markup) -> _Lines:
    return _Lines(page.html, page.title, _text_lines(page.title, read_lines(page.main)))


def _without_miss(page: _Lines) -> PageText:
    """The page's text; where the main content has next to none, what stands in its elements for text."""
    if _chars(page.lines) < _LITTLE_TEXT:
        # parsed again, as few pages are: keeping every page's tree would cost the caches that the steps run in
        everything = read_lines(_extract(HTMLTree.parse(page.html), main_content=False))
        within = [i for i, is_within in enumerate(everything.in_text) if is_within]
        in_elements = _text_lines(page.title, everything.take(within))
        if _chars(in_elements) > _MISS * _chars(page.lines):
            return PageText(page.title, in_elements)
    return PageText(page.title, page.lines)


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
