"""What mine-code reads: which inputs become which units, and how a unit is opened.

A unit is one repository (folder, git repository, archive, clone), one row group of a Parquet table, or a byte range of
lines of JSON.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from miners.code.language import language_for_path
from miners.code.mine import BadRow, SourceFile
from miners.code.repository import Repository, UnreadableError
from miners.code.repository_archive import ArchiveRepository, is_archive
from miners.code.repository_clone import ClonedRepository, CloneLimits
from miners.code.repository_folder import FolderRepository
from miners.code.repository_git import GitRepository, is_git
from miners.code.table import (
    TableColumns,
    check_lines,
    is_compressed,
    is_parquet,
    is_table,
    line_files,
    parquet_files,
)
from pipelines import storage
from pipelines.clone_list import RemoteRepository
from pipelines.options import UsageError
from pipelines.units import Unit, unit_id

CLONE, COMMIT, ROWS, LINES, BROKEN_TABLE = "clone", "commit", "rows", "lines", "broken_table"
"""Kinds of units that are more than a folder or an archive at a path, as `Unit.extra` names them."""
LINES_BYTES = 256 << 20
"""A unit of uncompressed lines; of compressed ones it is the whole file."""
CLONE_BYTES = 16 << 20
"""What a clone is taken to bring, for the choice of how many workers to start."""
_OPEN_AT_ONCE = 16
_NO_REPOSITORY = ("*.dist-info", "*.egg-info", "__pycache__", ".*")
"""What a pattern such as `site-packages/*` also matches."""


@dataclass(frozen=True)
class CodeInputs:
    """How inputs are read: the revision of git repositories, columns of tables, limits of clones."""

    revision: str | None = None
    columns: TableColumns = field(default_factory=TableColumns)
    clone: CloneLimits = field(default_factory=CloneLimits)
    scratch: str | None = None
    """Folder for clones; None: the system's folder for temporary files."""


def open_repository(unit: Unit, inputs: CodeInputs) -> Repository:
    """The reader for a unit that is a repository. Raises UnreadableError and OSError."""
    if unit.extra.get("kind") == CLONE:
        return ClonedRepository(unit.uri, unit.extra["revision"], inputs.clone, inputs.scratch)
    if unit.extra.get("kind") == COMMIT:  # whatever the branch has become since
        return GitRepository(unit.uri, unit.extra["revision"])
    return _reader(unit.uri, inputs)


def is_as_planned(unit: Unit, repository: Repository) -> bool:
    """Whether a folder has the files that it had when the job was planned; others are told by file or by commit."""
    return not isinstance(repository, FolderRepository) or unit.unit_id == _folder_id(unit.uri, repository)


def is_table_unit(unit: Unit) -> bool:
    """Whether the unit is a part of a table, not a repository."""
    return unit.extra.get("kind") in (ROWS, LINES, BROKEN_TABLE)


def table_files(unit: Unit, inputs: CodeInputs) -> Iterator[SourceFile | BadRow]:
    """The source files of a unit that is a part of a table. Raises ValueError for columns that it has not."""
    kind = unit.extra["kind"]
    if kind == BROKEN_TABLE:
        yield BadRow(unit.uri, unit.extra["why"], "damaged_repository")
        return
    try:
        file = storage.open_read(unit.uri)
    except OSError as error:
        yield BadRow(unit.uri, str(error), "damaged_repository")
        return
    with file:
        if kind == ROWS:
            yield from parquet_files(file, unit.uri, unit.start, inputs.columns)
        else:
            yield from line_files(file, unit.uri, unit.start, unit.end or None, inputs.columns)


def find_units(patterns: Sequence[str], inputs: CodeInputs) -> list[Unit]:
    """The units of what the patterns name, once each (by real path).

    Raises UsageError for a pattern that names nothing, for a table without the columns, and for a `revision` of what
    is no git repository.
    """
    units: dict[str, Unit] = {}
    tables: dict[str, storage.FileInfo] = {}
    for pattern in patterns:
        found = list(_found(pattern, inputs))
        if not found:
            raise UsageError(
                f"no repository, archive, table or source file matches {pattern!r}; check the path, and quote a pattern"
            )
        for real, item in found:
            if isinstance(item, Unit):
                units.setdefault(real, item)
            else:
                tables.setdefault(real, item)
    with ThreadPoolExecutor(_OPEN_AT_ONCE) as pool:
        planned = list(pool.map(lambda info: _table_units(info, inputs.columns), tables.values()))
    return [*units.values(), *(unit for part in planned for unit in part)]


def clone_units(repositories: Sequence[RemoteRepository], revision: str | None) -> list[Unit]:
    """A unit for each repository to clone; `revision` is of those that have none of their own."""
    units = []
    for repository in repositories:
        wanted = repository.revision or revision
        extra = {"kind": CLONE, "revision": wanted}
        units.append(Unit(unit_id(CLONE, repository.url, wanted or ""), repository.url, CLONE_BYTES, extra=extra))
    return units


def _found(pattern: str, inputs: CodeInputs) -> Iterator[tuple[str, Unit | storage.FileInfo]]:
    """(real path, unit of a repository or file of a table) of what a pattern names."""
    if not storage.is_local(pattern):
        for info in storage.expand([pattern]):
            if is_table(info.path):
                yield info.path, info
            elif is_archive(info.path):
                _refuse_revision(info.path, inputs)
                yield info.path, _archive_unit(info)
        return
    named = os.path.exists(pattern)
    for path in [pattern] if named else sorted(glob.glob(pattern, recursive=True)):
        path = path.rstrip("/") or "/"
        base = os.path.basename(os.path.abspath(path))
        if not named and any(fnmatch.fnmatchcase(base, skipped) for skipped in _NO_REPOSITORY):
            continue
        if is_table(path) and os.path.isfile(path):
            yield os.path.realpath(path), storage.expand([path])[0]
            continue
        unit = _local_unit(path, inputs)
        if unit is not None:
            yield os.path.realpath(path), unit


def _local_unit(path: str, inputs: CodeInputs) -> Unit | None:
    is_file = os.path.isfile(path)
    if is_file and is_archive(path):
        _refuse_revision(path, inputs)
        return _archive_unit(storage.describe([path])[0])
    if not os.path.isdir(path) and not (is_file and language_for_path(path)):
        return None
    if is_file or not is_git(path):
        _refuse_revision(path, inputs)
    try:
        repository = _reader(path, inputs)
    except UnreadableError:
        return Unit(unit_id(path), path, 0)
    size = sum(entry.size for entry in repository.entries if not entry.refusal and language_for_path(entry.path))
    if isinstance(repository, FolderRepository):
        return Unit(_folder_id(path, repository), path, size)
    commit = repository.about.revision or ""
    return Unit(unit_id(path, commit), path, size, extra={"kind": COMMIT, "revision": commit})


def _folder_id(path: str, folder: FolderRepository) -> str:
    return unit_id(path, *folder.fingerprint())


def _archive_unit(info: storage.FileInfo) -> Unit:
    return Unit(unit_id(info.path, info.size, info.version), info.path, info.size, listed=info)


def _refuse_revision(path: str, inputs: CodeInputs) -> None:
    if inputs.revision is not None:
        raise UsageError(f"--revision is of git repositories, and {path} is none; give it in a run of its own")


def _reader(path: str, inputs: CodeInputs) -> Repository:
    if is_archive(path) and not (storage.is_local(path) and os.path.isdir(path)):
        return ArchiveRepository(storage.open_read(path), path)
    return GitRepository(path, inputs.revision or "HEAD") if is_git(path) else FolderRepository(path)


def _table_units(info: storage.FileInfo, columns: TableColumns) -> list[Unit]:
    """The parts of one table; one that cannot be read is a unit that will say so. Raises UsageError for its columns."""
    path, size = info.path, info.size
    try:
        with storage.open_read(path) as file:
            if is_parquet(path):
                table = pq.ParquetFile(file)
                columns.found(table.schema_arrow.names, path)
                groups = [table.metadata.row_group(i).total_byte_size for i in range(table.num_row_groups)]
                return [
                    Unit(unit_id(path, size, info.version, ROWS, i), path, n, i, i + 1, {"kind": ROWS}, info)
                    for i, n in enumerate(groups)
                ]
            check_lines(file, path, columns)
    except (OSError, pa.ArrowException) as error:
        extra = {"kind": BROKEN_TABLE, "why": str(error)}
        return [Unit(unit_id(path, size, info.version), path, size, extra=extra)]
    except ValueError as error:
        raise UsageError(str(error)) from None
    extra = {"kind": LINES}
    if is_compressed(path):
        return [Unit(unit_id(path, size, info.version, LINES), path, size, extra=extra, listed=info)]
    return [
        Unit(unit_id(path, size, info.version, LINES, start), path, end - start, start, end, extra, info)
        for start in range(0, size, LINES_BYTES)
        for end in [min(size, start + LINES_BYTES)]
    ]
