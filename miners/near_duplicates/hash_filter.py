"""Which hashes cannot be in a set: a table of bits, which lets some others pass too and forgets none."""

from __future__ import annotations

import math

import numpy as np

from miners.near_duplicates.kernels import compiled

BITS_A_HASH = 8
"""At least: at most one hash in nine passes for one of the set, one in sixteen on average."""
_LEAST_BITS, _MOST_BITS = 16, 31


def filter_bits(count: int) -> int:
    """The power of two of bits for a set of about `count` hashes; 256 MB at most."""
    return min(_MOST_BITS, max(_LEAST_BITS, math.ceil(math.log2(max(1, count * BITS_A_HASH)))))


def pass_rate(count: int) -> float:
    """The share of other hashes that pass where the set has `count` of them."""
    return 1.0 - math.exp(-count / (1 << filter_bits(count)))


def marks_of(hashes: np.ndarray) -> np.ndarray:
    """uint32: what a filter needs of each of the set's hashes (uint64)."""
    return hashes.reshape(-1).astype(np.uint32)


class HashFilter:
    """A set of hashes; `count` is about how many there will be."""

    def __init__(self, count: int) -> None:
        bits = filter_bits(count)
        self.mask = np.uint32((1 << bits) - 1)
        self.table = np.zeros(1 << bits - 3, np.uint8)

    def add(self, marks: np.ndarray) -> None:
        """Take in the marks of some hashes."""
        loops = compiled()
        if loops is not None:
            loops.set_bits(marks, self.mask, self.table)
            return
        places = marks & self.mask
        np.bitwise_or.at(self.table, places >> np.uint32(3), np.uint8(1) << (places & np.uint32(7)).astype(np.uint8))

    def may_hold(self, hashes: np.ndarray) -> np.ndarray:
        """False where a hash (uint64) is not in the set for certain; in the shape of `hashes`."""
        loops = compiled()
        if loops is not None:
            found = np.empty(hashes.size, np.bool_)
            loops.test_bits(hashes.reshape(-1), self.mask, self.table, found)
            return found.reshape(hashes.shape)
        places = hashes.astype(np.uint32) & self.mask
        return (self.table[places >> np.uint32(3)] >> (places & np.uint32(7)).astype(np.uint8) & 1).astype(bool)
