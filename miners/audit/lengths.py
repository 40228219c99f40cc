"""Histograms of lengths that merge by addition: exact below 128, to 1.6 % above, whatever the set's size.

Bins are one wide below 128; above, each doubling has 64 bins, so that a bin's lower edge is at most 1/64 below
any value in it (the layout of HdrHistogram).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

_EXACT = 128
_SUB = 64
BINS = _EXACT + (31 - 7) * _SUB
"""Enough for every int32."""


def bin_of(values: np.ndarray) -> np.ndarray:
    """The bin of each non-negative int32."""
    values = np.asarray(values, dtype=np.int64)
    exponent = np.frexp(np.maximum(values, 1).astype(np.float64))[1] - 1
    shift = np.maximum(exponent - 6, 0)
    above = _EXACT + (exponent - 7) * _SUB + (values >> shift) - _SUB
    return np.where(values < _EXACT, values, above)


def lower_edges() -> np.ndarray:
    """The smallest value of each bin."""
    above = np.arange(BINS - _EXACT)
    return np.concatenate([np.arange(_EXACT), (above % _SUB + _SUB) << (above // _SUB + 1)])


_EDGES = lower_edges()


@dataclass
class Lengths:
    """The distribution of one length: counts by bin, and the exact sum, least and greatest value."""

    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    total: int = 0
    least: int | None = None
    greatest: int | None = None

    @property
    def n(self) -> int:
        """How many values were added."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float | None:
        """The exact mean; None of nothing."""
        return self.total / self.n if self.n else None

    def add(self, values: np.ndarray) -> None:
        """Count values (non-negative int32)."""
        if not len(values):
            return
        self.counts += np.bincount(bin_of(values), minlength=BINS)
        self.total += int(values.sum(dtype=np.int64))
        self._widen(int(values.min()), int(values.max()))

    def merge(self, other: Lengths) -> None:
        """Add another distribution."""
        self.counts += other.counts
        self.total += other.total
        if other.least is not None and other.greatest is not None:
            self._widen(other.least, other.greatest)

    def quantile(self, q: float) -> int | None:
        """The lower edge of the bin that holds the ceil(q·n)-th smallest value; None of nothing."""
        if not self.n:
            return None
        rank = max(1, int(np.ceil(q * self.n)))
        edge = int(_EDGES[np.searchsorted(np.cumsum(self.counts), rank)])
        return max(edge, self.least or 0)

    def doubling_bins(self) -> list[tuple[int, int, int]]:
        """(from, to, count) in bins of half a doubling from the least to the greatest value; `to` is exclusive."""
        if self.least is None or self.greatest is None:
            return []
        bins = [pair for pair in _half_doublings() if pair[1] > self.least and pair[0] <= self.greatest]
        sums = np.concatenate([[0], np.cumsum(self.counts)])
        at = np.searchsorted(_EDGES, [edge for pair in bins for edge in pair]).reshape(-1, 2)
        return [(low, high, int(sums[j] - sums[i])) for (low, high), (i, j) in zip(bins, at, strict=True)]

    def _widen(self, least: int, greatest: int) -> None:
        self.least = least if self.least is None else min(self.least, least)
        self.greatest = greatest if self.greatest is None else max(self.greatest, greatest)


def _half_doublings() -> Iterator[tuple[int, int]]:
    """0–1, 1–2, 2–3, 3–4, 4–6, 6–8, 8–12, 12–16 …: every edge is an edge of the fine bins too."""
    edges = [0, 1, *(edge for k in range(1, 32) for edge in (2**k, 3 * 2 ** (k - 1)))]
    yield from pairwise(edges)
