"""The input of dedupe: which files there are, how they are cut into units, and how a unit is read.

Pair sets are read as they are; plain tables (Parquet, JSONL) become pairs as they are read (`pipelines.plain_tables`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.options import UsageError
from schemas.manifest import MANIFEST_NAME, FileEntry, Manifest, parse_manifest

UNIT_BYTES = 256 << 20
LEAST_UNIT_BYTES = 4 << 20
UNITS = 16
BATCH_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Piece:
    """A Parquet file, or some of its row groups, and the rows that must be there."""

    path: str
    rows: int
    groups: tuple[int, ...] | None = None


@dataclass(frozen=True)
class InputUnit:
    """Input that one worker reads together, in this order."""

    number: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """Rows of all pieces."""
        return sum(piece.rows for piece in self.pieces)


@dataclass(frozen=True)
class Input:
    """The input sets: their data files in an order that content alone decides, and what identifies them."""

    files: tuple[tuple[str, FileEntry], ...]
    data_ids: tuple[str, ...]
    folders: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(entry.rows for _, entry in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(entry.bytes for _, entry in self.files)

    def units(self) -> tuple[InputUnit, ...]:
        """The input in units of UNIT_BYTES, smaller ones where it has fewer than UNITS of them; by input alone."""
        target = min(UNIT_BYTES, max(LEAST_UNIT_BYTES, self.bytes // UNITS))
        bundles: list[list[Piece]] = []
        size = target
        for path, entry in self.files:
            for piece, piece_bytes in _pieces(path, entry, target):
                if size >= target:
                    bundles.append([])
                    size = 0
                bundles[-1].append(piece)
                size += piece_bytes
        return tuple(InputUnit(number, tuple(bundle)) for number, bundle in enumerate(bundles))


def _pieces(path: str, entry: FileEntry, target: int) -> Iterator[tuple[Piece, int]]:
    """A file with its bytes, or where it is larger than a unit its row groups with theirs."""
    if entry.bytes <= target:
        yield Piece(path, entry.rows), entry.bytes
        return
    with storage.open_read(path) as file:
        footer = pq.read_metadata(file)
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        columns = range(group.num_columns)
        yield (
            Piece(path, group.num_rows, (number,)),
            sum(group.column(column).total_compressed_size for column in columns),
        )


def find_input(patterns: Sequence[str]) -> Input:
    """The pair sets that the patterns name, each checked to be whole. Raises UsageError."""
    folders: list[str] = []
    for pattern in patterns:
        try:
            found = storage.expand([storage.join(pattern, MANIFEST_NAME)])
        except UsageError:
            raise UsageError(
                f"{pattern} is no finished pair set (it has no {MANIFEST_NAME}); name the folder that a job wrote"
            ) from None
        folders += [info.path.replace("\\", "/").rsplit("/", 1)[0] for info in found]
    manifests = {folder: _manifest(folder) for folder in dict.fromkeys(folders)}
    files = [
        (storage.join(folder, entry.path), entry)
        for folder, manifest in manifests.items()
        for entry in manifest.data_files()
    ]
    return Input(
        tuple(sorted(files, key=lambda item: (item[1].sha256, item[0]))),
        tuple(sorted(manifest.data_id for manifest in manifests.values())),
        tuple(manifests),
    )


def _manifest(folder: str) -> Manifest:
    path = storage.join(folder, MANIFEST_NAME)
    manifest = parse_manifest(storage.read_bytes(path), path)
    there = {info.path.replace("\\", "/").rsplit("/", 1)[-1]: info.size for info in _data_files(folder)}
    for entry in manifest.data_files():
        if there.get(entry.path.rsplit("/", 1)[-1]) != entry.bytes:
            raise UsageError(
                f"{folder}: {entry.path} is missing or not {entry.bytes:,} bytes long; write the set again"
            )
    return manifest


def _data_files(folder: str) -> list[storage.FileInfo]:
    return storage.list_files(storage.join(folder, "data"))


def read_batches(unit: InputUnit, columns: tuple[str, ...] | None = None) -> Iterator[pa.Table]:
    """The rows of a unit in order, some thousands at a time; the same batches in every pass."""
    for piece in unit.pieces:
        with storage.open_read(piece.path) as file:
            parquet = pq.ParquetFile(file)
            groups = range(parquet.num_row_groups) if piece.groups is None else piece.groups
            rows = sum(parquet.metadata.row_group(group).num_rows for group in groups)
            if rows != piece.rows:
                raise ValueError(f"{piece.path} holds {rows:,} rows where its manifest says {piece.rows:,}")
            wanted = list(columns) if columns else None
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=list(groups), columns=wanted):
                yield pa.Table.from_batches([batch])
