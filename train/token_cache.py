"""Cuts the train rows of a pair set into tokens once, ahead of training, and opens the result memory-mapped.

The cache lies beside the runs that use it and is keyed by the set's `data_id`, the tokenizer and the lengths, so a
changed set or tokenizer makes another one. It is written elsewhere first and renamed whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.pair_set import read_manifest, read_pair_set
from schemas.token_cache import ARRAYS, INDEX_NAME, array_path, cache_key, index_value, open_array, read_index
from train.encoder import SIDES, Encoder, Role, Side
from train.ragged import Ragged

IDENTITY_COLUMNS = ["anchor_hash", "positive_hash", "cluster", "source"]
SPLIT = "train"
ROWS_AT_ONCE = 8192

Report = Callable[[int, int], None]
"""Called with rows done and rows in all."""


@dataclass(frozen=True)
class TokenCache:
    """The tokens of one pair set. Arrays are memory-mapped: only what a step reads comes to memory."""

    folder: Path
    rows: int
    sources: tuple[str, ...]
    arrays: dict[str, np.ndarray]

    @classmethod
    def open(cls, folder: Path) -> TokenCache:
        """A finished cache; ValueError, with the mend, where it is damaged."""
        index = read_index(folder)
        arrays = {name: open_array(folder, name) for name in ARRAYS}
        return cls(folder, index["rows"], tuple(index["sources"]), arrays)

    def tokens(self, role: Role, numbers: np.ndarray) -> Ragged:
        """The tokens of one side of rows, or of hard negatives, by their numbers, in the order given."""
        return Ragged(self.arrays[f"{role}_ids"], self.arrays[f"{role}_offsets"]).take(numbers)


def open_or_make(
    data: str,
    encoder: Encoder,
    lengths: dict[Side, int],
    folder: Path,
    report: Report | None = None,
    *,
    negatives: int = 0,
) -> TokenCache:
    """The cache of a pair set's train split under `folder`, made if it is not there.

    `lengths` are the most tokens kept of each side, `negatives` the most hard negatives of a row. ValueError where the
    set is no finished one or has no train rows.
    """
    manifest = read_manifest(data)
    if not manifest.splits.get(SPLIT):
        raise ValueError(f"{data} has no rows in its split {SPLIT}, so there is nothing to train on")
    key = cache_key(manifest.data_id, SPLIT, encoder.fingerprint(), lengths["anchor"], lengths["positive"], negatives)
    target = folder / key
    if not (target / INDEX_NAME).is_file():
        _make(data, manifest.splits[SPLIT], encoder, lengths, negatives, target, key, report)
    return TokenCache.open(target)


def without_tokens(data: str, negatives: int = 0) -> TokenCache:
    """What the batch plan reads of a pair set's train rows, in memory."""
    columns = [*IDENTITY_COLUMNS, *(["negative_hashes"] if negatives else [])]
    table = read_pair_set(data, SPLIT).to_table(columns=columns)
    places: dict[str, int] = {}
    arrays = {name: np.asarray(values) for name, values in _identity(table, places).items()}
    if negatives:
        counts = np.minimum(pc.list_value_length(table["negative_hashes"]).to_numpy(), negatives)
        arrays["negative_rows"] = np.concatenate([[0], np.cumsum(counts)])
    return TokenCache(Path(), len(table), tuple(places), arrays)


def _make(
    data: str,
    total: int,
    encoder: Encoder,
    lengths: dict[Side, int],
    negatives: int,
    target: Path,
    key: str,
    report: Report | None,
) -> None:
    making = target.with_name(f"{target.name}.{os.getpid()}.part")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        with _Arrays(making) as arrays:
            sources = _write(data, total, encoder, lengths, negatives, arrays, report)
        index = index_value(total, sources, arrays.elements, key)
        (making / INDEX_NAME).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        making.replace(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


class _Arrays:
    """The files of a cache in the making, and how many elements each has."""

    def __init__(self, folder: Path) -> None:
        self._files = {name: array_path(folder, name).open("wb") for name in ARRAYS}
        self.elements = dict.fromkeys(ARRAYS, 0)

    def __enter__(self) -> _Arrays:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def put(self, name: str, values: Sequence[int] | np.ndarray) -> None:
        """Appends to one array."""
        array = np.ascontiguousarray(values, ARRAYS[name])
        self._files[name].write(array.tobytes())
        self.elements[name] += len(array)

    def put_tokens(self, role: Role, tokens: Ragged) -> None:
        """Appends texts of one role, whose array of offsets begins with a 0."""
        self.put(f"{role}_offsets", tokens.offsets[1:] + self.elements[f"{role}_ids"])
        self.put(f"{role}_ids", tokens.ids)


def _write(
    data: str,
    total: int,
    encoder: Encoder,
    lengths: dict[Side, int],
    negatives: int,
    arrays: _Arrays,
    report: Report | None,
) -> list[str]:
    """Writes every array; returns the sources in order of first appearance."""
    places: dict[str, int] = {}
    for name in ("anchor_offsets", "positive_offsets", "negative_offsets", "negative_rows"):
        arrays.put(name, [0])
    columns = [*SIDES, *IDENTITY_COLUMNS, *(["negatives", "negative_hashes"] if negatives else [])]
    rows = 0
    for batch in read_pair_set(data, SPLIT).scanner(columns, batch_size=ROWS_AT_ONCE).to_batches():
        for side in SIDES:
            arrays.put_tokens(side, encoder.token_ids(batch.column(side).to_pylist(), lengths[side]))
        for name, values in _identity(batch, places).items():
            arrays.put(name, values)
        _put_negatives(batch, encoder, lengths["positive"], negatives, arrays)
        rows += len(batch)
        if report:
            report(rows, total)
    return list(places)


def _identity(rows: pa.RecordBatch | pa.Table, places: dict[str, int]) -> dict[str, Sequence[int] | np.ndarray]:
    """The arrays of what rows are known by; `places` numbers the sources, and grows by those not seen before."""
    cluster = rows.column("cluster")
    names = rows.column("source").cast(pa.string()).to_pylist()
    return {
        "anchor_hash": rows.column("anchor_hash").to_numpy(),
        "positive_hash": rows.column("positive_hash").to_numpy(),
        "cluster": cluster.fill_null(0).to_numpy(),
        "has_cluster": np.asarray(cluster.is_valid()),
        "source": np.array([places.setdefault(name, len(places)) for name in names], np.int32),
    }


def _put_negatives(batch: pa.RecordBatch, encoder: Encoder, length: int, most: int, arrays: _Arrays) -> None:
    """The first `most` hard negatives of each row."""
    first = arrays.elements["negative_hash"]
    if not most:
        arrays.put("negative_rows", np.zeros(len(batch), np.int64))
        return
    texts = [own[:most] for own in batch.column("negatives").to_pylist()]
    hashes = [own[:most] for own in batch.column("negative_hashes").to_pylist()]
    arrays.put("negative_rows", first + np.cumsum([len(own) for own in texts]))
    arrays.put("negative_hash", [value for own in hashes for value in own])
    arrays.put_tokens("negative", encoder.token_ids([text for own in texts for text in own], length))
