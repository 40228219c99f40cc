"""The files of a set that is audited, as its workers are handed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.manifest import PairSetError

_TEXTS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of the set: its place among them, its split and its rows."""

    index: int
    path: str
    split: str
    rows: int


def open_parquet(stream: Any, name: str) -> pq.ParquetFile:
    """The file `name` of a set. Raises PairSetError where it is no readable Parquet file."""
    try:
        return pq.ParquetFile(stream)
    except (OSError, ValueError):
        raise PairSetError(f"{name} is no readable Parquet file; run `pairmill verify` on the set") from None


def rows_at(parquet: pq.ParquetFile, group: int, columns: Sequence[str], places: np.ndarray) -> pa.Table:
    """Rows of one row group, by their ascending places in it; only a few thousand texts are in memory at a time."""
    parts, first = [], 0
    for batch in parquet.iter_batches(_TEXTS_AT_ONCE, row_groups=[group], columns=list(columns)):
        low, high = np.searchsorted(places, [first, first + len(batch)])
        if low < high:
            parts.append(batch.take(pa.array(places[low:high] - first)))
        first += len(batch)
    return pa.Table.from_batches(parts)
