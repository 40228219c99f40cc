"""Rows of tables with named columns: lines of JSON, CSV, TSV, Parquet, Arrow streams (Hugging Face's sets on disk).

Every row comes with its number in its file, from 0: of Parquet and Arrow the row, of the others the line on which it
begins. Rows stream; of a row that cannot be read only that row is lost.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from miners.supervised.line_readers import json_object
from pipelines import storage
from pipelines.importing.lines import MAX_LINE_BYTES, BadRow, LineRange, read_lines

PARQUET, ARROW, JSON, CSV, TSV = "parquet", "arrow", "json", "csv", "tsv"
_SUFFIXES = {".parquet": PARQUET, ".arrow": ARROW, ".jsonl": JSON, ".ndjson": JSON, ".csv": CSV, ".tsv": TSV}
SUFFIXES = tuple(_SUFFIXES)
_PACKED = (".gz", ".zst")
_BATCH_ROWS = 1024
LINES_ASKED = 20
"""Columns of JSON, and what a file is, are told from so many lines."""

Row = tuple[int, dict[str, Any]]


def table_type(path: str) -> str | None:
    """How a table is written, by its name; None for no table."""
    name = storage.last_part(path).lower()
    packed = next((suffix for suffix in _PACKED if name.endswith(suffix)), "")
    kind = _SUFFIXES.get("".join(name.removesuffix(packed).rpartition(".")[1:]))
    return None if packed and kind in (PARQUET, ARROW) else kind


def column_names(path: str) -> list[str]:
    """The columns of a table, of JSON those of its first lines; none where it has no rows.

    Raises OSError and pyarrow's errors for a file that cannot be read.
    """
    kind = table_type(path)
    if kind == PARQUET:
        with storage.open_read(path) as file:
            return list(pq.read_schema(file).names)
    if kind == ARROW:
        with storage.open_read(path) as file:
            return list(_arrow_schema(file).names)
    first = islice(read_lines(path, LineRange()), LINES_ASKED if kind == JSON else 1)
    lines = [item[1] for item in first if not isinstance(item, BadRow)]
    if kind == JSON:
        names: dict[str, None] = {}
        for line in lines:
            with suppress(ValueError):
                names |= dict.fromkeys(json_object(line))
        return list(names)
    return [] if not lines else _cells(lines[0], kind)


def table_rows(path: str, part: LineRange, groups: Sequence[int], columns: Sequence[str]) -> Iterator[Row | BadRow]:
    """The rows of a file, or of a range of its lines, or of some row groups (`part.first`: the row they begin with)."""
    kind = table_type(path)
    if kind == PARQUET:
        return _parquet_rows(path, groups, part.first, columns)
    if kind == ARROW:
        return _arrow_rows(path, columns)
    if kind == JSON:
        return _json_rows(path, part)
    return _csv_rows(path) if kind == CSV else _tsv_rows(path)


def _json_rows(path: str, part: LineRange) -> Iterator[Row | BadRow]:
    for item in read_lines(path, part):
        if isinstance(item, BadRow):
            yield item
            continue
        number, line = item
        try:
            yield number, json_object(line)
        except ValueError as error:
            yield BadRow(number, "bad_row", str(error))


def _tsv_rows(path: str) -> Iterator[Row | BadRow]:
    """Quotes mean nothing, as in all files of this kind that data sets are released in."""
    header: list[str] | None = None
    for item in read_lines(path, LineRange()):
        if isinstance(item, BadRow):
            yield item
        elif header is None:
            header = _cells(item[1], TSV)
        else:
            yield _named(item[0], header, _cells(item[1], TSV))


def _csv_rows(path: str) -> Iterator[Row | BadRow]:
    """Quoted cells may hold line ends.

    A row with another number of cells than the header that goes over several lines is most likely a quote too many: its
    first line alone is given up, and the others are read again.
    """
    header: list[str] | None = None
    lines = _Lines(path)
    while (number := lines.begin()) is not None:
        try:
            cells, why = next(csv.reader(lines, strict=True)), ""
        except csv.Error as error:
            cells, why = [], str(error)
        if lines.taken > 1 and (why or (header is not None and len(cells) != len(header))):
            lines.give_back()
        if lines.bad is not None:
            yield lines.bad
        elif why:
            yield BadRow(number, "bad_row", why)
        elif header is None:
            header = cells or None
        elif cells:
            yield _named(number, header, cells)


class _Lines:
    """The lines of a file for csv.reader, with line ends; what a row took can be given back but for the first line."""

    def __init__(self, path: str) -> None:
        self._source = read_lines(path, LineRange(), keep_blank=True)
        self._ahead: deque[tuple[int, str] | BadRow] = deque()
        self._row: list[tuple[int, str] | BadRow] = []
        self._size = 0
        self.bad: BadRow | None = None

    @property
    def taken(self) -> int:
        """Lines of the row."""
        return len(self._row)

    def begin(self) -> int | None:
        """The number of the line on which the next row begins; None at the end."""
        self._row, self._size, self.bad = [], 0, None
        if not self._ahead:
            self._ahead.extend(islice(self._source, 1))
        if not self._ahead:
            return None
        first = self._ahead[0]
        return first.number if isinstance(first, BadRow) else first[0]

    def give_back(self) -> None:
        """All lines of the row but the first will be read again."""
        self._ahead.extendleft(reversed(self._row[1:]))

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        item = self._ahead.popleft() if self._ahead else next(self._source)
        self._row.append(item)
        if isinstance(item, BadRow):
            self.bad = item
            return "\n"
        self._size += len(item[1])
        if self._size > MAX_LINE_BYTES:
            raise csv.Error("a row of more than 16 MB")
        return item[1] + "\n"


def _parquet_rows(path: str, groups: Sequence[int], first: int, columns: Sequence[str]) -> Iterator[Row | BadRow]:
    try:
        with storage.open_read(path) as file:
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(_BATCH_ROWS, row_groups=list(groups), columns=list(columns)):
                yield from _batch_rows(batch, first)
                first += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        yield BadRow(first, "unreadable_file", f"reading broke off here: {' '.join(str(error).split())}")


def _arrow_rows(path: str, columns: Sequence[str]) -> Iterator[Row | BadRow]:
    first = 0
    try:
        with storage.open_read(path) as file:
            for batch in _arrow_batches(file):
                for start in range(0, batch.num_rows, _BATCH_ROWS):
                    part = batch.select(list(columns)).slice(start, _BATCH_ROWS)
                    yield from _batch_rows(part, first)
                    first += part.num_rows
    except (OSError, pa.ArrowException) as error:
        yield BadRow(first, "unreadable_file", f"reading broke off here: {' '.join(str(error).split())}")


def _arrow_batches(file: Any) -> Iterator[pa.RecordBatch]:
    """Hugging Face writes streams; other writers of `.arrow` files write the format with a footer."""
    if file.read(6) == b"ARROW1":
        file.seek(0)
        footer = pa.ipc.open_file(pa.PythonFile(file, "r"))
        yield from (footer.get_batch(i) for i in range(footer.num_record_batches))
    else:
        file.seek(0)
        yield from pa.ipc.open_stream(file)


def _arrow_schema(file: Any) -> pa.Schema:
    is_file = file.read(6) == b"ARROW1"
    file.seek(0)
    return (pa.ipc.open_file(pa.PythonFile(file, "r")) if is_file else pa.ipc.open_stream(file)).schema


def _batch_rows(batch: pa.RecordBatch, first: int) -> Iterator[Row | BadRow]:
    try:
        yield from enumerate(batch.to_pylist(), first)
        return
    except UnicodeDecodeError:
        pass  # some row's bytes are no UTF-8: row by row, only that one is lost
    for number in range(batch.num_rows):
        try:
            yield first + number, batch.slice(number, 1).to_pylist()[0]
        except UnicodeDecodeError as error:
            yield BadRow(first + number, "not_utf8", str(error))


def _cells(line: str, kind: str | None) -> list[str]:
    return line.split("\t") if kind == TSV else next(csv.reader([line]), [])


def _named(number: int, header: list[str], cells: list[str]) -> Row | BadRow:
    if len(cells) != len(header):
        return BadRow(number, "bad_row", f"{len(cells)} columns where the header has {len(header)}")
    return number, dict(zip(header, cells, strict=True))
