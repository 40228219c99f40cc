"""The files of a set that is audited, as its workers are handed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from schemas.manifest import PairSetError


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
