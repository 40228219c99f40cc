"""Vectors of 64-bit hashes: mixing, and keeping a seeded share of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xxhash

_RANGE = 1 << 64


def mix(values: np.ndarray) -> np.ndarray:
    """A bijection of uint64 that spreads its input over the whole range (the finaliser of splitmix64)."""
    z = values.astype(np.uint64, copy=True)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def combine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One uint64 for each ordered pair of uint64 values; different pairs collide with probability 2^-64."""
    return mix(mix(first) + second.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def hash_strings(values: Iterable[str], seed: int = 0) -> np.ndarray:
    """xxh3-64 of each string in UTF-8, as uint64."""
    digest = xxhash.xxh3_64_intdigest
    return np.fromiter((digest(value.encode(), seed) for value in values), dtype=np.uint64)


def sampled(keys: np.ndarray, rate: float) -> np.ndarray:
    """Which of the keys fall in the lowest `rate` of the range: the same keys whatever the order or the worker."""
    if rate >= 1:
        return np.ones(len(keys), dtype=bool)
    return keys < np.uint64(int(rate * _RANGE))
