"""Where a row worth showing lies: the summaries hold places, and the rows are read again once these are merged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A row worth showing: its keyed hash, which orders the places, and where it lies."""

    key: int
    file: int
    row: int


def place_of_row(row: np.void) -> Place:
    """Of a record of `summary.ROW_TYPE`."""
    return Place(int(row["key"]), int(row["file"]), int(row["row"]))
