"""Loops that numba compiles; imported through `kernels.compiled()` alone, since it needs numba.

Arguments are checked by the callers. Integer arithmetic is mod 2^64 or 2^32, as in numpy; every constant is typed,
because numba makes uint64 * int64 a float and uint32 * uint32 a uint64.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import boolean, i8, u1, u4, u8, void
from numba.types import Array

from miners.compiling import compiled_for
from miners.near_duplicates.words import ABSENT, SEPARATOR, SINGLE

_SHIFT = np.uint64(33)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_EMPTY = np.uint32(0xFFFFFFFF)
_CODE_POINT = np.uint32(0xFFFFFF)
_CODE_POINT_BITS = 0x1FFFFF

# Read-only arrays (of buffers, of shared tables) and others pass for these.
_IN1, _IN4, _IN8, _INS = (Array(kind, 1, "C", readonly=True) for kind in (u1, u4, u8, i8))
_ROWS4, _ROWS8 = Array(u4, 2, "C", readonly=True), u8[:, ::1]


@numba.njit(inline="always")
def _mix(value: np.uint64) -> np.uint64:
    value ^= value >> _SHIFT
    value *= _MIX_1
    value ^= value >> _SHIFT
    value *= _MIX_2
    return value ^ (value >> _SHIFT)


@numba.njit(inline="always")
def _cut_words(codes: np.ndarray, start: int, end: int, table: np.ndarray, base: int, words: np.ndarray) -> int:
    """The hash of each word of `codes[start:end]` into `words`; returns how many."""
    # Unsigned: numba asks of every signed index whether it counts from the end.
    place, last, found, one = np.uint64(start), np.uint64(end), np.uint64(0), np.uint64(1)
    while True:
        entry = kind = np.uint32(SEPARATOR)
        while place < last:
            entry = table[codes[place]]
            kind = entry >> np.uint32(24)
            if kind != SEPARATOR and kind != ABSENT:
                break
            place += one
        if place >= last:
            break
        value, power = np.uint64(entry & _CODE_POINT), base
        place += one
        while kind != SINGLE and place < last:
            entry = table[codes[place]]
            if entry >> np.uint32(24) == kind:
                value += np.uint64(entry & _CODE_POINT) * power
                power *= base
            elif entry >> np.uint32(24) != ABSENT:
                break
            place += one
        words[found] = _mix(value)
        found += one
    return np.int64(found)


@numba.njit(inline="always")
def _roll(words: np.ndarray, length: int, base: int, domain: int, shingles: np.ndarray) -> None:
    """The polynomial of each `length` words in a row, mixed: a pass a word, each over arrays without branches."""
    count = len(shingles)
    for first in range(count):
        shingles[first] = words[first]
    for step in range(1, length):
        later = words[step : step + count]
        for first in range(count):
            shingles[first] = shingles[first] * base + later[first]
    for first in range(count):
        shingles[first] = _mix(shingles[first] + domain)


@compiled_for(
    i8(_IN1, _INS, _INS, _IN4, i8, u8, u8, u8, u8[::1], u8[::1], i8[::1]),
    i8(_IN4, _INS, _INS, _IN4, i8, u8, u8, u8, u8[::1], u8[::1], i8[::1]),
)
def shingle_texts(
    codes: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    table: np.ndarray,
    size: int,
    char_base: int,
    word_base: int,
    domain: int,
    words: np.ndarray,
    shingles: np.ndarray,
    counts: np.ndarray,
) -> int:
    """Shingle text i, code points `codes[starts[i]:ends[i]]`, into `shingles`; returns how many were written.

    `table` has the code point that is hashed, and above it the class, of each code point. `words` is scratch for the
    longest text. A text with code points but without words gets one slot, and the count -1: the caller
    decides what it holds.
    """
    total = 0
    for text in range(len(starts)):
        found = _cut_words(codes, starts[text], ends[text], table, char_base, words)
        if found == 0:
            counts[text] = 0 if starts[text] == ends[text] else -1
            total += -counts[text]
            continue
        length = min(size, found)
        count = found - length + 1
        _roll(words[:found], length, word_base, domain, shingles[total : total + count])
        counts[text] = count
        total += count
    return total


@numba.njit(inline="always")
def _mix_low(value: np.uint64) -> np.uint32:
    """MurmurHash3's 32-bit finaliser of the low half."""
    low = np.uint32(value)
    low ^= low >> np.uint32(16)
    low = np.uint32(low * np.uint32(0x85EBCA6B))
    low ^= low >> np.uint32(13)
    low = np.uint32(low * np.uint32(0xC2B2AE35))
    return np.uint32(low ^ (low >> np.uint32(16)))


@compiled_for(void(_IN8, _INS, _IN4, _IN4, u4[:, ::1]))
def sign_runs(
    hashes: np.ndarray, offsets: np.ndarray, factors: np.ndarray, addends: np.ndarray, result: np.ndarray
) -> None:
    """Row i of `result`: the minima over run i of the permuted low halves of its hashes; 2^32 - 1 for an empty run."""
    count = len(factors)
    minima = np.empty(count, np.uint32)
    for run in range(len(offsets) - 1):
        minima[:] = _EMPTY
        place, end = offsets[run], offsets[run + 1]
        while place < end:
            # Four at a time, the last ones again where there are fewer: a minimum is read and written once for all.
            first = _mix_low(hashes[place])
            second = _mix_low(hashes[min(place + 1, end - 1)])
            third = _mix_low(hashes[min(place + 2, end - 1)])
            fourth = _mix_low(hashes[min(place + 3, end - 1)])
            for k in range(count):
                factor, addend = factors[k], addends[k]
                low = min(np.uint32(first * factor + addend), np.uint32(second * factor + addend))
                high = min(np.uint32(third * factor + addend), np.uint32(fourth * factor + addend))
                minima[k] = min(minima[k], min(low, high))
            place += 4
        result[run, :] = minima


@compiled_for(void(_IN8, _INS, _INS, _INS, i8[::1]))
def count_shared(
    hashes: np.ndarray, offsets: np.ndarray, left: np.ndarray, right: np.ndarray, shared: np.ndarray
) -> None:
    """How many hashes the sorted, distinct runs left[i] and right[i] have in common."""
    for pair in range(len(left)):
        a, a_end = offsets[left[pair]], offsets[left[pair] + 1]
        b, b_end = offsets[right[pair]], offsets[right[pair] + 1]
        same = 0
        while a < a_end and b < b_end:
            x, y = hashes[a], hashes[b]
            same += x == y
            a += x <= y
            b += y <= x
        shared[pair] = same


@compiled_for(void(_ROWS4, i8, i8, _IN8, u8, _ROWS8))
def hash_bands(
    signatures: np.ndarray, bands: int, rows: int, starts: np.ndarray, base: int, result: np.ndarray
) -> None:
    """result[i, b]: the polynomial over the rows of band b of signature i, from starts[b], mixed."""
    for i in range(len(signatures)):
        for band in range(bands):
            value = starts[band]
            for row in range(band * rows, band * rows + rows):
                value = value * base + np.uint64(signatures[i, row])
            result[i, band] = _mix(value)


@compiled_for(void(_IN4, u4, u1[::1]))
def set_bits(marks: np.ndarray, mask: int, table: np.ndarray) -> None:
    """Set bit mark & mask of `table` for each mark."""
    for mark in marks:
        place = mark & mask
        table[place >> np.uint32(3)] |= np.uint8(1) << np.uint8(place & np.uint32(7))


@compiled_for(void(_IN8, u4, _IN1, boolean[::1]))
def test_bits(hashes: np.ndarray, mask: int, table: np.ndarray, found: np.ndarray) -> None:
    """found[i]: whether bit hashes[i] & mask of `table` is set."""
    for i in range(len(hashes)):
        place = np.uint32(hashes[i]) & mask
        found[i] = (table[place >> np.uint32(3)] >> np.uint8(place & np.uint32(7))) & np.uint8(1)


@numba.njit(inline="always")
def _code_point(codes: np.ndarray, place: int, end: int) -> tuple[int, int]:
    """The code point beyond ASCII at a place, and how many bytes it has: 0 where they are no UTF-8."""
    code = i8(codes[place])
    size = 2 if code < 0xE0 else 3 if code < 0xF0 else 4
    if code < 0xC2 or code > 0xF4 or place + size > end:
        return 0, 0
    point = code & (0xFF >> (size + 1))
    for more in range(1, size):
        following = i8(codes[place + more])
        if following & 0xC0 != 0x80:
            return 0, 0
        point = point << 6 | following & 0x3F
    is_longer_than_needed = (size == 3 and point < 0x800) or (size == 4 and point < 0x10000)
    return (0, 0) if is_longer_than_needed else (point, size)


@numba.njit(inline="always")
def _put(result: np.ndarray, used: int, point: int) -> int:
    """Write a code point in UTF-8; returns where the next one goes."""
    if point < 0x80:
        result[used] = point
        return used + 1
    if point < 0x800:
        result[used] = 0xC0 | point >> 6
        result[used + 1] = 0x80 | point & 0x3F
        return used + 2
    if point < 0x10000:
        result[used] = 0xE0 | point >> 12
        result[used + 1] = 0x80 | point >> 6 & 0x3F
        result[used + 2] = 0x80 | point & 0x3F
        return used + 3
    result[used] = 0xF0 | point >> 18
    result[used + 1] = 0x80 | point >> 12 & 0x3F
    result[used + 2] = 0x80 | point >> 6 & 0x3F
    result[used + 3] = 0x80 | point & 0x3F
    return used + 4


@compiled_for(void(_IN1, _INS, _INS, Array(i8, 1, "C", readonly=True), u1[::1], i8[::1], i8[::1]))
def normalize_texts(
    codes: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    folds: np.ndarray,
    result: np.ndarray,
    bounds: np.ndarray,
    words: np.ndarray,
) -> None:
    """Text i, UTF-8 `codes[starts[i]:ends[i]]`, as `schemas.side_hash.normalize_text` makes it, and its words.

    What becomes of it is `result[bounds[i]:bounds[i + 1]]`; `words` counts what `str.split` gives. `folds` has what
    becomes of each code point (`side_hashes.folds`); a text with others has -1 words, and nothing becomes of it.
    """
    # ASCII without branches: half of them would be guessed wrong, at some six letters a word.
    folded, blanks = np.empty(128, np.uint8), np.zeros(128, np.uint8)
    for code in range(128):
        folded[code] = folds[code]
        blanks[code] = folds[code] == 32
    used = 0
    for text in range(len(starts)):
        bounds[text] = used
        found, last = 0, np.uint8(1)
        place, end = starts[text], ends[text]
        while place < end:
            code = codes[place]
            if code < 128:
                blank = blanks[code]
                result[used] = folded[code]
                used += 1 - (blank & last)
                found += last & (1 - blank)
                last = blank
                place += 1
                continue
            point, size = _code_point(codes, place, end)
            fold = folds[point] if size > 0 and point < len(folds) else -1
            if fold < 0:
                found = -1
                break
            place += size
            blank = np.uint8(fold == 32)
            if not blank or not last:
                while True:
                    used = _put(result, used, fold & _CODE_POINT_BITS)
                    fold >>= 21
                    if fold == 0:
                        break
            found += last & (1 - blank)
            last = blank
        if found < 0:
            used = bounds[text]
        elif used > bounds[text] and last:
            used -= 1
        words[text] = found
    bounds[len(starts)] = used
