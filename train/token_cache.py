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
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from schemas.pair_set import read_manifest, read_pair_set
from schemas.token_cache import ARRAYS, INDEX_NAME, array_path, cache_key, index_value, open_array, read_index
from train.encoder import SIDES, Encoder, Side
from train.ragged import Ragged

COLUMNS = ["anchor", "positive", "anchor_hash", "positive_hash", "cluster", "source"]
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

    def tokens(self, side: Side, rows: np.ndarray) -> Ragged:
        """The tokens of one side of the given rows, in the order given."""
        return Ragged(self.arrays[f"{side}_ids"], self.arrays[f"{side}_offsets"]).take(rows)


def open_or_make(
    data: str, encoder: Encoder, lengths: dict[Side, int], folder: Path, report: Report | None = None
) -> TokenCache:
    """The cache of a pair set's train split under `folder`, made if it is not there.

    `lengths` are the most tokens kept of each side. ValueError where the set is no finished one or has no train rows.
    """
    manifest = read_manifest(data)
    if not manifest.splits.get(SPLIT):
        raise ValueError(f"{data} has no rows in its split {SPLIT}, so there is nothing to train on")
    key = cache_key(manifest.data_id, SPLIT, encoder.fingerprint(), lengths["anchor"], lengths["positive"])
    target = folder / key
    if not (target / INDEX_NAME).is_file():
        _make(data, manifest.splits[SPLIT], encoder, lengths, target, key, report)
    return TokenCache.open(target)


def _make(
    data: str, total: int, encoder: Encoder, lengths: dict[Side, int], target: Path, key: str, report: Report | None
) -> None:
    making = target.with_name(f"{target.name}.{os.getpid()}.part")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        files = {name: array_path(making, name).open("wb") for name in ARRAYS}
        try:
            elements, sources = _write(data, total, encoder, lengths, files, report)
        finally:
            for file in files.values():
                file.close()
        index = index_value(total, sources, elements, key)
        (making / INDEX_NAME).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        making.replace(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _write(
    data: str,
    total: int,
    encoder: Encoder,
    lengths: dict[Side, int],
    files: dict[str, BinaryIO],
    report: Report | None,
) -> tuple[dict[str, int], list[str]]:
    """Writes every array; returns the elements of each and the sources in order of first appearance."""
    elements = dict.fromkeys(ARRAYS, 0)
    places: dict[str, int] = {}

    def put(name: str, values: Sequence[int] | np.ndarray) -> None:
        array = np.ascontiguousarray(values, ARRAYS[name])
        files[name].write(array.tobytes())
        elements[name] += len(array)

    for side in SIDES:
        put(f"{side}_offsets", [0])
    rows = 0
    for batch in read_pair_set(data, SPLIT).scanner(COLUMNS, batch_size=ROWS_AT_ONCE).to_batches():
        for side in SIDES:
            tokens = encoder.token_ids(batch.column(side).to_pylist(), lengths[side])
            put(f"{side}_offsets", tokens.offsets[1:] + elements[f"{side}_ids"])
            put(f"{side}_ids", tokens.ids)
            put(f"{side}_hash", batch.column(f"{side}_hash").to_numpy())
        cluster = batch.column("cluster")
        put("cluster", cluster.fill_null(0).to_numpy())
        put("has_cluster", np.asarray(cluster.is_valid()))
        put(
            "source",
            [places.setdefault(name, len(places)) for name in batch.column("source").cast(pa.string()).to_pylist()],
        )
        rows += len(batch)
        if report:
            report(rows, total)
    return elements, list(places)
