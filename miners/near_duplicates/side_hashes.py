"""Side hashes and word counts of many texts at once: those of `schemas.side_hash` and of `str.split`, bit for bit."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from types import ModuleType

import numpy as np
import pyarrow as pa
import xxhash

from miners.near_duplicates.kernels import compiled
from miners.near_duplicates.shingles import bytes_of
from schemas.ids import length_prefix
from schemas.pair_batch import TextSide, text_side
from schemas.side_hash import side_hash

_LOOKED_AT = ((0, 0x3400), (0xA000, 0xAC00), (0xFB00, 0xFFF0), (0x1F000, 0x1FB00))
"""Where letters, marks and signs are of which the compiled loop knows what becomes; others go the slow way."""
_AS_THEY_ARE = ((0x3400, 0xA000), (0xAC00, 0xD7A4))
"""Chinese and Korean characters, which no rule changes."""
_JAMO = range(0x1100, 0x1200)
"""Parts of Korean characters, which become one where they stand together."""


def side_hashes(texts: pa.StringArray, is_code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(hash, words) of each text (int64, int64), by the rule for code where `is_code` says so."""
    hashes, words = np.zeros(len(texts), np.int64), np.full(len(texts), -1, np.int64)
    loops = compiled()
    if loops is not None:
        codes, offsets = bytes_of(texts)
        chosen = np.flatnonzero(~is_code)
        hashes[chosen], words[chosen] = _text_hashes(loops, codes, offsets[chosen], offsets[chosen + 1])
    for i in np.flatnonzero(words < 0).tolist():
        text = texts[i].as_py()
        hashes[i] = side_hash(text, is_code=bool(is_code[i]))
        words[i] = len(text.split())
    return hashes, words


def text_sides(texts: Sequence[str]) -> list[TextSide]:
    """`schemas.pair_batch.text_side` of each text. Raises ValueError for a blank one."""
    loops = compiled()
    if loops is None or not texts:
        return list(map(text_side, texts))
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(list(map(len, encoded)), out=offsets[1:])
    hashes, words = _text_hashes(loops, np.frombuffer(b"".join(encoded), np.uint8), offsets[:-1], offsets[1:])
    return [
        TextSide(text, value, count, length_prefix(len(whole)) + whole) if count > 0 else text_side(text)
        for text, value, count, whole in zip(texts, hashes.tolist(), words.tolist(), encoded, strict=True)
    ]


def _text_hashes(
    loops: ModuleType, codes: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(hash, words) of each text, UTF-8 `codes[starts[i]:ends[i]]`; -1 words where it has letters beyond `folds`."""
    room = int((ends - starts).sum())
    normal = np.empty(3 * room, np.uint8)  # no character becomes more; pages that nothing is written to cost nothing
    bounds, words = np.zeros(len(starts) + 1, np.int64), np.zeros(len(starts), np.int64)
    loops.normalize_texts(codes, starts, ends, folds(), normal, bounds, words)
    view, cuts = memoryview(normal), bounds.tolist()
    digests = (xxhash.xxh3_64_intdigest(view[a:b]) for a, b in pairwise(cuts))
    return np.fromiter(digests, np.uint64, len(starts)).view(np.int64), words


@lru_cache(maxsize=1)
def folds() -> np.ndarray:
    """What becomes of each code point up to 0x1FFFF: a blank of white space, else one to three code points, 21 bits
    each, the first one lowest; -1 for what may join the letter before it, and what becomes more than that.
    """
    table = np.full(0x20000, -1, np.int64)
    for first, end in _AS_THEY_ARE:
        table[first:end] = np.arange(first, end)
    for first, end in _LOOKED_AT:
        for point in range(first, end):
            char = chr(point)
            normal = unicodedata.normalize("NFKC", char)
            folded = " " if char.isspace() else normal.casefold()
            if char.isspace() or (len(folded) <= 3 and all(map(_stands_alone, (char, *normal)))):
                table[point] = sum(ord(one) << 21 * place for place, one in enumerate(folded))
    return table


def _stands_alone(char: str) -> bool:
    """Whether a character is no blank, and no rule joins it to the one before it."""
    return not char.isspace() and unicodedata.category(char)[0] != "M" and ord(char) not in _JAMO
