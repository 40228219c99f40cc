"""How often each value of a hash column occurs, by split: exact for sets up to the sample's size, else of a
seeded share of the *values*, whose counts are exact.

A value is kept or left by its own hash, so all of its rows are counted or none: shares of repeats are unbiased, and
neither the order of the rows nor of the merges matters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from miners.audit.hashing import mix, sampled

_PENDING_ROWS = 1 << 19


@dataclass
class ValueCounts:
    """Counts of values. `rate` is the share of values that are kept; `salt` makes the choice one of a seed."""

    rate: float
    splits: int
    salt: int = 0
    values: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    """Sorted, distinct."""
    counts: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.uint32))
    """Rows of each value, by split: uint32."""
    _pending: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, values: np.ndarray, split: int) -> None:
        """Count one row for each of the values (uint64)."""
        kept = values[sampled(mix(values ^ np.uint64(self.salt)), self.rate)]
        distinct, rows = np.unique(kept, return_counts=True)
        counts = np.zeros((len(distinct), self.splits), dtype=np.uint32)
        counts[:, split] = rows
        self._take(distinct, counts)

    def merge(self, other: ValueCounts) -> None:
        """Add counts made with the same rate and salt."""
        other.compact()
        self._take(other.values, other.counts)

    def compact(self) -> None:
        """Sum up what was added."""
        if not self._pending:
            return
        parts = [(self.values, self.counts.reshape(-1, self.splits)), *self._pending]
        values = np.concatenate([part[0] for part in parts])
        counts = np.concatenate([part[1] for part in parts])
        order = np.argsort(values, kind="stable")
        values, counts = values[order], counts[order]
        first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])) if len(values) else order
        self.values = values[first]
        self.counts = np.add.reduceat(counts, first, axis=0, dtype=np.uint32) if len(first) else counts
        self._pending = []

    def rows_of_each(self) -> np.ndarray:
        """Rows of each kept value, over all splits."""
        self.compact()
        return self.counts.sum(axis=1, dtype=np.int64) if len(self.values) else np.zeros(0, dtype=np.int64)

    def _take(self, values: np.ndarray, counts: np.ndarray) -> None:
        if len(values):
            self._pending.append((values, counts))
        if sum(len(part[0]) for part in self._pending) > _PENDING_ROWS:
            self.compact()
