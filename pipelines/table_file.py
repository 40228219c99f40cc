"""One Parquet file of a result, from its first row to its line of the manifest."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from pipelines import storage
from schemas.finished import file_entry
from schemas.manifest import FileEntry
from schemas.writer import PartWriter


class TableFile:
    """A file that is begun with its first row, and published when the block ends well; none without rows."""

    def __init__(self, output: str, name: str, schema: pa.Schema, split: str | None = None) -> None:
        self._output, self._name, self._schema, self._split = output, name, schema, split
        self._open = ExitStack()
        self._writer: PartWriter | None = None
        self.entries: list[FileEntry] = []
        """The file's line of the manifest, once it is written."""

    def add(self, table: pa.Table) -> None:
        """Write rows."""
        if not table.num_rows:
            return
        if self._writer is None:
            file = self._open.enter_context(storage.writing(storage.join(self._output, self._name)))
            self._writer = PartWriter(file, self._schema)
        self._writer.write(table)

    def __enter__(self) -> TableFile:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        if self._writer is not None:
            if kind is None:
                self.entries.append(file_entry(self._name, self._split, self._writer.close()))
            else:
                self._writer.abandon()
        self._open.__exit__(kind, error, trace)
