"""What a shingle is: the rule, and its hash in plain Python.

A shingle is n words in a row. The arithmetic is a polynomial over code points mod 2^64 for a word, mixed by
MurmurHash3's fmix64, and the same over n words for a shingle, so that both are sums that numpy and compiled loops can
form; `shingle_hash` is the same rule for one list of words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MASK = (1 << 64) - 1
CHAR_BASE = 0x9E3779B97F4A7C15
WORD_BASE = 0xD1342543DE82EF95
# Text and code never share a shingle: a comment that quotes code is not that code.
DOMAIN = {False: 0x243F6A8885A308D3, True: 0x13198A2E03707344}


@dataclass(frozen=True, slots=True)
class ShingleRule:
    """How a text is cut: `size` words a shingle; `is_code` takes lexical tokens in place of words."""

    is_code: bool
    size: int = 5

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a shingle needs at least one word, not {self.size}: give size 1 or more")

    def as_dict(self) -> dict[str, object]:
        """What the manifest stores of the rule."""
        return {"tokens": "code" if self.is_code else "words", "size": self.size, "hash": "poly64-fmix64/1"}


TEXT = ShingleRule(is_code=False)
CODE = ShingleRule(is_code=True)


def fmix64(values: np.ndarray) -> np.ndarray:
    """MurmurHash3's 64-bit finaliser, a bijection, on a uint64 array."""
    values = values ^ (values >> np.uint64(33))
    values *= np.uint64(0xFF51AFD7ED558CCD)
    values ^= values >> np.uint64(33)
    values *= np.uint64(0xC4CEB9FE1A85EC53)
    values ^= values >> np.uint64(33)
    return values


def _fmix64_int(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & _MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ value >> 33


def word_hash(word: str) -> int:
    """The 64-bit hash of one word: sum of code point i times base^i, mixed."""
    total = 0
    for char in reversed(word):
        total = (total * CHAR_BASE + ord(char)) & _MASK
    return _fmix64_int(total)


def shingle_hash(shingle: Sequence[str], is_code: bool) -> int:
    """The 64-bit hash of one shingle, given as its words."""
    total = 0
    for word in shingle:
        total = (total * WORD_BASE + word_hash(word)) & _MASK
    return _fmix64_int((total + DOMAIN[is_code]) & _MASK)
