"""Shingle sets: runs of n words as 64-bit hashes, exact enough that their Jaccard index is that of the strings.

In: texts, as a list or an Arrow array. Out: per text the hashes of its shingles, as they come or sorted and distinct. A
text of fewer than n words is one shingle of all its words; one without any word (only punctuation) is one shingle of
what it holds; an empty one has none, and the caller must drop it with a reason: without a shingle it would resemble
nothing, or every other empty text.

Signatures need no order: `shingle_runs` is for them, and `distinct` makes sets of those few that are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
import pyarrow as pa

from miners.near_duplicates.kernels import compiled
from miners.near_duplicates.numpy_shingles import numpy_runs
from miners.near_duplicates.runs import ShingleRuns, ShingleSets, as_runs, distinct, merge_runs
from miners.near_duplicates.shingle_rule import CHAR_BASE, DOMAIN, WORD_BASE, ShingleRule, shingle_hash
from miners.near_duplicates.words import code_point_table, prepare

Texts = Sequence[str] | pa.StringArray


def shingle_sets(texts: Texts, rule: ShingleRule) -> ShingleSets:
    """The shingle set of each text, in order."""
    return distinct(shingle_runs(texts, rule))


def shingle_runs(texts: Texts, rule: ShingleRule) -> ShingleRuns:
    """The shingles of each text, in order, repeats included. Raises ValueError for a null in an array."""
    if isinstance(texts, pa.Array) and texts.null_count:
        raise ValueError("there is no text to shingle in a null; drop such rows first")
    loops = compiled()
    if loops is None:
        return numpy_runs(texts.to_pylist() if isinstance(texts, pa.Array) else texts, rule)
    if isinstance(texts, pa.Array):
        codes, offsets = bytes_of(texts)
        is_ascii = are_ascii(codes, offsets)
        chosen = np.flatnonzero(is_ascii)
        ascii_runs = _ascii_runs(loops, codes, offsets[chosen], offsets[chosen + 1], rule)
    else:
        is_ascii = np.fromiter(map(str.isascii, texts), bool, len(texts))
        chosen = np.flatnonzero(is_ascii)
        joined, offsets = _joined(_take(texts, chosen))
        ascii_runs = _ascii_runs(loops, np.frombuffer(joined.encode(), np.uint8), offsets[:-1], offsets[1:], rule)
    if is_ascii.all():
        return ascii_runs
    others = np.flatnonzero(~is_ascii)
    return merge_runs([(ascii_runs, chosen), (_wide_runs(loops, _take(texts, others), rule), others)])


def side_runs(texts: Texts, is_code: np.ndarray, text: ShingleRule, code: ShingleRule) -> ShingleRuns:
    """The shingles of each text, in order, by the `code` rule where `is_code` (bool) says so."""
    if not is_code.any() or is_code.all():
        return shingle_runs(texts, code if len(texts) and is_code.all() else text)
    kinds = (np.flatnonzero(~is_code), text), (np.flatnonzero(is_code), code)
    return merge_runs([(shingle_runs(_take(texts, some), rule), some) for some, rule in kinds])


def _take(texts: Texts, chosen: np.ndarray) -> Texts:
    return texts.take(pa.array(chosen)) if isinstance(texts, pa.Array) else [texts[i] for i in chosen]


def bytes_of(texts: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """The UTF-8 bytes of an Arrow array, and where each text begins in them."""
    _, bounds, data = texts.buffers()
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    offsets = np.frombuffer(bounds, kind, len(texts) + 1, texts.offset * np.dtype(kind).itemsize).astype(np.int64)
    return np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8), offsets


def are_ascii(codes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Which texts, bytes `codes[offsets[i]:offsets[i + 1]]`, are ASCII."""
    result = np.ones(len(offsets) - 1, bool)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        largest = np.maximum.reduceat(codes[: offsets[-1]], offsets[filled])
        result[filled] = largest < 128
    return result


def _joined(texts: Sequence[str]) -> tuple[str, np.ndarray]:
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
    return "".join(texts), offsets


def _ascii_runs(
    loops: ModuleType, codes: np.ndarray, starts: np.ndarray, ends: np.ndarray, rule: ShingleRule
) -> ShingleRuns:
    """Of texts that are ASCII, at a byte a code point; lower case is made on the way."""

    def text(i: int) -> str:
        return prepare(codes[starts[i] : ends[i]].tobytes().decode(), rule.is_code)

    table = code_point_table(rule.is_code, 128).copy()
    if not rule.is_code:
        table[65:91] += np.uint32(32)
    return _looped_runs(loops, codes, starts, ends, table, rule, text)


def _wide_runs(loops: ModuleType, texts: Texts, rule: ShingleRule) -> ShingleRuns:
    """Of texts in any script, at four bytes a code point."""
    given = texts.to_pylist() if isinstance(texts, pa.Array) else texts
    prepared = [prepare(text, rule.is_code) for text in given]
    joined, offsets = _joined(prepared)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    table = code_point_table(rule.is_code)
    return _looped_runs(loops, codes, offsets[:-1], offsets[1:], table, rule, prepared.__getitem__)


def _looped_runs(
    loops: ModuleType,
    codes: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    table: np.ndarray,
    rule: ShingleRule,
    text: Callable[[int], str],
) -> ShingleRuns:
    """The compiled loop; `text(i)` is asked for texts without words."""
    sizes = ends - starts
    bases = np.array([CHAR_BASE, WORD_BASE, DOMAIN[rule.is_code]], np.uint64)
    counts = np.zeros(len(starts), np.int64)
    words = np.empty(int(sizes.max(initial=0)), np.uint64)
    shingles = np.empty(int(sizes.sum()), np.uint64)  # room: pages that nothing is written to cost nothing
    used = loops.shingle_texts(codes, starts, ends, table, rule.size, *bases, words, shingles, counts)
    return _without_words(as_runs(shingles[:used], np.abs(counts)), np.flatnonzero(counts < 0), rule, text)


def _without_words(
    runs: ShingleRuns, wordless: np.ndarray, rule: ShingleRule, text: Callable[[int], str]
) -> ShingleRuns:
    """Texts without words hold one shingle, of all that is in them, or none where they are blank."""
    blank = np.zeros(len(runs), np.int64)
    for i in wordless.tolist():
        whole = " ".join(text(i).split())
        blank[i] = not whole
        runs.hashes[runs.offsets[i]] = shingle_hash([whole], rule.is_code)
    if not blank.any():
        return runs
    return as_runs(np.delete(runs.hashes, runs.offsets[:-1][blank > 0]), runs.sizes() - blank)
