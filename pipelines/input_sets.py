"""The input of the jobs that make a pair set of pair sets: which sets, which of their files, and how these are read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.options import UsageError
from pipelines.set_files import check_files, load_manifest
from schemas.manifest import MANIFEST_NAME, Manifest, PairSetError
from schemas.pair import SCHEMA, SPLITS, in_schema
from schemas.split_settings import split_settings

BATCH_ROWS = 2048
NARROW_ROWS = 65_536
"""Of some columns; all of them come in batches of BATCH_ROWS."""


@dataclass(frozen=True, slots=True)
class SetFile:
    """One data file of an input set, and the name that its rows have in the result."""

    number: int
    """Place among all data files of the input."""
    set_number: int
    folder: str
    path: str
    """In its set, such as `data/train-00000-of-00016.parquet`."""
    split: str
    rows: int
    bytes: int
    result: str
    signatures: bool
    """Whether the file of the same name in `signatures/` goes with it."""

    @property
    def unit(self) -> str:
        """The file's name as a unit of work."""
        return f"{self.number:06d}"


@dataclass(frozen=True)
class InputSets:
    """The sets, by data_id: whatever the order in which they were given, the result is the same."""

    folders: tuple[str, ...]
    manifests: tuple[Manifest, ...]

    @property
    def rows(self) -> int:
        """Rows of all sets."""
        return sum(sum(manifest.splits.values()) for manifest in self.manifests)

    @property
    def bytes(self) -> int:
        """Bytes of all data files."""
        return sum(entry.bytes for manifest in self.manifests for entry in manifest.data_files())

    @property
    def data_ids(self) -> list[str]:
        """What identifies the input."""
        return [manifest.data_id for manifest in self.manifests]

    @property
    def settings(self) -> dict[str, Any] | None:
        """By which all sets were split and signed, None for what differs; None where one set does not say."""
        found = [split_settings(manifest) for manifest in self.manifests]
        if not found or None in found:
            return None
        return {name: value if all(one[name] == value for one in found) else None for name, value in found[0].items()}

    @property
    def is_signed(self) -> bool:
        """Whether every row has a signature that can be held against any other's."""
        signed_by = ("words_per_shingle", "tokens_per_shingle", "signatures")
        settings = self.settings or {}
        return all(settings.get(name) is not None for name in signed_by) and all(map(_is_signed, self.manifests))

    def files(self) -> tuple[SetFile, ...]:
        """The data files in the result's order: set by set, each in its own.

        Of one set the names stay; of several the set's number goes in, so that the order does not depend on how the
        sets are cut into files.
        """
        is_signed = self.is_signed
        found: list[SetFile] = []
        for number, (folder, manifest) in enumerate(zip(self.folders, self.manifests, strict=True)):
            for entry in manifest.data_files():
                split = entry.split or SPLITS[0]
                name = entry.path
                if len(self.folders) > 1:
                    name = f"data/{split}-{number:03d}-" + entry.path.removeprefix(f"data/{split}-")
                size = (entry.rows, entry.bytes)
                found.append(SetFile(len(found), number, folder, entry.path, split, *size, name, is_signed))
        return tuple(found)


def find_sets(patterns: Sequence[str], output: str) -> InputSets:
    """The finished pair sets that the patterns name, with all their files. Raises UsageError and PairSetError."""
    folders: dict[str, str] = {}
    for pattern in patterns:
        for folder in _set_folders(pattern):
            folders.setdefault(os.path.realpath(folder) if storage.is_local(folder) else folder, folder)
    here = os.path.realpath(output) if storage.is_local(output) else output.rstrip("/")
    if here in folders:
        raise UsageError(f"{output} is one of the inputs; name another folder for the result")
    manifests = {folder: load_manifest(folder) for folder in folders.values()}
    by_id: dict[str, str] = {}
    for folder, manifest in manifests.items():
        check_files(folder, [entry for entry in manifest.files if entry.folder in ("data", "signatures", "removed")])
        twin = by_id.setdefault(manifest.data_id, folder)
        if twin != folder:
            raise UsageError(f"{twin} and {folder} hold the same rows (data_id {manifest.data_id}); give one of them")
    ordered = [by_id[data_id] for data_id in sorted(by_id)]
    return InputSets(tuple(ordered), tuple(manifests[folder] for folder in ordered))


def _set_folders(pattern: str) -> list[str]:
    try:
        found = storage.expand([storage.join(pattern, MANIFEST_NAME)])
    except UsageError:
        raise UsageError(
            f"{pattern} is no finished pair set: it has no {MANIFEST_NAME}; name the folder that a job wrote"
        ) from None
    return [info.path.replace("\\", "/").rsplit("/", 1)[0] for info in found]


def _is_signed(manifest: Manifest) -> bool:
    data = {entry.path.split("/", 1)[1] for entry in manifest.data_files()}
    return data <= {entry.path.split("/", 1)[1] for entry in manifest.files if entry.folder == "signatures"}


class OpenFile:
    """A data file that is being read; whatever is wrong with it is told as PairSetError."""

    def __init__(self, file: SetFile, stream: BinaryIO) -> None:
        self._file = file
        try:
            self._parquet = pq.ParquetFile(stream)
        except (OSError, pa.ArrowException):
            raise damaged(file) from None
        if self._parquet.metadata.num_rows != file.rows:
            raise damaged(file)

    @property
    def groups(self) -> range:
        """The numbers of its row groups."""
        return range(self._parquet.num_row_groups)

    def columns(self, groups: Sequence[int], columns: Sequence[str]) -> Iterator[pa.Table]:
        """Some columns of row groups in order (fields of structs with a dot); those of a later schema are null."""
        for batch in self._batches(NARROW_ROWS, groups, list(columns)):
            table = pa.Table.from_batches([batch])
            for name in dict.fromkeys(column.split(".")[0] for column in columns):
                if name not in table.column_names:
                    table = table.append_column(SCHEMA.field(name), pa.nulls(table.num_rows, SCHEMA.field(name).type))
            yield table

    def rows(self, group: int) -> Iterator[pa.Table]:
        """All columns of a row group in order, in the schema of pairs."""
        for batch in self._batches(BATCH_ROWS, [group], None):
            yield in_schema(pa.Table.from_batches([batch]))

    def _batches(self, size: int, groups: Sequence[int], columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        batches = self._parquet.iter_batches(size, row_groups=list(groups), columns=columns)
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowException):
                raise damaged(self._file) from None
            if batch is None:
                return
            yield batch


@contextmanager
def reading(file: SetFile) -> Iterator[OpenFile]:
    """The data file, open for the block."""
    with storage.open_read(storage.join(file.folder, file.path)) as stream:
        yield OpenFile(file, stream)


def damaged(file: SetFile) -> PairSetError:
    """The sentence of a file whose size is right and whose contents are not."""
    return PairSetError(f"{storage.join(file.folder, file.path)} is damaged; run `pairmill verify {file.folder}`")
