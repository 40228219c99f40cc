"""Bands of a signature: two sets that agree on all rows of one band land in one bucket and become candidates.

Candidates are verified afterwards, so bands are chosen for recall: the S-curve P(s) = 1 - (1 - s^rows)^bands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miners.near_duplicates.kernels import compiled
from miners.near_duplicates.shingle_rule import fmix64

_BASE = np.uint64(0xA0761D6478BD642F)


@dataclass(frozen=True, slots=True)
class Banding:
    """`bands` bands of `rows` permutations each."""

    bands: int
    rows: int

    def probability(self, similarity: float) -> float:
        """The chance that two sets of this Jaccard similarity share a band (the S-curve)."""
        return 1.0 - (1.0 - similarity**self.rows) ** self.bands


def banding_for(threshold: float, permutations: int = 128) -> Banding:
    """The most selective banding that finds similarity threshold + .05 with probability ≥ .99.

    At 128 permutations: 16 × 8 for 0.8 (P(.85) = .994), 25 × 5 for 0.7 (P(.75) = .999), 32 × 4 for 0.6 (P(.6) = .988).
    """
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"a similarity threshold lies above 0 and at most at 1, not {threshold}")
    target = min(1.0, threshold + 0.05)
    for rows in range(min(16, permutations), 1, -1):
        banding = Banding(permutations // rows, rows)
        if banding.probability(target) >= 0.99:
            return banding
    return Banding(permutations, 1)


def band_hashes(signatures: np.ndarray, banding: Banding, salt: int, chosen: np.ndarray | None = None) -> np.ndarray:
    """uint64 array (texts, bands): one hash a band; `salt` and the band's number keep unlike buckets apart.

    `chosen`: the numbers of the bands to hash, ascending; all of them where it is None.
    """
    bands, rows = banding.bands, banding.rows
    if bands * rows > signatures.shape[1]:
        raise ValueError(f"{bands} bands of {rows} rows need {bands * rows} permutations, not {signatures.shape[1]}")
    start = fmix64(np.arange(bands, dtype=np.uint64) + np.uint64((salt + 1) << 32))
    if chosen is not None:
        start, bands = start[chosen], len(chosen)
        signatures = signatures[:, (chosen[:, None] * rows + np.arange(rows)).reshape(-1)]
    loops = compiled()
    if loops is not None:
        result = np.empty((len(signatures), bands), np.uint64)
        loops.hash_bands(np.ascontiguousarray(signatures), bands, rows, start, _BASE, result)
        return result
    used = signatures[:, : bands * rows].reshape(-1, bands, rows)
    total = np.broadcast_to(start, used.shape[:2]).copy()
    for row in range(rows):
        total *= _BASE
        total += used[:, :, row]
    return fmix64(total)
