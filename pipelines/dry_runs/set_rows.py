"""What `--dry-run` of the jobs on pair sets takes as a sample: row groups, read and written to nowhere.

Amounts are rows: what a job leaves out makes it faster, and its output smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.dry_runs.estimate import Input, Taken, print_plan, rows_to_nowhere, take_sample, weighted
from pipelines.options import Command
from schemas.finished import file_entry
from schemas.manifest import MANIFEST_NAME, SCHEMA_VERSION, Manifest
from schemas.pair import in_schema
from schemas.writer import PartWriter

MOST_PIECES = 40
_BATCH_ROWS = 2048
_MOST_BATCHES = 4


Process = Callable[[Iterator[pa.Table]], tuple[int, int]]
"""What a job does with rows: takes tables with the columns asked for, gives rows and bytes that it would write."""


def print_rewriting_plan(command: Command, files: Sequence[tuple[str, int, int]], seed: int = 0) -> None:
    """The plan of a job that reads all columns of these files (path, rows, bytes) and writes the rows again."""
    print_rows_plan(command, files, seed, lambda tables: rows_to_nowhere(map(in_schema, tables)))


def print_rows_plan(
    command: Command,
    files: Sequence[tuple[str, int, int]],
    seed: int,
    process: Process,
    columns: Sequence[str] | None = None,
    output: str = "",
) -> None:
    """The plan of a job that does `process` with the rows of these files (path, rows, bytes).

    `output` says what it writes where that does not grow with the rows.
    """
    rows, size = (sum(file[i] for file in files) for i in (1, 2))
    chances = np.random.default_rng(seed % (1 << 64)).random(MOST_PIECES).tolist()
    places = weighted([count for _, count, _ in files], seed, MOST_PIECES)
    pieces = (
        _RowGroup(files[place][0], chance, process, columns) for place, chance in zip(places, chances, strict=False)
    )
    found = Input(len(files), size, len(files), rows, rows=rows)
    print_plan(found, take_sample(pieces, rows), command, output=output)


def in_small_set(folder: str, manifest: Manifest, tables: Iterator[pa.Table]) -> int:
    """Write rows as a pair set of train that readers take, for a sample; gives how many rows there are."""
    path = Path(folder, "data", "train-00000.parquet")
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        writer = PartWriter(file)
        for table in tables:
            writer.write(in_schema(table))
        entry = file_entry(f"data/{path.name}", "train", writer.close())
    small = replace(manifest, files=(entry,), schema_version=SCHEMA_VERSION)
    Path(folder, MANIFEST_NAME).write_bytes(small.to_bytes())
    return entry.rows


class _RowGroup:
    """The beginning of a row group."""

    def __init__(self, path: str, place: float, process: Process, columns: Sequence[str] | None) -> None:
        self.path, self.place, self.process = path, place, process
        self.columns = None if columns is None else list(columns)
        self.rows = 0

    def __call__(self, deadline: float) -> Taken:
        del deadline  # its rows bound it
        self.rows = 0
        kept, size = self.process(self._tables())
        return Taken(self.rows, kept, size)

    def _tables(self) -> Iterator[pa.Table]:
        with storage.open_read(self.path) as file:
            parquet = pq.ParquetFile(file)
            group = int(self.place * parquet.num_row_groups)
            batches = parquet.iter_batches(_BATCH_ROWS, row_groups=[group], columns=self.columns)
            for _, batch in zip(range(_MOST_BATCHES), batches, strict=False):
                self.rows += batch.num_rows
                yield pa.Table.from_batches([batch])
