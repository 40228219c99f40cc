"""MinHash signatures, bit-identical to datasketch 2's `MinHash(scheme="affine32")` over the same shingle hashes.

In: texts or shingle sets. Out: a uint32 array (texts, permutations). A row can be read by datasketch as
`MinHash(hashvalues=row, permutations=permutations(128, seed), scheme="affine32", seed=seed)`; the 32-bit input hash
is the low half of the 64-bit shingle hash. A text without a shingle gets datasketch's empty sketch, all 2^32 - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import xxhash

from miners.near_duplicates.kernels import compiled
from miners.near_duplicates.runs import ShingleRuns
from miners.near_duplicates.shingle_rule import TEXT, ShingleRule
from miners.near_duplicates.shingles import shingle_runs

# Two arrays of this many uint32 stay in a core's second-level cache; 2^15 to 2^17 measured about equal.
_BLOCK = 1 << 15


@dataclass(frozen=True, slots=True)
class SignatureConfig:
    """What a signature depends on; signatures of different configs do not mix."""

    shingles: ShingleRule = field(default=TEXT)
    permutations: int = 128
    seed: int = 1
    scheme: str = "affine32"

    def __post_init__(self) -> None:
        if self.scheme != "affine32":
            raise ValueError(f"signatures are made by scheme 'affine32' only, not {self.scheme!r}")
        if not 1 <= self.permutations <= 4096:
            raise ValueError(f"permutations must be between 1 and 4096, not {self.permutations}")
        if not 0 <= self.seed < 1 << 32:
            raise ValueError(f"the seed of the permutations must be below 2^32, not {self.seed}")

    def as_dict(self) -> dict[str, object]:
        """What is stored beside signatures, with a checksum of the permutations."""
        return {
            "scheme": self.scheme,
            "seed": self.seed,
            "permutations": self.permutations,
            "permutations_xxh3_64": permutations_checksum(self.permutations, self.seed),
            "shingles": self.shingles.as_dict(),
        }


@lru_cache(maxsize=16)
def permutations(count: int, seed: int) -> np.ndarray:
    """uint32 array (2, count): the factors a (odd) and addends b, drawn as `MinHash._init_permutations` draws them."""
    generator = np.random.RandomState(seed)
    factors = generator.randint(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    addends = generator.randint(0, 1 << 32, count, dtype=np.uint32)
    drawn = np.array([factors, addends])
    drawn.setflags(write=False)
    return drawn


def permutations_checksum(count: int, seed: int) -> str:
    """16 hex digits: xxh3-64 of the permutations as little-endian bytes."""
    return xxhash.xxh3_64_hexdigest(permutations(count, seed).astype("<u4").tobytes())


_DEFAULT = SignatureConfig()


def signatures(texts: Sequence[str], config: SignatureConfig = _DEFAULT) -> np.ndarray:
    """The signature of each text: uint32 array (texts, permutations)."""
    return run_signatures(shingle_runs(texts, config.shingles), config)


def run_signatures(runs: ShingleRuns, config: SignatureConfig) -> np.ndarray:
    """The signature of each run or set of shingles: uint32 array (runs, permutations). Repeats change nothing."""
    factors, addends = permutations(config.permutations, config.seed)
    loops = compiled()
    if loops is None:
        return _numpy_signatures(runs, factors, addends)
    result = np.empty((len(runs), config.permutations), np.uint32)
    loops.sign_runs(runs.hashes, runs.offsets, factors, addends, result)
    return result


def _numpy_signatures(runs: ShingleRuns, factors: np.ndarray, addends: np.ndarray) -> np.ndarray:
    result = np.full((len(runs), len(factors)), 0xFFFFFFFF, np.uint32)
    filled = np.flatnonzero(runs.sizes())
    hashes = _fmix32(runs.hashes.astype(np.uint32))
    bounds = np.append(runs.offsets[filled], len(hashes))
    first = 0
    while first < len(filled):
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + _BLOCK, "right")) - 1)
        block = hashes[bounds[first] : bounds[last]]
        starts = bounds[first:last] - bounds[first]
        minima = np.empty((len(factors), last - first), np.uint32)
        permuted = np.empty_like(block)
        for k in range(len(factors)):
            np.multiply(block, factors[k], out=permuted)
            np.add(permuted, addends[k], out=permuted)
            np.minimum.reduceat(permuted, starts, out=minima[k])
        result[filled[first:last]] = minima.T
        first = last
    return result


def _fmix32(values: np.ndarray) -> np.ndarray:
    """MurmurHash3's 32-bit finaliser; datasketch mixes every input hash by it once."""
    values = values ^ (values >> np.uint32(16))
    values *= np.uint32(0x85EBCA6B)
    values ^= values >> np.uint32(13)
    values *= np.uint32(0xC2B2AE35)
    values ^= values >> np.uint32(16)
    return values
