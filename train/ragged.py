"""Token sequences of different lengths, back to back in one array: what every encoder eats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Ragged:
    """`ids` of all rows back to back; row i is ``ids[offsets[i]:offsets[i + 1]]``."""

    ids: np.ndarray
    """Integers, one-dimensional, of the type that they are stored in."""
    offsets: np.ndarray
    """int64, one more than rows, from 0 to len(ids), never falling."""

    @classmethod
    def from_lists(cls, rows: Iterable[Sequence[int]]) -> Ragged:
        """The rows as given."""
        arrays = [np.asarray(row, np.int64) for row in rows]
        offsets = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(a) for a in arrays], out=offsets[1:])
        return cls(np.concatenate(arrays) if arrays else np.zeros(0, np.int64), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> np.ndarray:
        """Of each token, the row that it stands in, int64."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def take(self, rows: np.ndarray) -> Ragged:
        """The rows at the given places, in the order given."""
        starts, stops = self.offsets[rows], self.offsets[rows + 1]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(stops - starts, out=offsets[1:])
        whole = np.asarray(self.ids)  # slicing a memory map itself takes many times as long
        parts = [whole[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
        return Ragged(np.concatenate(parts) if parts else whole[:0], offsets)
