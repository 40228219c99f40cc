"""A table of source files: one row a file, with its content, its path and what else is known of it.

Parquet and lines of JSON (plain, gzip, zstd), as The Stack and BigQuery's GitHub set have them. Rows stream: what is in
memory is a few rows, however large the table. A row that cannot be read costs itself alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from itertools import islice
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from miners.code.language import LANGUAGES, Language, grammar_names, language_for_path, load
from miners.code.license_expressions import all_of, spdx_expression
from miners.code.licenses import Licenses
from miners.code.mine import BadRow, SourceFile
from miners.code.permalinks import permalinks
from miners.code.repository import Entry, safe_path
from miners.code.repository_git import name_of_remote
from schemas.pair import Provenance

PARQUET_SUFFIXES = (".parquet",)
LINES_SUFFIXES = tuple(f".{name}{packed}" for name in ("jsonl", "ndjson") for packed in ("", ".gz", ".zst"))
MAX_LINE_BYTES = 16 << 20
"""A longer line is no source file: 1 MB of source, every character escaped, takes 6 MB."""
_ROWS_AT_ONCE = 64
_READ = 1 << 20
_OWNER_AND_NAME = re.compile(r"[\w.~-]+(?:/[\w.~-]+)+")
_UNPACKED_AT_ONCE = 1 << 16
"""Of a file that is cut so much may be lost before the cut."""
_LINES_ASKED = 20
_SPELLINGS = {"c++": "cpp", "c#": "csharp", "c-sharp": "csharp", "js": "javascript", "ts": "typescript", "golang": "go"}


@dataclass(frozen=True)
class TableColumns:
    """Which column holds what. Only `content`, and one of `path` and `language`, must be there."""

    content: str = "content"
    path: str = "path"
    repo: str = "repo"
    license: str = "license"
    revision: str = "revision"
    language: str = "language"
    asked: tuple[str, ...] = ()
    """The roles whose column the user named: it must be there."""
    base_url: str = ""
    """What a repository that is given as owner/name stands below; empty where nobody said."""

    def found(self, there: Collection[str], where: str) -> dict[str, str]:
        """Role to column, of those that a table has. Raises ValueError naming the columns that it has."""
        has = f"{where} has no column %r; its columns are {', '.join(map(str, there))}"
        chosen = {role: getattr(self, role) for role in ROLES if getattr(self, role) in there}
        for role in dict.fromkeys(("content", *self.asked)):
            if role not in chosen:
                raise ValueError(f"{has % getattr(self, role)}: say --columns {role}=NAME")
        if "path" not in chosen and "language" not in chosen:
            raise ValueError(f"{has % self.path}, and none that says the language: say --columns path=NAME")
        return chosen


ROLES = tuple(field.name for field in fields(TableColumns) if field.name not in ("asked", "base_url"))


def table_columns(given: Sequence[str]) -> TableColumns:
    """`["content=text,path=file"]` as columns. Raises ValueError for anything else."""
    named: dict[str, str] = {}
    for part in filter(None, ",".join(given).split(",")):
        role, equals, name = (piece.strip() for piece in part.partition("="))
        if not equals or not name or role not in ROLES:
            raise ValueError(f"--columns takes ROLE=NAME, not {part!r}; the roles are {', '.join(ROLES)}")
        named[role] = name
    return replace(TableColumns(), **named, asked=tuple(named))


def is_table(path: str) -> bool:
    """Whether the name ends like a table's."""
    return path.lower().endswith((*PARQUET_SUFFIXES, *LINES_SUFFIXES))


def is_parquet(path: str) -> bool:
    """Whether the name ends like a Parquet file's."""
    return path.lower().endswith(PARQUET_SUFFIXES)


def is_compressed(path: str) -> bool:
    """Whether lines are packed, so that one reader must read them all."""
    return path.lower().endswith((".gz", ".zst"))


def parquet_files(file: BinaryIO, uri: str, row_group: int, columns: TableColumns) -> Iterator[SourceFile | BadRow]:
    """The source files of one row group. Raises ValueError for columns that are not there."""
    try:
        table = pq.ParquetFile(file, buffer_size=_READ, pre_buffer=False)
        chosen = columns.found(table.schema_arrow.names, uri)
        first = sum(table.metadata.row_group(i).num_rows for i in range(row_group))
        batches = table.iter_batches(_ROWS_AT_ONCE, row_groups=[row_group], columns=list(chosen.values()))
        for batch in batches:
            values = {role: _values(batch.column(name), role) for role, name in chosen.items()}
            for i in range(batch.num_rows):
                yield _source_file({role: column[i] for role, column in values.items()}, uri, first + i, columns)
            first += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        yield BadRow(uri, f"row group {row_group}: {error}", "damaged_repository")


def line_files(
    file: BinaryIO, uri: str, start: int, end: int | None, columns: TableColumns
) -> Iterator[SourceFile | BadRow]:
    """The source files of the lines that begin at bytes from `start` to before `end` (None: to the last).

    Of compressed lines the bytes are those of the unpacked stream. A key that a line has not is null.
    """
    names = {role: getattr(columns, role) for role in ROLES}
    try:
        for offset, line in _lines(unpacked(file, uri), start, end):
            if line is None:
                yield BadRow(f"{uri}:{offset}", f"a line of more than {MAX_LINE_BYTES:,} bytes")
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadRow(f"{uri}:{offset}", f"no JSON: {error}")
                continue
            if not isinstance(row, dict):
                yield BadRow(f"{uri}:{offset}", f"a line must be a JSON object, not {type(row).__name__}")
                continue
            yield _source_file({role: row.get(name) for role, name in names.items()}, uri, offset, columns)
    except (OSError, pa.ArrowException) as error:
        yield BadRow(uri, f"{type(error).__name__}: {error}", "damaged_repository")


def check_lines(file: BinaryIO, uri: str, columns: TableColumns) -> None:
    """Raise ValueError where the first lines lack a column that must be there; damage is left to the reader."""
    there: dict[str, None] = {}
    try:
        for _, line in islice(_lines(unpacked(file, uri), 0, None), _LINES_ASKED):
            with contextlib.suppress(ValueError, RecursionError):
                row = json.loads(line or b"")
                there |= dict.fromkeys(row) if isinstance(row, dict) else {}
    except (OSError, pa.ArrowException):
        pass
    if there:
        columns.found(there, uri)


def unpacked(file: BinaryIO, path: str) -> BinaryIO:
    """The file's bytes without the compression that its name tells."""
    name = path.lower()
    packing = "gzip" if name.endswith(".gz") else "zstd" if name.endswith(".zst") else None
    if packing is None:
        return file
    stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), packing)
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, stream), _UNPACKED_AT_ONCE))


def _lines(file: BinaryIO, start: int, end: int | None) -> Iterator[tuple[int, bytes | None]]:
    """(offset, line) of the lines that are not blank; None for one that is too long."""
    offset = start
    if start:
        # The line that the byte before belongs to is another range's.
        file.seek(start - 1)
        offset += _skip_line(file) - 1
    while end is None or offset < end:
        line = file.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        length = len(line)
        if length > MAX_LINE_BYTES:
            if not line.endswith(b"\n"):
                length += _skip_line(file)
            yield offset, None
        elif not line.isspace():
            yield offset, line
        offset += length


def _skip_line(file: BinaryIO) -> int:
    """Read to the end of the line; how many bytes that was."""
    skipped = 0
    while block := file.readline(_READ):
        skipped += len(block)
        if block.endswith(b"\n"):
            break
    return skipped


def _values(column: pa.Array, role: str) -> list[Any]:
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if role == "content" and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.large_binary())
    return column.to_pylist()


def _source_file(row: dict[str, Any], uri: str, number: int, columns: TableColumns) -> SourceFile | BadRow:
    """A row as a file; `number` is the row's in a Parquet file, or the offset of its line."""
    content = row["content"]
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    texts = {role: row.get(role) for role in ("path", "repo", "revision", "language")}
    wrong = [role for role, value in texts.items() if not isinstance(value, str | None)]
    if wrong or not isinstance(content, bytes | None):
        role = "content" if not wrong else wrong[0]
        return BadRow(f"{uri}:{number}", f"{role} is no text but {type(row[role]).__name__}")
    given = (texts["path"] or "").lstrip("/")
    path = safe_path(given) if given else None
    entry = Entry(path or given or f"row {number}", len(content or b""), "unsafe_name" if given and not path else None)
    remote = texts["repo"] or None
    place = Provenance(
        uri=uri,
        offset=number,
        repo=remote and (name_of_remote(remote) or remote),
        revision=texts["revision"],
        path=path,
    )
    licenses = Licenses((), _no_file, _spdx(_hashable(row.get("license"))))
    return SourceFile(
        entry,
        place,
        ("table", uri.replace("\\", "/").rsplit("/", 1)[-1], number),
        partial(bytes, content or b""),
        partial(licenses.find, entry.path),
        permalinks(_address(remote, columns.base_url), texts["revision"]) if path else None,
        None if language_for_path(path or "") else _named_language(texts["language"]),
    )


def _address(remote: str | None, base_url: str) -> str | None:
    """Where a repository stands: as it says itself, or `owner/name` below the base."""
    if remote and base_url and _OWNER_AND_NAME.fullmatch(remote):
        return base_url.rstrip("/") + "/" + remote
    return remote


def _no_file(entry: Entry) -> bytes:
    raise LookupError(entry.path)


@lru_cache(maxsize=256)
def _named_language(name: str | None) -> tuple[Language, str] | None:
    plain = (name or "").strip().lower()
    plain = _SPELLINGS.get(plain, plain)
    return (load(plain), grammar_names(plain)[0]) if plain in LANGUAGES else None


def _hashable(value: Any) -> str | tuple[str, ...] | None:
    if isinstance(value, list | tuple):
        return tuple(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def _spdx(value: str | tuple[str, ...] | None) -> str | None:
    """A licence column's value as SPDX: a name in any case, or a list of which all are to be met."""
    names = (value,) if isinstance(value, str) else value or ()
    known = [spdx_expression(name) for name in names]
    return all_of(filter(None, known)) if known and all(known) else None
