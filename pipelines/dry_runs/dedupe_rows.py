"""What `--dry-run` of dedupe takes as a sample: some thousand rows at a time, through the whole graph in memory."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import storage
from pipelines.deduping import plain_tables
from pipelines.deduping.inputs import BATCH_ROWS, Input, InputFile, InputUnit
from pipelines.deduping.inputs import Piece as FilePiece
from pipelines.dry_runs.estimate import Piece, Taken, weighted
from pipelines.failures import JobFailedError
from schemas.manifest import FILE_FOLDERS
from schemas.pair import SCHEMA, in_schema
from schemas.writer import PartWriter

PIECE_ROWS = 4000
MOST_PIECES = 20

RunGraph = Callable[[InputUnit, str], None]
"""Runs the job's graph on a unit, into a folder that is there."""


def dedupe_pieces(found: Input, seed: int, run_graph: RunGraph) -> Iterator[Piece]:
    """Rows of files chosen by their numbers of rows; amounts are rows."""
    rng = random.Random(seed)
    weights = [file.bytes // 1000 if file.rows is None else file.rows for file in found.files]
    for place in weighted(weights, seed, MOST_PIECES):
        yield _DedupePiece(found.files[place], rng.random(), run_graph)


class _DedupePiece:
    def __init__(self, file: InputFile, place: float, run_graph: RunGraph) -> None:
        self.file, self.place, self.run_graph = file, place, run_graph

    def __call__(self, deadline: float) -> Taken:
        del deadline  # its rows bound it
        with tempfile.TemporaryDirectory(prefix="pairmill-dry-run-") as folder:
            given = Path(folder, "set", "data", "rows.parquet")
            given.parent.mkdir(parents=True)
            with given.open("wb") as file:
                writer = PartWriter(file)
                for table in _rows(self.file, self.place):
                    writer.write(table)
                rows = writer.close().rows
            out = Path(folder, "out")
            out.mkdir()
            with suppress(JobFailedError):  # so few rows may leave a split empty, which the last step refuses
                self.run_graph(InputUnit(0, (FilePiece(str(given), rows),)), str(out))
            files = [path for name in FILE_FOLDERS for path in (out / name).glob("*.parquet")]
            kept = sum(pq.read_metadata(path).num_rows for path in files if path.parent.name == "data")
            return Taken(rows, kept, sum(path.stat().st_size for path in files))


def _rows(file: InputFile, place: float) -> Iterator[pa.Table]:
    """Up to PIECE_ROWS rows in a row, from a place in the file between 0 and 1; of lines of JSON its first ones."""
    if file.is_plain:
        yield from _plain_rows(file, place)
        return
    with storage.open_read(file.path) as stream:
        parquet = pq.ParquetFile(stream)
        first = int(place * max(1, (file.rows or 0) - PIECE_ROWS))
        seen = 0
        for group in range(parquet.num_row_groups):
            here = parquet.metadata.row_group(group).num_rows
            if seen + here > first:
                batches = parquet.iter_batches(BATCH_ROWS, row_groups=range(group, parquet.num_row_groups))
                yield from _limited(map(in_schema, (pa.Table.from_batches([batch]) for batch in batches)), first - seen)
                return
            seen += here


def _plain_rows(file: InputFile, place: float) -> Iterator[pa.Table]:
    if file.rows is None:
        batches = plain_tables.read_jsonl(file.path, BATCH_ROWS)
    else:
        with storage.open_read(file.path) as stream:
            groups = pq.read_metadata(stream).num_row_groups
        batches = plain_tables.read_parquet(file.path, (int(place * groups),), 0, BATCH_ROWS)
    yield from _limited((batch.pairs for batch in batches), 0)


def _limited(tables: Iterator[pa.Table], skip: int) -> Iterator[pa.Table]:
    """PIECE_ROWS rows, after those to be skipped."""
    left = PIECE_ROWS
    for table in tables:
        table, skip = table.slice(skip), max(0, skip - table.num_rows)
        table = table.slice(0, left)
        left -= table.num_rows
        if table.num_rows:
            yield table.cast(SCHEMA)
        if not left:
            return


def memory_options() -> PipelineOptions:
    """The runner that a sample is run by."""
    return PipelineOptions(["--runner=FnApiRunner"])
