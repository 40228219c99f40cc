"""Shingle sets: runs of n words as 64-bit hashes, exact enough that their Jaccard index is that of the strings.

In: texts. Out: per text the sorted distinct hashes of its shingles. A text of fewer than n words is one shingle of all
its words; one without any word (only punctuation) is one shingle of what it holds; an empty one has none, and the
caller must drop it with a reason: without a shingle it would resemble nothing, or every other empty text.

The arithmetic is a polynomial over code points mod 2^64 for a word, mixed by MurmurHash3's fmix64, and the same over
n words for a shingle. Prefix sums make it a handful of numpy passes over a chunk of texts. `shingle_hash` is the same
rule for one list of words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from miners.near_duplicates.words import ABSENT, SEPARATOR, SINGLE, class_table, prepare

_MASK = (1 << 64) - 1
_CHAR_BASE = 0x9E3779B97F4A7C15
_CHAR_INVERSE = pow(_CHAR_BASE, -1, 1 << 64)
_WORD_BASE = 0xD1342543DE82EF95
# Text and code never share a shingle: a comment that quotes code is not that code.
_DOMAIN = {False: 0x243F6A8885A308D3, True: 0x13198A2E03707344}
_CHUNK_TEXTS = 256
_CHUNK_CHARS = 1 << 16


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


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """Sets of shingle hashes: set i is `hashes[offsets[i]:offsets[i + 1]]`, sorted and distinct (uint64, int64)."""

    hashes: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self.hashes[self.offsets[index] : self.offsets[index + 1]]

    def sizes(self) -> np.ndarray:
        """The number of shingles of each set."""
        return np.diff(self.offsets)


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
        total = (total * _CHAR_BASE + ord(char)) & _MASK
    return _fmix64_int(total)


def shingle_hash(shingle: Sequence[str], is_code: bool) -> int:
    """The 64-bit hash of one shingle, given as its words."""
    total = 0
    for word in shingle:
        total = (total * _WORD_BASE + word_hash(word)) & _MASK
    return _fmix64_int((total + _DOMAIN[is_code]) & _MASK)


def shingle_sets(texts: Iterable[str], rule: ShingleRule) -> ShingleSets:
    """The shingle set of each text, in order."""
    return concatenate_sets([_as_sets(*_mixed_sets(chunk, rule)) for chunk in _chunks(texts, rule.is_code)])


def side_sets(texts: Sequence[str], is_code: np.ndarray, text: ShingleRule, code: ShingleRule) -> ShingleSets:
    """The shingle set of each text, in order, by the `code` rule where `is_code` (bool) says so."""
    if not is_code.any() or is_code.all():
        return shingle_sets(texts, code if len(texts) and is_code.all() else text)
    order = np.argsort(is_code, kind="stable")
    split = len(texts) - int(is_code.sum())
    parts = [
        shingle_sets([texts[i] for i in some], rule) for some, rule in ((order[:split], text), (order[split:], code))
    ]
    return take_sets(concatenate_sets(parts), np.argsort(order))


def concatenate_sets(parts: Sequence[ShingleSets]) -> ShingleSets:
    """The sets of all parts, one part after another."""
    sizes = [part.sizes() for part in parts]
    hashes = [part.hashes for part in parts]
    return _as_sets(np.concatenate([np.zeros(0, np.uint64), *hashes]), np.concatenate([np.zeros(0, int), *sizes]))


def union_sets(left: ShingleSets, right: ShingleSets) -> ShingleSets:
    """Set i of the result is the union of set i of both: the joint set of a pair from those of its sides."""
    sizes = left.sizes() + right.sizes()
    ends = np.cumsum(sizes)
    starts = ends - sizes
    merged = np.empty(int(ends[-1]) if len(ends) else 0, np.uint64)
    merged[_positions(starts, left.sizes())] = left.hashes
    merged[_positions(starts + left.sizes(), right.sizes())] = right.hashes
    return _as_sets(*_sorted_distinct(merged, sizes))


def take_sets(sets: ShingleSets, indices: np.ndarray) -> ShingleSets:
    """The sets at `indices`, in that order."""
    sizes = sets.sizes()[indices]
    return _as_sets(sets.hashes[_positions(sets.offsets[indices], sizes)], sizes)


def _as_sets(hashes: np.ndarray, sizes: np.ndarray) -> ShingleSets:
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return ShingleSets(hashes, offsets)


def _positions(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The positions starts[i], starts[i] + 1, … of each run i, one run after another."""
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)


def _chunks(texts: Iterable[str], is_code: bool) -> Iterator[list[str]]:
    chunk: list[str] = []
    chars = 0
    for text in texts:
        prepared = prepare(text, is_code)
        if chunk and (len(chunk) == _CHUNK_TEXTS or chars + len(prepared) > _CHUNK_CHARS):
            yield chunk
            chunk, chars = [], 0
        chunk.append(prepared)
        chars += len(prepared) + 1
    if chunk:
        yield chunk


def _mixed_sets(texts: list[str], rule: ShingleRule) -> tuple[np.ndarray, np.ndarray]:
    """`_chunk_sets` of the ASCII texts, at a byte a code point, and of the others, in the order of the texts."""
    is_ascii = np.fromiter(map(str.isascii, texts), bool, len(texts))
    if is_ascii.all() or not is_ascii.any():
        return _chunk_sets(texts, rule)
    order = np.argsort(~is_ascii, kind="stable")
    split = int(is_ascii.sum())
    parts = [_as_sets(*_chunk_sets([texts[i] for i in some], rule)) for some in (order[:split], order[split:])]
    taken = take_sets(concatenate_sets(parts), np.argsort(order))
    return taken.hashes, taken.sizes()


def _chunk_sets(texts: list[str], rule: ShingleRule) -> tuple[np.ndarray, np.ndarray]:
    words, bounds = _word_hashes(texts, rule.is_code)
    counts = np.diff(bounds)
    sizes = np.maximum(counts - rule.size + 1, (counts > 0).astype(np.int64))
    wordless = [i for i in np.flatnonzero(counts == 0).tolist() if texts[i].strip()]
    sizes[wordless] = 1
    starts = np.cumsum(sizes) - sizes
    shingles = np.empty(int(sizes.sum()), np.uint64)
    full = counts >= rule.size
    shingles[_positions(starts[full], sizes[full])] = _windows(words, bounds, rule.size)
    for length in range(1, rule.size):
        short = np.flatnonzero(counts == length)
        if len(short):
            shingles[starts[short]] = _horner(words, bounds[:-1][short], length)
    domain = np.uint64(_DOMAIN[rule.is_code])
    shingles = fmix64(shingles + domain)
    for i in wordless:
        shingles[starts[i]] = shingle_hash([" ".join(texts[i].split())], rule.is_code)
    return _sorted_distinct(shingles, sizes)


def _horner(words: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    total = words[starts]
    for step in range(1, length):
        total = total * np.uint64(_WORD_BASE) + words[starts + step]
    return total


def _windows(words: np.ndarray, bounds: np.ndarray, size: int) -> np.ndarray:
    """The polynomial of each window of `size` words that lies within one text, in order."""
    count = len(words) - size + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    total = words[:count].copy()
    for step in range(1, size):
        total *= np.uint64(_WORD_BASE)
        total += words[step : step + count]
    inside = np.ones(len(words), bool)
    crossing = bounds[1:, None] - np.arange(1, size)
    inside[crossing[crossing >= bounds[:-1, None]]] = False
    return total[inside[:count]]


def _word_hashes(texts: list[str], is_code: bool) -> tuple[np.ndarray, np.ndarray]:
    """The hash of every word of the texts, and where each text's words begin (len(texts) + 1 bounds)."""
    joined = "\n".join(texts)
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) + 1 for text in texts], out=starts[1:])
    if joined.isascii():
        codes = np.frombuffer(joined.encode("ascii"), np.uint8)
        classes = class_table(is_code, 128)[codes]
    else:
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        classes = class_table(is_code)[codes]
        absent = classes == ABSENT
        if absent.any():
            # A text may begin at the end of the buffer, hence one bound more than there are code points.
            starts = np.concatenate([[0], np.cumsum(~absent), [0]])[np.minimum(starts, len(codes))]
            codes, classes = codes[~absent], classes[~absent]
    edge = np.ones(len(classes) + 1, bool)
    edge[1:-1] = (classes[1:] != classes[:-1]) | (classes[1:] == SINGLE)
    present = classes != SEPARATOR
    begins = np.flatnonzero(edge[:-1] & present)
    ends = np.flatnonzero(edge[1:] & present) + 1
    sums = np.zeros(len(codes) + 1, np.uint64)
    powers, inverses = _powers(1 << max(12, (len(codes) - 1).bit_length()))
    np.cumsum(codes * powers[: len(codes)], out=sums[1:])
    hashes = fmix64((sums[ends] - sums[begins]) * inverses[begins])
    return hashes, np.searchsorted(begins, starts)


@lru_cache(maxsize=8)
def _powers(count: int) -> tuple[np.ndarray, np.ndarray]:
    """base^i and base^-i mod 2^64 for i < count."""
    bases = np.full((2, count), 1, np.uint64)
    bases[0, 1:] = _CHAR_BASE
    bases[1, 1:] = _CHAR_INVERSE
    powers = np.cumprod(bases, axis=1)
    return powers[0], powers[1]


def _sorted_distinct(hashes: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorts each run in place, drops repeats within a run; returns the hashes and the runs' new sizes."""
    ends = np.cumsum(sizes)
    for start, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True):
        if end - start > 1:
            hashes[start:end].sort()
    if not len(hashes):
        return hashes, sizes
    first = np.empty(len(hashes), bool)
    first[0] = True
    np.not_equal(hashes[1:], hashes[:-1], out=first[1:])
    first[(ends - sizes)[sizes > 0]] = True
    kept = np.concatenate([[0], np.cumsum(first)])
    return hashes[first], kept[ends] - kept[ends - sizes]
