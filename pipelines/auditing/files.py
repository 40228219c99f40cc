"""The files of a set that is audited, as its workers are handed them, and their rows, read a few thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.manifest import PairSetError

_TEXTS_AT_ONCE = 4096
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of the set: its place among them, its split and its rows."""

    index: int
    path: str
    split: str
    rows: int


def open_parquet(stream: Any, name: str) -> pq.ParquetFile:
    """The file `name` of a set, read by the page. Raises PairSetError where it is no readable Parquet file."""
    try:
        return pq.ParquetFile(stream, buffer_size=_READ_BYTES)
    except (OSError, ValueError):
        raise PairSetError(f"{name} is no readable Parquet file; run `pairmill verify` on the set") from None


def rows_at(parquet: pq.ParquetFile, group: int, columns: Sequence[str], places: np.ndarray) -> pa.Table:
    """Rows of one row group, by their ascending places in it."""
    return pa.Table.from_batches(list(_rows_of(parquet, group, columns, places)))


def iterate_rows(parquet: pq.ParquetFile, columns: Sequence[str], rows: np.ndarray) -> Iterator[pa.RecordBatch]:
    """Rows of a file, by their ascending numbers, in batches; row groups without any are not read."""
    start = 0
    for group in range(parquet.num_row_groups):
        end = start + parquet.metadata.row_group(group).num_rows
        here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, end)] - start
        if len(here):
            yield from _rows_of(parquet, group, columns, here)
        start = end


def _rows_of(
    parquet: pq.ParquetFile, group: int, columns: Sequence[str], places: np.ndarray
) -> Iterator[pa.RecordBatch]:
    first = 0
    for batch in parquet.iter_batches(_TEXTS_AT_ONCE, row_groups=[group], columns=list(columns)):
        low, high = np.searchsorted(places, [first, first + len(batch)])
        if low < high:
            yield batch.take(pa.array(places[low:high] - first))
        first += len(batch)
