"""Shingling in numpy alone: a handful of passes over the code points of a chunk of texts.

Prefix sums of the polynomial give every word's hash by one subtraction, whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from miners.near_duplicates.runs import ShingleRuns, as_runs, concatenate_runs, merge_runs, positions
from miners.near_duplicates.shingle_rule import CHAR_BASE, DOMAIN, WORD_BASE, ShingleRule, fmix64, shingle_hash
from miners.near_duplicates.words import ABSENT, SEPARATOR, SINGLE, class_table, prepare

_CHAR_INVERSE = pow(CHAR_BASE, -1, 1 << 64)
_CHUNK_TEXTS = 256
_CHUNK_CHARS = 1 << 16


def numpy_runs(texts: Sequence[str], rule: ShingleRule) -> ShingleRuns:
    """The shingles of each text, in order, repeats included."""
    return concatenate_runs([_mixed_runs(chunk, rule) for chunk in _chunks(texts, rule.is_code)])


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


def _mixed_runs(texts: list[str], rule: ShingleRule) -> ShingleRuns:
    """`_chunk_runs` of the ASCII texts, at a byte a code point, and of the others, in the order of the texts."""
    is_ascii = np.fromiter(map(str.isascii, texts), bool, len(texts))
    if is_ascii.all() or not is_ascii.any():
        return _chunk_runs(texts, rule)
    kinds = np.flatnonzero(is_ascii), np.flatnonzero(~is_ascii)
    return merge_runs([(_chunk_runs([texts[i] for i in some], rule), some) for some in kinds])


def _chunk_runs(texts: list[str], rule: ShingleRule) -> ShingleRuns:
    words, bounds = _word_hashes(texts, rule.is_code)
    counts = np.diff(bounds)
    sizes = np.maximum(counts - rule.size + 1, (counts > 0).astype(np.int64))
    wordless = [i for i in np.flatnonzero(counts == 0).tolist() if texts[i].strip()]
    sizes[wordless] = 1
    starts = np.cumsum(sizes) - sizes
    shingles = np.empty(int(sizes.sum()), np.uint64)
    full = counts >= rule.size
    shingles[positions(starts[full], sizes[full])] = _windows(words, bounds, rule.size)
    for length in range(1, rule.size):
        short = np.flatnonzero(counts == length)
        if len(short):
            shingles[starts[short]] = _horner(words, bounds[:-1][short], length)
    domain = np.uint64(DOMAIN[rule.is_code])
    shingles = fmix64(shingles + domain)
    for i in wordless:
        shingles[starts[i]] = shingle_hash([" ".join(texts[i].split())], rule.is_code)
    return as_runs(shingles, sizes)


def _horner(words: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    total = words[starts]
    for step in range(1, length):
        total = total * np.uint64(WORD_BASE) + words[starts + step]
    return total


def _windows(words: np.ndarray, bounds: np.ndarray, size: int) -> np.ndarray:
    """The polynomial of each window of `size` words that lies within one text, in order."""
    count = len(words) - size + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    total = words[:count].copy()
    for step in range(1, size):
        total *= np.uint64(WORD_BASE)
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
    bases[0, 1:] = CHAR_BASE
    bases[1, 1:] = _CHAR_INVERSE
    powers = np.cumprod(bases, axis=1)
    return powers[0], powers[1]
