"""The shingle sets of some rows of a set, in a temporary file: what candidates are verified by.

The texts are read and shingled once, a few thousand rows at a time; what is compared is read from the file by range, so
that memory holds a chunk of comparisons, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from miners.near_duplicates import ShingleRuns, ShingleSets, distinct
from miners.near_duplicates.resolve import JOINT, POSITIVE
from miners.near_duplicates.runs import as_runs
from miners.near_duplicates.shingles import side_runs
from pipelines import storage
from pipelines.auditing.files import iterate_rows, open_parquet
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.files import read_runs
from schemas.side_hash import positive_is_code

CHUNK_SHINGLES = 2 << 20
"""16 MB of those that are compared at a time, and some times that while they are."""
_COLUMNS = ("kind", "anchor", "positive")


class StoredSets:
    """Sets of both sides of the rows `references`: sorted, distinct, file number * 2^32 + row in the file."""

    def __init__(self, config: DedupeConfig, paths: Sequence[str], references: np.ndarray, path: str) -> None:
        """`paths`: the set's data files by number; `path`: the file to write."""
        self.references, self.path = references, path
        self.text, self.code = config.rules()
        sizes = [np.zeros(0, np.int64)]
        with open(path, "wb") as file:
            for number, group in groupby(references.tolist(), key=lambda reference: reference >> 32):
                rows = np.fromiter((reference & 0xFFFFFFFF for reference in group), np.int64)
                sizes += self._write(paths[number], rows, file)
        self.offsets = np.append(0, np.cumsum(np.concatenate(sizes)))
        """Where the anchor's set of row i begins (2 * i), its positive's (2 * i + 1), and where the last ends."""

    def chunks(self, side: int, left: np.ndarray, right: np.ndarray) -> Iterator[slice]:
        """The pairs of rows (references) in runs that are compared together."""
        if len(left):
            ends = np.cumsum(self._sizes(side, left) + self._sizes(side, right))
            bounds = np.flatnonzero(np.diff(ends // CHUNK_SHINGLES)) + 1
            for first, last in zip(np.append(0, bounds).tolist(), np.append(bounds, len(left)).tolist(), strict=True):
                yield slice(first, last)

    def take(self, side: int, references: np.ndarray) -> ShingleSets:
        """The sets of a side of some rows, which are sorted and distinct."""
        starts, ends = self._bounds(side, references)
        return distinct(as_runs(read_runs(self.path, starts, ends, "<u8"), ends - starts))

    def _sizes(self, side: int, references: np.ndarray) -> np.ndarray:
        starts, ends = self._bounds(side, references)
        return ends - starts

    def _bounds(self, side: int, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A row's sides lie side by side, so that both together are one run."""
        first = 2 * np.searchsorted(self.references, references)
        starts = self.offsets[first + (side == POSITIVE)]
        return starts, self.offsets[first + (2 if side in (JOINT, POSITIVE) else 1)]

    def _write(self, path: str, rows: np.ndarray, file: BinaryIO) -> Iterator[np.ndarray]:
        with storage.open_read(path) as stream:
            for batch in iterate_rows(open_parquet(stream, path), _COLUMNS, rows):
                yield self._write_batch(batch, file)

    def _write_batch(self, batch: pa.RecordBatch, file: BinaryIO) -> np.ndarray:
        """The sizes of what was written, of both sides of each row."""
        kinds = batch.column("kind").cast("string").to_pylist()
        of_code = np.fromiter(map(positive_is_code, kinds), bool, len(kinds))
        plain = np.zeros(len(kinds), bool)
        sides: list[ShingleRuns] = [
            distinct(side_runs(batch.column(name), is_code, self.text, self.code))
            for name, is_code in (("anchor", plain), ("positive", of_code))
        ]
        pieces = [side[i] for i in range(len(kinds)) for side in sides]
        file.write(np.concatenate(pieces).astype("<u8").tobytes())
        return np.stack([side.sizes() for side in sides], 1).reshape(-1)
