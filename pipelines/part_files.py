"""The part files of a unit: rows go to the file as they are found, so that memory is flat."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from pipelines import storage
from schemas.finished import file_entry
from schemas.manifest import FileEntry
from schemas.pair import SCHEMA, pairs_to_table
from schemas.pair_batch import PairBatch, batches_to_table
from schemas.rejects import rejects_to_table
from schemas.writer import PartWriter

PART_BYTES = 512 << 20
"""A part is closed, and the next begun, when it has taken in this much (before compression)."""
BATCH_ROWS = 2048


class Parts:
    """Rows into part files `<stem>-00000.parquet`, …: none for no rows, a next one when one is full."""

    def __init__(self, output: str, stem: str, split: str | None, schema: Any) -> None:
        self._output, self._stem, self._split, self._schema = output, stem, split, schema
        self._to_table = _pairs_to_table if schema is SCHEMA else rejects_to_table
        self._waiting: list[Any] = []
        self._waiting_rows = 0
        self._open: ExitStack | None = None
        self._writer: PartWriter | None = None
        self.entries: list[FileEntry] = []

    def add(self, row: Any) -> None:
        """Take one row in, or a batch of rows."""
        self._waiting.append(row)
        self._waiting_rows += len(row) if isinstance(row, PairBatch) else 1
        if self._waiting_rows >= BATCH_ROWS:
            self._flush()

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        if kind is None:
            self._flush()
            self._close()
        else:
            if self._open is not None and self._writer is not None:
                self._writer.abandon()
                self._open.__exit__(kind, error, trace)
            storage.delete(storage.join(self._output, entry.path) for entry in self.entries)

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self._writer is None:
            self._open = ExitStack()
            file = self._open.enter_context(storage.writing(storage.join(self._output, self._name())))
            self._writer = PartWriter(file, self._schema)
        self._writer.write(self._to_table(self._waiting))
        self._waiting, self._waiting_rows = [], 0
        if self._writer.bytes_so_far > PART_BYTES:
            self._close()

    def _close(self) -> None:
        if self._writer is None or self._open is None:
            return
        written = self._writer.close()
        name = self._name()
        self._open.close()
        self.entries.append(file_entry(name, self._split, written))
        self._writer = self._open = None

    def _name(self) -> str:
        return f"{self._stem}-{len(self.entries):05d}.parquet"


def _pairs_to_table(rows: Sequence[Any]) -> pa.Table:
    return batches_to_table(rows) if isinstance(rows[0], PairBatch) else pairs_to_table(rows)
