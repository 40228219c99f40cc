"""Earlier sets that a new one must not repeat: `dedupe --existing`.

Their rows take part in every comparison, with the signatures, side hashes and splits that they have, and always stay:
they are read, never written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.inputs import BATCH_ROWS, Input, InputUnit, Piece, find_input, read_pair_sets
from pipelines.options import UsageError
from schemas.manifest import FileEntry, Manifest
from schemas.pair import SPLITS
from schemas.split_settings import SPLIT_SETTINGS, split_settings


@dataclass(frozen=True)
class ExistingUnit(InputUnit):
    """Files of one split of an earlier set, which one worker reads together."""

    split: int = 0
    """Place in SPLITS."""
    data_id: str = ""
    """The set's."""


def find_existing(patterns: Sequence[str], config: DedupeConfig) -> Input | None:
    """The earlier sets, each checked to be whole, and to be split and signed as the new one will be. UsageError."""
    if not patterns:
        return None
    found = find_input(patterns)
    for file in found.files:
        if file.is_plain:
            raise UsageError(f"{file.path} is a plain table, which has neither splits nor signatures; dedupe it first")
    for folder, manifest in found.manifests.items():
        _check(folder, manifest, config)
    return found


def existing_units(found: Input | None, first: int) -> tuple[ExistingUnit, ...]:
    """A unit a data file, numbered from `first`."""
    if found is None:
        return ()
    data_ids = {folder: manifest.data_id for folder, manifest in found.manifests.items()}
    return tuple(
        ExistingUnit(
            number=number,
            pieces=(Piece(file.path, file.rows, listed=file.listed),),
            split=SPLITS.index(file.split or SPLITS[0]),
            data_id=data_ids[_set_folder(file.path)],
        )
        for number, file in enumerate(found.files, first)
    )


def read_existing(unit: ExistingUnit, columns: tuple[str, ...]) -> Iterator[tuple[pa.Table, np.ndarray]]:
    """The rows of a unit in order, and their signatures: uint32 (rows, 2, permutations), of anchor and positive.

    Raises ValueError where the file of signatures has not the data file's rows.
    """
    path = signatures_path(unit.pieces[0].path)
    with storage.open_read(path) as file:
        parquet = pq.ParquetFile(file)
        if parquet.metadata.num_rows != unit.rows:
            raise ValueError(f"{path} holds {parquet.metadata.num_rows:,} rows where its data file has {unit.rows:,}")
        batches = parquet.iter_batches(BATCH_ROWS, columns=["anchor", "positive"])
        waiting = np.zeros((0, 2, 0), np.uint32)
        for table in read_pair_sets(unit, columns):
            while len(waiting) < table.num_rows:
                more = _as_array(next(batches))
                waiting = np.concatenate([waiting, more]) if len(waiting) else more
            yield table, waiting[: table.num_rows]
            waiting = waiting[table.num_rows :]


def signatures_path(data_path: str) -> str:
    """Where the signatures of a data file lie: the file of the same name beside `data/`."""
    return storage.join(_set_folder(data_path), "signatures", storage.last_part(data_path))


def _set_folder(data_path: str) -> str:
    return data_path.replace("\\", "/").rsplit("/", 2)[0]


def _as_array(batch: pa.RecordBatch) -> np.ndarray:
    sides = [batch.column(i).flatten().to_numpy().reshape(batch.num_rows, -1) for i in range(2)]
    return np.stack(sides, 1)


def _check(folder: str, manifest: Manifest, config: DedupeConfig) -> None:
    made_with = split_settings(manifest)
    signed = {entry.path.split("/", 1)[1] for entry in _signature_files(manifest)}
    if made_with is None or not signed >= {entry.path.split("/", 1)[1] for entry in manifest.data_files()}:
        raise UsageError(
            f"{folder} comes neither from dedupe nor, by select or merge, from sets of it that fit together, so it has "
            "no splits and signatures; dedupe it first"
        )
    wanted = config.as_dict()
    for name in SPLIT_SETTINGS:
        if made_with[name] == wanted[name]:
            continue
        if name == "signatures":
            raise UsageError(f"{folder} has signatures of other permutations; give the recipe that it was made with")
        raise UsageError(
            f"{folder} was made with {name} {made_with[name]!r} and this job has {wanted[name]!r}; an increment needs "
            "the same"
        )
    there = {info.path: info.size for info in storage.list_files(storage.join(folder, "signatures"))}
    for entry in _signature_files(manifest):
        if there.get(storage.join(folder, entry.path)) != entry.bytes:
            raise UsageError(f"{folder}: {entry.path} is missing or damaged; run `pairmill verify` on it")


def _signature_files(manifest: Manifest) -> list[FileEntry]:
    return [entry for entry in manifest.files if entry.folder == "signatures"]
