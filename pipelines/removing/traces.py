"""By what a reject is told to be of a removed row: hashes of where the row stood and of how its sides begin."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pipelines import storage
from schemas.ids import length_prefixed
from schemas.rejects import EXCERPT_CHARS

BATCH_ROWS = 2048
PLACE = ("uri", "offset", "repo", "path", "start_byte", "ordinal")
"""What tells where a row stood; a reject of the same place is of the same text."""
ASKED = ("url", "repo", "revision", "license")
SIDES = ("anchor", "positive")


def batches(path: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """A Parquet file, some thousand rows at a time."""
    with storage.open_read(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=columns):
            yield pa.Table.from_batches([batch])


def provenance_of(row: dict[str, Any] | None) -> dict[str, Any]:
    """Where a row stood, with nulls where nothing is known."""
    return row or dict.fromkeys((*ASKED, *PLACE))


def place_hash(row: dict[str, Any]) -> int:
    """Of where a row stood; 0 where that is not known exactly."""
    if row["offset"] is None and row["start_byte"] is None:
        return 0
    return xxhash.xxh3_64_intdigest(length_prefixed(*(str(row[name]).encode() for name in PLACE)))


@lru_cache(maxsize=64)
def text_hash(text: str) -> int:
    """Of as much of a text as a reject keeps."""
    return xxhash.xxh3_64_intdigest(text[:EXCERPT_CHARS].encode())
