"""The main content of a page, as blocks in page order.

resiliparse finds the main content; our own pass over its blocks (`boilerplate`) leaves the text. trafilatura may be
asked for instead. A page that would take too long is refused before it is parsed: the parser and the extractor are C
and cannot be stopped, so what bounds their time is how much markup they are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import DOMContext, HTMLTree, traverse_dom
from resiliparse.process_guard import ExecutionTimeout, time_guard

from miners.web.blocks import Block, text_blocks
from miners.web.boilerplate import is_prose, without_boilerplate
from miners.web.charset import decode_page
from miners.web.page_lines import PageLines, lines_of, read_lines
from miners.web.trafilatura_text import check_trafilatura, read_with_trafilatura

EXTRACTORS = ("resiliparse", "trafilatura")

MOST_TAGS = 200_000
"""Browsers' pages have about a thousand; the whole HTML standard on one page has 300,000."""
MOST_DEPTH = 512
"""Elements inside each other; the extractor's time grows with it times the elements. Browsers stop at 512."""
MOST_ATTRIBUTES = 20_000
"""Of one tag; the parser's time grows with their square, to a second and a half at this number."""
MOST_SECONDS = 20
"""The limits above keep the C code below it; this stops what is Python, trafilatura above all."""

_LITTLE_TEXT = 250
"""Main content of fewer characters than two passages have is taken for a miss of the extractor."""
_MISS = 5
"""The miss is sure where the page's paragraphs have this many times the text."""
_LONG_RUN = 40_000
"""Bytes; a tag with MOST_ATTRIBUTES has twice as many at the least, so that one place looked at lies in it."""
_TAGS_CHECKED = 4_000
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*")
_ATTRIBUTE = re.compile(rb"[^\s\"'>/=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]*))?")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_NO_DEPTH = _VOID | {"p", "li", "dt", "dd", "tr", "td", "th", "option"}
"""Elements without an end tag, or whose end tag is often left out."""


class BrokenHtml(ValueError):
    """The parser or the extractor gave up on a page."""


class TooComplex(ValueError):
    """A page with more markup than can be taken in bounded time."""


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
    if tags > _TAGS_CHECKED:
        _check_depth(html, tree)
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


def check_complexity(html: bytes) -> int:
    """How many tags a page has at most. Raises TooComplex for too many, and for too many attributes in one."""
    tags = html.count(b"<")
    if tags > MOST_TAGS:
        raise TooComplex(f"more than {MOST_TAGS:,} tags")
    place = 0
    while place < len(html) - _LONG_RUN:
        end = html.find(b">", place)
        if end < 0 or end > place + _LONG_RUN:
            _check_attributes(html, place, end if end >= 0 else len(html))
        place = max(end, place) + _LONG_RUN if end >= 0 else len(html)
    return tags


def _check_attributes(html: bytes, place: int, end: int) -> None:
    """Raise TooComplex where a place whose next `>` is far, at `end`, is in a tag with too many attributes."""
    tag = html[max(0, html.rfind(b"<", 0, place)) : end]
    if not tag[1:2].isalpha() or tag[1:7].lower() in (b"script", b"style ") or _in_script(html, place):
        return
    if sum(1 for _ in islice(_ATTRIBUTE.finditer(tag), MOST_ATTRIBUTES + 1)) > MOST_ATTRIBUTES:
        raise TooComplex(f"a tag with more than {MOST_ATTRIBUTES:,} attributes")


def _in_script(html: bytes, place: int) -> bool:
    begin = max(html.rfind(b"<script", 0, place), html.rfind(b"<style", 0, place))
    return begin > max(html.rfind(b"</script", 0, place), html.rfind(b"</style", 0, place))


def _check_depth(html: str, tree: HTMLTree) -> None:
    """Raise TooComplex for elements too deep in each other; the tree is only walked where the tags let it be so."""
    if tree.body is None or not _may_be_deep(html):
        return
    deepest = 0

    def enter(context: DOMContext) -> None:
        nonlocal deepest
        deepest = max(deepest, context.depth)

    traverse_dom(tree.body, enter, elements_only=True)
    if deepest > MOST_DEPTH:
        raise TooComplex(f"elements nested more than {MOST_DEPTH:,} deep")


def _may_be_deep(html: str) -> bool:
    tags = _TAG.findall(html)
    steps = {tag: _step(tag) for tag in set(tags)}
    depth = 0
    for tag in tags:
        depth += steps[tag]
        if depth > MOST_DEPTH:
            return True
        if depth < 0:
            depth = 0
    return False


def _step(tag: str) -> int:
    """How much deeper the page is behind a tag, given as `<name` or `</name`."""
    if tag.lstrip("</").lower() in _NO_DEPTH:
        return 0
    return -1 if tag.startswith("</") else 1


def text_paragraphs(text: str) -> list[str]:
    """The paragraphs of plain text with one a line, as WET files have it."""
    return [block.text for block in text_blocks(text) if is_prose(block.text)]
