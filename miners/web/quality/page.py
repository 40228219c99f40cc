"""A page's text as the quality rules measure it; each measure is taken once, when the first rule asks for it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property, lru_cache
from types import ModuleType
from typing import NamedTuple

import numpy as np

from miners.compiling import compiled_module
from miners.web.code_points import code_points

UNSPACED_LANGUAGES = frozenset(("zh", "ja", "th", "lo", "my", "km"))
"""Written without spaces between words: there each character counts as a word, and n-grams are twice as long."""
UNENDED_LANGUAGES = frozenset(("th", "lo"))
"""Written without marks at the ends of sentences."""
SENTENCE_MARKS = (*".?!‼‽⁇⁈⁉。｡！？．﹒﹖﹗।॥۔؟؞។៕။၊።፧፨։܀܁܂᙮᠃᠉᱾᱿꓿꘎꘏꛳꛷⸮⸼⹓⹔߹",)
"""Unicode's Sentence_Terminal, as far as it is in living scripts."""

MOST_CHARS = 1 << 20
"""Of longer pages the beginning is measured; by then they are beyond Gopher's most words."""


def compiled_loops() -> ModuleType | None:
    """The loops over words that numba compiles, where it is there."""
    return compiled_module("miners.web.quality.compiled")


_BULLETS = ("•", "-")
_ELLIPSES = ("...", "…")


class _Measured(NamedTuple):
    """A page's words: where each starts and ends, the sum of the lengths of those before it (and of all), its hash; how
    many have a letter, and a letter or a digit.
    """

    starts: np.ndarray
    ends: np.ndarray
    chars: np.ndarray
    hashes: np.ndarray
    letter_words: int
    named_words: int


class Marks(NamedTuple):
    """Signs that are rare in prose."""

    hash_signs: int
    ellipses: int
    """Of one character or of three full stops."""
    bullet_lines: int
    """Lines that begin with a bullet or a hyphen."""
    ellipsis_lines: int
    """Lines that end with an ellipsis."""


class TextPage:
    """The lines of a page, without blank ones."""

    def __init__(self, lines: Sequence[str], language: str) -> None:
        self.lines = lines
        self.language = language
        """BCP 47 code of the page as a whole."""
        self.spaced = language not in UNSPACED_LANGUAGES
        self._ngrams: tuple[int, np.ndarray] | None = None

    @cached_property
    def text(self) -> str:
        """The lines joined, up to MOST_CHARS."""
        return "\n".join(self.lines)[:MOST_CHARS]

    @cached_property
    def word_spans(self) -> tuple[np.ndarray, np.ndarray]:
        """Where words start and end: what stands between white space; in scripts without spaces each character."""
        if self._measured:
            return self._measured.starts, self._measured.ends
        blank = self._blank
        if not self.spaced:
            starts = np.flatnonzero(~blank)
            return starts, starts + 1
        edges = np.flatnonzero(blank[1:] != blank[:-1]) + 1
        edges = edges if blank[0] else np.concatenate(([0], edges))
        edges = edges if len(edges) % 2 == 0 else np.concatenate((edges, [len(blank)]))
        return edges[0::2].copy(), edges[1::2].copy()  # what comes after them reads whole arrays faster

    @cached_property
    def words(self) -> int:
        """How many words there are, signs that stand alone included."""
        return len(self.word_spans[0])

    @cached_property
    def word_chars(self) -> np.ndarray:
        """The sum of the words' lengths up to each word, from 0."""
        if self._measured:
            return self._measured.chars
        starts, ends = self.word_spans
        return np.concatenate(([0], np.cumsum(ends - starts)))

    @cached_property
    def letter_words(self) -> int:
        """How many words have a letter."""
        if self._measured:
            return self._measured.letter_words
        return int(np.count_nonzero(self._in_words(_LETTER)))

    @cached_property
    def named_words(self) -> int:
        """How many words have a letter or a digit, and are not of signs alone."""
        if self._measured:
            return self._measured.named_words
        return int(np.count_nonzero(self._in_words(_LETTER | _DIGIT)))

    @cached_property
    def ended_line_share(self) -> float:
        """The share of lines that end in a mark that ends a sentence."""
        return sum(line.endswith(SENTENCE_MARKS) for line in self.lines) / max(1, len(self.lines))

    @cached_property
    def marks(self) -> Marks:
        """How often there is each of the signs that prose has few of."""
        if loops := compiled_loops():
            return Marks(*loops.count_marks(self._code_points))
        text = f"\n{self.text}\n"
        return Marks(
            text.count("#"),
            sum(map(text.count, _ELLIPSES)),
            sum(text.count(f"\n{mark}") for mark in _BULLETS),
            sum(text.count(f"{mark}\n") for mark in _ELLIPSES),
        )

    @cached_property
    def duplicate_lines(self) -> tuple[int, int]:
        """How many lines stood before on the page, and their characters."""
        if len(unique := set(self.lines)) == len(self.lines):
            return 0, 0
        return len(self.lines) - len(unique), sum(map(len, self.lines)) - sum(map(len, unique))

    @cached_property
    def word_hashes(self) -> np.ndarray:
        """64 bits of each word: a polynomial of its code points."""
        if self._measured:
            return self._measured.hashes
        starts, ends = self.word_spans
        points = self._code_points
        if not self.spaced:  # the white space after a character tells it apart
            ends = np.concatenate((starts[1:], [len(points)]))
        powers, inverses = _powers(_room(len(points)))
        sums = np.zeros(len(points) + 1, np.uint64)
        np.cumsum(points * powers[: len(points)], out=sums[1:])
        return (sums[ends] - sums[starts]) * inverses[starts]

    def ngrams(self, size: int) -> np.ndarray:
        """64 bits of each n-gram of `size` words. The last are kept, as longer ones are made of them."""
        made, keys = self._ngrams if self._ngrams and self._ngrams[0] <= size else (1, self.word_hashes)
        while made < size:
            keys = keys[:-1] * _PRIME + self.word_hashes[made:]
            made += 1
        self._ngrams = made, keys
        return keys

    @cached_property
    def _measured(self) -> _Measured | None:
        """All that is asked of words, in one pass; None where nothing is compiled."""
        loops = compiled_loops()
        if loops is None:
            return None
        points = self._code_points
        most = (len(points) + 1) // 2 if self.spaced else len(points)
        places, hashes = np.empty((3, most + 1), np.int64), np.empty(most, np.uint64)
        words, letters, named = loops.measure_words(points, _kinds(), self.spaced, places, hashes)
        starts, ends, chars = places
        return _Measured(starts[:words], ends[:words], chars[: words + 1], hashes[:words], letters, named)

    @cached_property
    def _code_points(self) -> np.ndarray:
        return code_points(self.text)[0]

    @cached_property
    def _blank(self) -> np.ndarray:
        return self._code_points <= ord(" ")

    def _in_words(self, kinds: int) -> np.ndarray:
        """Whether each word has a character of these kinds."""
        return np.logical_or.reduceat(_is_of(kinds).take(self._code_points), self.word_spans[0])


_LETTER, _DIGIT = 1, 2
_BASE = 0x9E3779B97F4A7C15
_PRIME = np.uint64(_BASE)


@lru_cache(maxsize=1)
def _kinds() -> np.ndarray:
    """Of each code point whether it is a letter (or a mark on one, as Thai's vowels are) or a digit."""
    kinds = np.zeros(0x110000, np.uint8)
    for point in range(0x32000):  # there is no letter and no digit beyond
        char = chr(point)
        is_letter = char.isalpha() or (point > 0x2FF and unicodedata.category(char)[0] == "M")
        kinds[point] = _LETTER * is_letter | _DIGIT * char.isdigit()
    return kinds


@lru_cache(maxsize=4)
def _is_of(kinds: int) -> np.ndarray:
    """Of each code point whether it is of one of these kinds."""
    return (_kinds() & kinds).astype(bool)


def _room(size: int) -> int:
    """The next power of two: few sizes, so that few tables are made."""
    return 1 << max(12, (size - 1).bit_length())


@lru_cache(maxsize=32)
def _powers(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The powers of an odd number and of its inverse, mod 2^64."""
    bases = np.array([_BASE, pow(_BASE, -1, 1 << 64)], np.uint64)
    tables = np.ones((2, size), np.uint64)
    tables[:, 1:] = bases[:, None]
    np.cumprod(tables, axis=1, out=tables)
    return tables[0], tables[1]
