"""The lines of a page as the boilerplate pass looks at them: in columns, each measure taken once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from types import ModuleType
from typing import NamedTuple

import numpy as np

from miners.compiling import compiled_module
from miners.web.blocks import Block, read_blocks
from miners.web.code_points import code_points
from miners.web.text_length import UNSPACED, token_count

LEAST_TOKENS = 5
"""Shorter lines are menus, buttons and bylines more often than sentences."""
LONG_TOKENS = 20
"""A line this long is prose even where its last character does not say so (quotes, footnote marks, lost full stops)."""

_ENDS = frozenset(".!?…:;。！？：；।॥۔؟།៕")
_CLOSERS = "\"'”’»)]」』）"
_ENDING = 12
"""Characters at the end of a line that are looked at for the end of a sentence."""


class PageLines(NamedTuple):
    """What is known of each line; the lists are of one length."""

    texts: Sequence[str]
    levels: Sequence[int]
    link_chars: Sequence[int]
    in_text: Sequence[bool]
    """These four are a `Block`'s."""
    tokens: Sequence[int]
    """See `text_length.token_count`."""
    ended: Sequence[bool]
    """Whether it ends as a sentence does."""
    prose: Sequence[int]
    """Characters of prose: all of the text's, or none."""

    def take(self, numbers: Sequence[int]) -> PageLines:
        """Those lines alone."""
        if len(numbers) < 2:
            return PageLines(*([column[i] for i in numbers] for column in self))
        return PageLines(*map(itemgetter(*numbers), self))

    def blocks(self) -> list[Block]:
        """The lines as blocks."""
        return list(map(Block, *self[:4]))


def lines_of(blocks: Sequence[Block]) -> PageLines:
    """The blocks in columns, and what is measured of them."""
    tokens, ended, prose = [], [], []
    for text, _, link_chars, _ in blocks:
        # a block has single spaces, so that most need not be split to be counted
        size = text.count(" ") + 1 if text.isascii() or not UNSPACED.search(text) else token_count(text)
        tokens.append(size)
        ended.append(ends_sentence(text))
        reads = size >= LEAST_TOKENS and 2 * link_chars <= len(text) and (size >= LONG_TOKENS or ended[-1])
        prose.append(len(text) if reads else 0)
    texts, levels, links, in_text = zip(*blocks, strict=True) if blocks else ((), (), (), ())
    return PageLines(texts, levels, links, in_text, tokens, ended, prose)


def ends_sentence(text: str) -> bool:
    """Whether a text ends in a mark that ends a sentence, quotes and brackets behind it passed over."""
    return text[-_ENDING:].rstrip(_CLOSERS)[-1:] in _ENDS


def read_lines(markup: str) -> PageLines:
    """The lines of resiliparse's minimal HTML: `lines_of(read_blocks(markup))`."""
    loops = compiled_module("miners.web.compiled")
    made = _compiled_lines(loops, markup) if loops and markup else None
    return lines_of(read_blocks(markup)) if made is None else made


def _compiled_lines(loops: ModuleType, markup: str) -> PageLines | None:
    """None for a page with entities that only Python knows."""
    points, encoding = code_points(markup)
    out = np.empty(len(points) + 1, points.dtype)
    columns = np.empty((6, markup.count("\n") + markup.count("<br>") + 1), np.int32)
    count, written = loops.read_lines(points, _kinds(loops), LEAST_TOKENS, LONG_TOKENS, _ENDING, out, columns)
    if count == loops.NOT_KNOWN:
        return None
    levels, links, in_text, tokens, ended, prose = columns[:, :count].tolist()
    texts = out[:written].tobytes().decode(encoding).split("\n")[:count]
    return PageLines(texts, levels, links, list(map(bool, in_text)), tokens, list(map(bool, ended)), prose)


@lru_cache(maxsize=1)
def _kinds(loops: ModuleType) -> np.ndarray:
    """Of each character of the basic plane what it is: a sum of the compiled module's kinds."""
    kinds = np.zeros(0x10000, np.uint8)
    for point in range(0x10000):
        char = chr(point)
        kinds[point] = (
            loops.SPACE * char.isspace()
            + loops.ENDS * (char in _ENDS)
            + loops.CLOSES * (char in _CLOSERS)
            + loops.UNSPACED * (UNSPACED.match(char) is not None)
        )
    return kinds
