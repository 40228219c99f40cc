"""How much markup a page may have: too many tags, attributes of one tag, or elements inside each other are refused.

The parser and the extractor are C and cannot be stopped, so what bounds their time is how much markup they are given.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

import numpy as np
from resiliparse.parse.html import DOMContext, HTMLTree, traverse_dom

from miners.compiling import compiled_module
from miners.web.code_points import code_points

MOST_TAGS = 200_000
"""Browsers' pages have about a thousand; the whole HTML standard on one page has 300,000."""
MOST_DEPTH = 512
"""Elements inside each other; the extractor's time grows with it times the elements. Browsers stop at 512."""
MOST_ATTRIBUTES = 20_000
"""Of one tag; the parser's time grows with their square, to a second and a half at this number."""

_TAGS_CHECKED = 4_000
_LONG_RUN = 40_000
"""Bytes; a tag with MOST_ATTRIBUTES has twice as many at the least, so that one place looked at lies in it."""
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*")
_ATTRIBUTE = re.compile(rb"[^\s\"'>/=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]*))?")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
_NO_DEPTH = _VOID | {"p", "li", "dt", "dd", "tr", "td", "th", "option"}
"""Elements without an end tag, or whose end tag is often left out."""


class TooComplex(ValueError):
    """A page with more markup than can be taken in bounded time."""


def check_complexity(html: bytes) -> int:
    """How many tags a page has at most. Raises TooComplex for too many, and for too many attributes in one."""
    tags = int(np.count_nonzero(np.frombuffer(html, np.uint8) == ord("<")))  # bytes.count takes thrice as long
    if tags > MOST_TAGS:
        raise TooComplex(f"more than {MOST_TAGS:,} tags")
    place = 0
    while place < len(html) - _LONG_RUN:
        end = html.find(b">", place)
        if end < 0 or end > place + _LONG_RUN:
            _check_attributes(html, place, end if end >= 0 else len(html))
        place = max(end, place) + _LONG_RUN if end >= 0 else len(html)
    return tags


def check_depth(html: str, tree: HTMLTree, tags: int) -> None:
    """Raise TooComplex for elements too deep in each other; `tags` are those that `check_complexity` counted.

    The tree is only walked where the tags let it be so.
    """
    if tags <= _TAGS_CHECKED or tree.body is None or not may_be_deep(html):
        return
    deepest = 0

    def enter(context: DOMContext) -> None:
        nonlocal deepest
        deepest = max(deepest, context.depth)

    traverse_dom(tree.body, enter, elements_only=True)
    if deepest > MOST_DEPTH:
        raise TooComplex(f"elements nested more than {MOST_DEPTH:,} deep")


def may_be_deep(html: str) -> bool:
    """Whether more than MOST_DEPTH elements are open at once, were all tags as they are written."""
    loops = compiled_module("miners.web.compiled")
    if loops:
        return loops.may_be_deep(code_points(html)[0], _packed_names(), MOST_DEPTH)
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


def _step(tag: str) -> int:
    """How much deeper the page is behind a tag, given as `<name` or `</name`."""
    if tag.lstrip("</").lower() in _NO_DEPTH:
        return 0
    return -1 if tag.startswith("</") else 1


@lru_cache(maxsize=1)
def _packed_names() -> np.ndarray:
    """The names of _NO_DEPTH, each as one integer: a byte a letter, the first one highest."""
    return np.array([int.from_bytes(name.encode(), "big") for name in sorted(_NO_DEPTH)], np.uint64)
