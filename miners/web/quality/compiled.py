"""Loops over a page's words that numba compiles; imported through `miners.compiling.compiled_module` alone.

Hashes are uint64, mod 2^64, and bit for bit those of `page.TextPage`.
"""

from __future__ import annotations

import numba
import numpy as np
from numba import b1, f8, i8, u1, u2, u4, u8
from numba.types import Array, UniTuple

from miners.compiling import compiled_for
from miners.web.quality.page import _BASE, _DIGIT, _LETTER

_KINDS = Array(u1, 1, "C", readonly=True)
_KEYS, _PLACES = Array(u8, 1, "C", readonly=True), Array(i8, 1, "C", readonly=True)
_POWER = np.uint64(_BASE)
_LAST_BLANK = 32
_LINE_FEED, _HASH, _HYPHEN, _STOP, _BULLET, _ELLIPSIS = 10, 35, 45, 46, 0x2022, 0x2026


@compiled_for(
    *(UniTuple(i8, 3)(Array(of, 1, "C", readonly=True), _KINDS, b1, i8[:, ::1], u8[::1]) for of in (u1, u2, u4))
)
def measure_words(
    points: np.ndarray, kinds: np.ndarray, spaced: bool, places: np.ndarray, hashes: np.ndarray
) -> tuple[int, int, int]:
    """Where the words start and end, the sum of the lengths of those before each, and their hashes.

    Gives how many there are, how many with a letter, and with a letter or digit.

    Without `spaced` each character is a word, and its hash takes in the white space behind it.
    """
    words = letters = named = at = 0
    size = len(points)
    starts, ends, chars = places[0], places[1], places[2]
    chars[0] = 0
    while at < size:
        if points[at] <= _LAST_BLANK:
            at += 1
            continue
        starts[words] = at
        held, power, found = np.uint64(0), np.uint64(1), 0
        while at < size and points[at] > _LAST_BLANK:
            held += np.uint64(points[at]) * power
            power *= _POWER
            found |= kinds[points[at]]
            at += 1
            if not spaced:
                break
        ends[words] = at
        if not spaced:
            while at < size and points[at] <= _LAST_BLANK:
                held += np.uint64(points[at]) * power
                power *= _POWER
                at += 1
        hashes[words] = held
        chars[words + 1] = chars[words] + ends[words] - starts[words]
        words += 1
        letters += found & _LETTER != 0
        named += found & (_LETTER | _DIGIT) != 0
    return words, letters, named


@compiled_for(*(UniTuple(i8, 4)(Array(of, 1, "C", readonly=True)) for of in (u1, u2, u4)))
def count_marks(points: np.ndarray) -> tuple[int, int, int, int]:
    """`page.TextPage.marks` of a text."""
    hash_signs = ellipses = bullet_lines = ellipsis_lines = 0
    stops = 0
    is_first = True
    ends = False
    for point in points:
        stops = stops + 1 if point == _STOP else 0
        hash_signs += point == _HASH
        ellipses += (stops > 0 and stops % 3 == 0) or point == _ELLIPSIS
        bullet_lines += is_first and point in (_HYPHEN, _BULLET)
        is_first = point == _LINE_FEED
        ellipsis_lines += is_first and ends
        ends = stops >= 3 or point == _ELLIPSIS
    return hash_signs, ellipses, bullet_lines, ellipsis_lines + ends


@numba.njit
def _slots(keys: int) -> tuple[np.ndarray, np.uint64]:
    """A table for so many keys that it is at most half full, and by how much a key is shifted to a place in it."""
    bits = 4
    while (1 << bits) < 2 * keys:
        bits += 1
    return np.full(1 << bits, -1, np.int64), np.uint64(64 - bits)


@numba.njit
def _find(slots: np.ndarray, shift: np.uint64, keys: np.ndarray, key: np.uint64, left: np.uint64) -> int:
    """The slot of a key, `left` bits of which do not count: empty, or with the number of one that is equal."""
    slot = i8((key << left) * _POWER >> shift)
    while slots[slot] >= 0 and keys[slots[slot]] << left != key << left:
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@numba.njit
def _longer(keys: np.ndarray, hashes: np.ndarray, made: int, size: int) -> None:
    """From the hashes of n-grams of `made` words those of `size`, in place."""
    while made < size:
        for place in range(len(hashes) - made):
            keys[place] = keys[place] * _POWER + hashes[place + made]
        made += 1


@compiled_for(b1(_PLACES, _PLACES, _KEYS, i8[::1], f8[::1], i8))
def top_ngrams(
    starts: np.ndarray, ends: np.ndarray, hashes: np.ndarray, sizes: np.ndarray, shares: np.ndarray, chars: int
) -> bool:
    """`gopher.top_ngrams` of a page's words; `sizes` are those that the page has n-grams of."""
    keys, made, frequency = hashes.copy(), 1, len(hashes)
    times = np.empty(len(hashes), np.int64)
    for number in range(len(sizes)):
        size, share = sizes[number], shares[number]
        _longer(keys, hashes, made, size)
        made, count, longest, allowed = size, len(hashes) - size + 1, 0, share * chars
        for place in range(count):
            longest = max(longest, ends[place + size - 1] - starts[place])
        if frequency * longest <= allowed:
            continue
        slots, shift = _slots(count)
        frequency = 0
        for place in range(count):
            slot = _find(slots, shift, keys, keys[place], np.uint64(0))
            if slots[slot] < 0:
                slots[slot] = place
                times[place] = 0
            else:
                times[place] = -1
            times[slots[slot]] += 1
            frequency = max(frequency, times[slots[slot]])
        if frequency * longest > allowed:
            first = 0
            while times[first] != frequency:
                first += 1
            if frequency * (ends[first + size - 1] - starts[first]) > allowed:
                return True
    return False


@numba.njit
def _repeated_chars(keys: np.ndarray, size: int, chars: np.ndarray) -> tuple[int, int]:
    """`gopher._chars` of `gopher._repeats`, which pass over the highest bits of a key."""
    left = np.uint64(0)
    while (len(keys) >> i8(left)) > 0:
        left += np.uint64(1)
    slots, shift = _slots(len(keys))
    apart = together = free = covered = 0
    for place in range(len(keys)):
        slot = _find(slots, shift, keys, keys[place], left)
        if slots[slot] < 0:
            slots[slot] = place
            continue
        begin, end = chars[place], chars[place + size]
        if begin >= free:
            apart += end - begin
            free = end
        together += end - max(begin, covered)
        covered = end
    return apart, together


@compiled_for(b1(_KEYS, _PLACES, i8[::1], f8[::1], i8))
def repeated_ngrams(
    hashes: np.ndarray, word_chars: np.ndarray, sizes: np.ndarray, shares: np.ndarray, chars: int
) -> bool:
    """`gopher.repeated_ngrams` of a page's words; `sizes` are those that the page has n-grams of."""
    keys, made = hashes.copy(), 1
    least = shares.min() * chars
    for number in range(len(sizes)):
        size, share = sizes[number], shares[number]
        _longer(keys, hashes, made, size)
        made, count = size, len(hashes) - size + 1
        apart, together = _repeated_chars(keys[:count], size, word_chars)
        if apart > share * chars:
            return True
        if together <= least:
            return False
    return False
