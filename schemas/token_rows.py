"""Rows of a pair set as a token cache's arrays, and how such parts are joined: the same bytes however rows are cut up.

A part's arrays are those of `schemas.token_cache.ARRAYS` as if its rows were all there are, but for two things: offsets
lack the leading 0, and sources are numbered by the part's own list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from schemas.token_cache import ARRAYS, cache_key, index_value

SIDES = ("anchor", "positive")
ROWS_AT_ONCE = 8192
_COUNTED_IN = {
    "anchor_offsets": "anchor_ids",
    "positive_offsets": "positive_ids",
    "negative_offsets": "negative_ids",
    "negative_rows": "negative_hash",
}
"""Arrays of offsets, and the array whose elements each counts."""

Cut = Callable[[Sequence[str], int], tuple[np.ndarray, np.ndarray]]
"""Texts and the most tokens kept of each → all their ids back to back, and the number of each text's."""


class FastTokenizer(Protocol):
    """What is used of a tokenizer of the package tokenizers."""

    def no_padding(self) -> None:
        """Texts keep their lengths."""

    def enable_truncation(self, max_length: int) -> None:
        """The first so many tokens are kept."""

    def encode_batch_fast(self, input: list[str], *, add_special_tokens: bool) -> list[Any]:
        """Objects with `ids`."""


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What is kept of a row: most tokens of each side (a hard negative's are a positive's), and most hard negatives."""

    anchor_length: int
    positive_length: int
    negatives: int = 0

    @property
    def columns(self) -> list[str]:
        """The pair set's columns that a cache is made from."""
        identity = ["anchor_hash", "positive_hash", "cluster", "source"]
        return [*SIDES, *identity, *(["negatives", "negative_hashes"] if self.negatives else [])]

    def key(self, data_id: str, split: str, tokenizer: str) -> str:
        """The cache's name; `tokenizer` is its hash."""
        return cache_key(data_id, split, tokenizer, self.anchor_length, self.positive_length, self.negatives)


@dataclass(frozen=True, slots=True)
class PartSize:
    """What joining has to know of a part beside its arrays."""

    rows: int
    elements: Mapping[str, int]
    sources: Sequence[str]


@dataclass(frozen=True, slots=True)
class TokenRows:
    """A part: its arrays and its size."""

    arrays: dict[str, np.ndarray]
    sources: list[str]

    @property
    def size(self) -> PartSize:
        """See `PartSize`."""
        elements = {name: len(values) for name, values in self.arrays.items()}
        return PartSize(len(self.arrays["source"]), elements, self.sources)


def cut_texts(tokenizer: FastTokenizer, texts: Sequence[str], length: int) -> tuple[np.ndarray, np.ndarray]:
    """A `Cut`: the first `length` tokens of each text, nothing added. The tokenizer's settings are changed by it."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    found = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
    lengths = np.fromiter(map(len, found), np.int64, len(found))
    ids = np.fromiter((token for own in found for token in own), np.uint32, int(lengths.sum()))
    return ids, lengths


def token_rows(batch: pa.RecordBatch, cut: Cut, settings: CacheSettings) -> TokenRows:
    """The part that some rows of a pair set make; `batch` has the settings' columns."""
    places: dict[str, int] = {}
    arrays = dict(identity_arrays(batch, places))
    for side, length in zip(SIDES, (settings.anchor_length, settings.positive_length), strict=True):
        ids, lengths = cut(batch.column(side).to_pylist(), length)
        arrays |= {f"{side}_ids": ids, f"{side}_offsets": np.cumsum(lengths)}
    arrays |= _negative_arrays(batch, cut, settings)
    return TokenRows({name: np.ascontiguousarray(arrays[name], ARRAYS[name]) for name in ARRAYS}, list(places))


def identity_arrays(rows: pa.RecordBatch | pa.Table, places: dict[str, int]) -> dict[str, np.ndarray]:
    """What rows are known by; `places` numbers the sources, and grows by those not seen before."""
    cluster = rows.column("cluster")
    names = rows.column("source").cast(pa.string()).to_pylist()
    return {
        "anchor_hash": rows.column("anchor_hash").to_numpy(),
        "positive_hash": rows.column("positive_hash").to_numpy(),
        "cluster": cluster.fill_null(0).to_numpy(),
        "has_cluster": np.asarray(cluster.is_valid()),
        "source": np.array([places.setdefault(name, len(places)) for name in names], np.int32),
    }


def _negative_arrays(batch: pa.RecordBatch, cut: Cut, settings: CacheSettings) -> dict[str, np.ndarray | list[int]]:
    if not settings.negatives:
        empty = {name: [] for name in ("negative_ids", "negative_offsets", "negative_hash")}
        return {"negative_rows": np.zeros(len(batch), np.int64), **empty}
    texts = [own[: settings.negatives] for own in batch.column("negatives").to_pylist()]
    hashes = [own[: settings.negatives] for own in batch.column("negative_hashes").to_pylist()]
    ids, lengths = cut([text for own in texts for text in own], settings.positive_length)
    return {
        "negative_rows": np.cumsum([len(own) for own in texts]),
        "negative_ids": ids,
        "negative_offsets": np.cumsum(lengths),
        "negative_hash": [value for own in hashes for value in own],
    }


class Joint:
    """Where parts, taken in the set's order, come to stand in the whole."""

    def __init__(self) -> None:
        self.rows = 0
        self.elements = {name: int(name in _COUNTED_IN) for name in ARRAYS}
        self.sources: dict[str, int] = {}

    @staticmethod
    def first_bytes(name: str) -> bytes:
        """What an array begins with, before any part: the leading 0 of offsets."""
        return np.zeros(int(name in _COUNTED_IN), ARRAYS[name]).tobytes()

    def placed(self, name: str, values: np.ndarray, part: PartSize) -> bytes:
        """Some of the next part's values of one array, as they stand in the whole."""
        if name in _COUNTED_IN:
            values = values + self.elements[_COUNTED_IN[name]]
        elif name == "source" and part.sources:
            numbers = dict(self.sources)
            renumbered = [numbers.setdefault(source, len(numbers)) for source in part.sources]
            values = np.array(renumbered)[values]
        return np.ascontiguousarray(values, ARRAYS[name]).tobytes()

    def passed(self, part: PartSize) -> None:
        """The part has been placed, all arrays of it."""
        self.rows += part.rows
        for name, count in part.elements.items():
            self.elements[name] += count
        for source in part.sources:
            self.sources.setdefault(source, len(self.sources))

    @property
    def size(self) -> PartSize:
        """Of all parts passed, as one part."""
        counted = {name: count - int(name in _COUNTED_IN) for name, count in self.elements.items()}
        return PartSize(self.rows, counted, list(self.sources))

    def index(self, key: str) -> bytes:
        """The index of the cache of all parts passed."""
        value = index_value(self.rows, list(self.sources), self.elements, key)
        return (json.dumps(value, indent=1) + "\n").encode()
