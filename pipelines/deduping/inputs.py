"""The input of dedupe: which files there are, how they are cut into units, and how a unit is read.

Pair sets are read as they are; plain tables (Parquet, JSONL) become pairs as they are read
(`pipelines.deduping.plain_tables`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.deduping import plain_tables
from pipelines.options import UsageError
from pipelines.set_files import check_files, load_manifest
from schemas.manifest import CHANGE_FOLDER, JOURNAL_NAME, MANIFEST_NAME, Manifest, no_manifest
from schemas.pair import in_schema

UNIT_BYTES = 256 << 20
LEAST_UNIT_BYTES = 4 << 20
UNITS = 32
BATCH_ROWS = 2048
JSONL_ROW_BYTES = 1000
"""For estimates alone."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file of the input. Of a JSONL file the rows are not known before it is read."""

    path: str
    rows: int | None
    bytes: int
    mark: str
    """What orders the files, by content alone: a data file's sha256, a plain table's last path part."""
    is_plain: bool = False
    split: str | None = None
    """Of a pair set's file."""
    listed: storage.FileInfo | None = None
    """As it was when the job was planned."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or some row groups of a Parquet file with the number of their first row, and the rows that are there."""

    path: str
    rows: int | None
    groups: tuple[int, ...] | None = None
    first: int = 0
    listed: storage.FileInfo | None = None
    """The file as it was when the job was planned: every pass must read the same."""


@dataclass(frozen=True)
class InputUnit:
    """Input that one worker reads together, in this order; plain tables and pair sets do not mix in a unit."""

    number: int
    pieces: tuple[Piece, ...]
    is_plain: bool = False

    @property
    def rows(self) -> int:
        """Rows of all pieces whose rows are known."""
        return sum(piece.rows or 0 for piece in self.pieces)


@dataclass(frozen=True)
class Input:
    """The input files in an order that content alone decides, and what identifies them."""

    files: tuple[InputFile, ...]
    identities: tuple[str, ...]
    """data_ids of pair sets; names and sizes of plain tables."""
    manifests: Mapping[str, Manifest]
    """Those of the pair sets, by folder."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of the pair sets."""
        return tuple(self.manifests)

    @property
    def rows(self) -> int | None:
        """Rows of all files; None where some of them are not known yet."""
        rows = [file.rows for file in self.files]
        return None if None in rows else sum(row for row in rows if row)

    @property
    def rows_about(self) -> int:
        """Rows of all files, by size where they are not known."""
        return sum(file.bytes // JSONL_ROW_BYTES if file.rows is None else file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)

    def parents(self) -> tuple[Mapping[str, Any], ...]:
        """What the result keeps of the pair sets, by data_id."""
        found = [manifest.as_parent() for manifest in self.manifests.values()]
        return tuple(sorted(found, key=lambda parent: parent["data_id"]))

    def units(self) -> tuple[InputUnit, ...]:
        """The input in units of UNIT_BYTES, smaller ones where it has fewer than UNITS of them; by input alone."""
        target = min(UNIT_BYTES, max(LEAST_UNIT_BYTES, self.bytes // UNITS))
        bundles: list[tuple[bool, list[Piece]]] = []
        for is_plain in (False, True):
            size = target
            for file in self.files:
                for piece, piece_bytes in _pieces(file, target) if file.is_plain == is_plain else ():
                    if size >= target:
                        bundles.append((is_plain, []))
                        size = 0
                    bundles[-1][1].append(piece)
                    size += piece_bytes
        return tuple(InputUnit(number, tuple(pieces), is_plain) for number, (is_plain, pieces) in enumerate(bundles))


def _pieces(file: InputFile, target: int) -> Iterator[tuple[Piece, int]]:
    """A file with its bytes, or where it is larger than a unit its row groups with theirs. JSONL is never cut."""
    if file.bytes <= target or file.rows is None:
        yield Piece(file.path, file.rows, listed=file.listed), file.bytes
        return
    with storage.open_read(file.path) as stream:
        footer = pq.read_metadata(stream)
    first = 0
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        columns = range(group.num_columns)
        size = sum(group.column(column).total_compressed_size for column in columns)
        yield Piece(file.path, group.num_rows, (number,), first, file.listed), size
        first += group.num_rows


def find_input(patterns: Sequence[str]) -> Input:
    """The pair sets and plain tables that the patterns name, each checked to be whole. Raises UsageError."""
    folders: list[str] = []
    tables: dict[str, InputFile] = {}
    for pattern in patterns:
        sets = _matches(storage.join(pattern, MANIFEST_NAME))
        folders += [info.path.replace("\\", "/").rsplit("/", 1)[0] for info in sets]
        plain = [] if sets else [info for info in _files(pattern) if plain_tables.is_plain(info.path)]
        for info in plain:
            name = storage.last_part(info.path)
            rows = plain_tables.check_columns(info.path)
            real = os.path.realpath(info.path) if storage.is_local(info.path) else info.path
            tables.setdefault(real, InputFile(info.path, rows, info.size, name, True, listed=info))
        if not sets and storage.exists(storage.join(pattern, CHANGE_FOLDER, JOURNAL_NAME)):
            raise no_manifest(pattern, is_changing=True)
        if not sets and not plain:
            raise UsageError(
                f"{pattern} is no finished pair set (it has no {MANIFEST_NAME}), nor a table of pairs "
                f"({', '.join(plain_tables.SUFFIXES)}); name the folder that a job wrote, or files of these kinds"
            )
    manifests = {folder: _manifest(folder) for folder in dict.fromkeys(folders)}
    files = [
        InputFile(path, entry.rows, entry.bytes, entry.sha256, split=entry.split, listed=listed.get(path))
        for folder, manifest in manifests.items()
        for listed in [{info.path: info for info in storage.list_files(storage.join(folder, "data"))}]
        for entry in manifest.data_files()
        for path in [storage.join(folder, entry.path)]
    ]
    identities = [manifest.data_id for manifest in manifests.values()]
    identities += [f"{table.mark}:{table.bytes}" for table in tables.values()]
    return Input(
        tuple(sorted([*files, *tables.values()], key=lambda file: (file.mark, file.bytes, file.path))),
        tuple(sorted(identities)),
        manifests,
    )


def _files(pattern: str) -> list[storage.FileInfo]:
    """The files that a pattern names, or those in the folder that it names."""
    return _matches(pattern) or storage.list_files(pattern)


def _matches(pattern: str) -> list[storage.FileInfo]:
    try:
        return storage.expand([pattern])
    except UsageError:
        return []


def _manifest(folder: str) -> Manifest:
    manifest = load_manifest(folder)
    check_files(folder, manifest.data_files())
    return manifest


def set_folders(units: Iterable[InputUnit]) -> tuple[str, ...]:
    """The folders of the pair sets that the units are of, in order."""
    pieces = (piece for unit in units if not unit.is_plain for piece in unit.pieces)
    return tuple(sorted({piece.path.replace("\\", "/").rsplit("/", 2)[0] for piece in pieces}))


def read_pair_sets(unit: InputUnit, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a unit of pair sets in order, some thousands at a time; the same batches in every pass."""
    for piece in unit.pieces:
        with storage.open_read(piece.path) as file:
            parquet = pq.ParquetFile(file)
            groups = range(parquet.num_row_groups) if piece.groups is None else piece.groups
            rows = sum(parquet.metadata.row_group(group).num_rows for group in groups)
            if rows != piece.rows:
                raise ValueError(f"{piece.path} holds {rows:,} rows where its manifest says {piece.rows:,}")
            wanted = list(columns) if columns else None
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=list(groups), columns=wanted):
                table = pa.Table.from_batches([batch])
                yield table if columns else in_schema(table)
        _check_unchanged(piece)


def read_plain_tables(unit: InputUnit) -> Iterator[tuple[str, plain_tables.PlainBatch]]:
    """The rows of a unit of plain tables in order, made into pairs, with the file that each batch is from."""
    for piece in unit.pieces:
        if piece.rows is None:
            batches = plain_tables.read_jsonl(piece.path, BATCH_ROWS)
        else:
            groups = piece.groups
            if groups is None:
                with storage.open_read(piece.path) as file:
                    groups = tuple(range(pq.read_metadata(file).num_row_groups))
            batches = plain_tables.read_parquet(piece.path, groups, piece.first, BATCH_ROWS)
        for batch in batches:
            yield piece.path, batch
        _check_unchanged(piece)


def _check_unchanged(piece: Piece) -> None:
    """Passes that read different rows would mix them: raises RuntimeError where the file is no more what it was."""
    if piece.listed is None:
        return
    (now,) = storage.describe([piece.path])
    if now != piece.listed:
        raise RuntimeError(f"{piece.path} was changed or deleted while it was read; start the job again")
