"""Token sequences of different lengths, back to back in one array: what every encoder eats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Ragged:
    """`ids` of all rows back to back; row i is ``ids[offsets[i]:offsets[i + 1]]``."""

    ids: np.ndarray
    """int64, one-dimensional."""
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
        lengths = self.lengths[rows]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        # Token t of output row r stands in the input at offsets[rows[r]] + t.
        shift = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths)
        return Ragged(self.ids[np.arange(offsets[-1]) + shift].astype(np.int64, copy=False), offsets)
