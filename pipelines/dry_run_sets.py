"""What `--dry-run` of the jobs on pair sets takes as a sample: row groups, read and written to nowhere.

Amounts are rows: what a job leaves out makes it faster, and its output smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.dry_run import Input, Piece, Taken, print_plan, rows_to_nowhere, take_sample, weighted
from pipelines.options import Command
from schemas.pair import in_schema

MOST_PIECES = 40
_BATCH_ROWS = 2048
_MOST_BATCHES = 4


def print_rewriting_plan(command: Command, files: Sequence[tuple[str, int, int]], seed: int = 0) -> None:
    """The plan of a job that reads all columns of these files (path, rows, bytes) and writes the rows again."""
    rows, size = (sum(file[i] for file in files) for i in (1, 2))
    pieces = _pieces([(path, count) for path, count, _ in files], seed)
    print_plan(Input(len(files), size, len(files), rows, rows=rows), take_sample(pieces, rows), command)


def _pieces(files: Sequence[tuple[str, int]], seed: int) -> Iterator[Piece]:
    chances = np.random.default_rng(seed % (1 << 64)).random(MOST_PIECES).tolist()
    for place, chance in zip(weighted([rows for _, rows in files], seed, MOST_PIECES), chances, strict=False):
        yield _RowGroup(files[place][0], chance)


class _RowGroup:
    """The beginning of a row group."""

    def __init__(self, path: str, place: float) -> None:
        self.path, self.place = path, place

    def __call__(self, deadline: float) -> Taken:
        del deadline  # its rows bound it
        rows, size = rows_to_nowhere(map(in_schema, self._tables()))
        return Taken(rows, rows, size)

    def _tables(self) -> Iterable[pa.Table]:
        with storage.open_read(self.path) as file:
            parquet = pq.ParquetFile(file)
            group = int(self.place * parquet.num_row_groups)
            batches = parquet.iter_batches(_BATCH_ROWS, row_groups=[group])
            for _, batch in zip(range(_MOST_BATCHES), batches, strict=False):
                yield pa.Table.from_batches([batch])
