"""Writing one Parquet file of a pair set: zstd, row groups of 65,536 rows or 64 MB, counted and hashed as it goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.data_id import MODULUS, SUMMED_COLUMNS, row_sums
from schemas.pair import SCHEMA

ROW_GROUP_ROWS = 65_536
ROW_GROUP_BYTES = 64 << 20
_UNIQUE = frozenset({"row_id", "pair_id", "anchor", "positive", "anchor_hash", "positive_hash", "docstring_raw"})
"""Columns whose values hardly repeat: a dictionary of them costs as much time as their compression, for nothing."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a finished file holds; `data_sum` is 0 for files that are not of pairs."""

    rows: int
    bytes: int
    sha256: str
    data_sum: int


class PartWriter:
    """Writes tables of one schema to an open binary file; `close` returns what was written.

    The caller opens the file under a temporary name, and publishes it after `close`.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema = SCHEMA) -> None:
        self._sink = _HashingSink(file)
        self._schema = schema
        self._sums = set(SUMMED_COLUMNS) <= set(schema.names)
        self._parquet = pq.ParquetWriter(self._sink, schema, compression="zstd", use_dictionary=_repeating(schema))
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self.rows = 0
        self._data_sum = 0

    def write(self, table: pa.Table) -> None:
        """Take the table's rows in; they are written when a row group is full."""
        if not table.num_rows:
            return
        table = table.cast(self._schema) if table.schema != self._schema else table
        for chunk in _slices(table):
            full = self._waiting_rows + chunk.num_rows > ROW_GROUP_ROWS
            if self._waiting and (full or self._waiting_bytes + chunk.nbytes > ROW_GROUP_BYTES):
                self._flush()
            self._waiting.append(chunk)
            self._waiting_rows += chunk.num_rows
            self._waiting_bytes += chunk.nbytes

    @property
    def bytes_so_far(self) -> int:
        """Bytes written and waiting (before compression), to decide when a part is large enough."""
        return self._sink.written + self._waiting_bytes

    def close(self) -> Written:
        """Write what waits and the footer. The file itself stays open, for its owner to close."""
        self._flush()
        self._parquet.close()
        return Written(self.rows, self._sink.written, self._sink.sha256.hexdigest(), self._data_sum)

    def abandon(self) -> None:
        """Let go of a file that will not be finished: pyarrow's writer would else complain when it is collected."""
        self._sink.discard()
        self._waiting = []
        self._parquet.close()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
        self._parquet.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self.rows += table.num_rows
        if self._sums:
            self._data_sum = (self._data_sum + row_sums(table)) % MODULUS
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0


class _HashingSink:
    """A binary file for pyarrow that counts and hashes what goes through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file
        self.sha256 = hashlib.sha256()
        self.written = 0
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.sha256.update(view)
        if self._file is not None:
            self._file.write(view)
        self.written += view.nbytes
        return view.nbytes

    def discard(self) -> None:
        """From here on, what is written goes nowhere."""
        self._file = None

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def tell(self) -> int:
        return self.written

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def _repeating(schema: pa.Schema) -> list[str]:
    """The Parquet paths of the columns that are worth a dictionary."""
    found = []
    waiting = [(field.name, field.name, field.type) for field in schema]
    for path, name, kind in waiting:
        if pa.types.is_struct(kind):
            waiting += [(f"{path}.{field.name}", field.name, field.type) for field in kind]
        elif pa.types.is_list(kind):
            waiting.append((f"{path}.list.element", name, kind.value_type))
        elif name not in _UNIQUE and not pa.types.is_fixed_size_list(kind):
            found.append(path)
    return found


def _slices(table: pa.Table) -> list[pa.Table]:
    """The table in pieces that each fit in a row group, in order."""
    by_bytes = max(1, int(ROW_GROUP_BYTES / max(1, table.nbytes / table.num_rows)))
    step = min(ROW_GROUP_ROWS, by_bytes)
    return [table.slice(i, step) for i in range(0, table.num_rows, step)]
