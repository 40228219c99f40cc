"""How the input is spread over groups: counted by each unit's scan, summed where rows are decided on.

16 bytes a group, since rows without a group are one each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipelines.deduping.source_loss import LEAST_ROWS, Loss, count_losses

GROUP_KINDS = ("<u8", "<i8")
"""Hash of a group, and its rows."""


def count_groups(groups: pa.ChunkedArray) -> list[np.ndarray]:
    """The groups of a unit's rows, in `GROUP_KINDS`."""
    found = pc.value_counts(groups.cast(pa.string()).combine_chunks())
    return [_hashes(found.field("values")), found.field("counts").to_numpy()]


@dataclass(frozen=True)
class GroupCounts:
    """The groups of the whole input, by hash, and the rows of each."""

    keys: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, units: Sequence[Sequence[np.ndarray]]) -> GroupCounts:
        """The sums of what `count_groups` found in each unit."""
        empty = [np.zeros(0, kind) for kind in GROUP_KINDS]
        keys, counts = (np.concatenate(column) for column in zip(empty, *units, strict=True))
        keys, places = np.unique(keys, return_inverse=True)
        sums = np.zeros(len(keys), np.int64)
        np.add.at(sums, places, counts)
        return cls(keys, sums)

    def losses(self, groups: pa.ChunkedArray, codes: np.ndarray, most: float) -> dict[str, Loss]:
        """The groups that lost more than the share `most`; given are group and code of rows with a verdict."""
        gone = np.flatnonzero(codes)
        names = groups.take(pa.array(gone)).combine_chunks().dictionary_encode()
        rows = self.counts[np.searchsorted(self.keys, _hashes(names.dictionary))]
        lost = np.bincount(names.indices.to_numpy(), minlength=len(rows))
        over = (rows >= LEAST_ROWS) & (lost > most * rows)
        told = over[names.indices.to_numpy()]
        found = count_losses(pa.chunked_array([names.filter(pa.array(told))]), codes[gone[told]])
        rows_of = dict(zip(names.dictionary.filter(pa.array(over)).to_pylist(), rows[over].tolist(), strict=True))
        for name, loss in found.items():
            loss.rows = rows_of[name]
        return {name: loss for name, loss in found.items() if loss.is_over(most)}


def _hashes(names: pa.Array) -> np.ndarray:
    values = names.cast(pa.binary()).to_pylist()
    return np.fromiter(map(xxhash.xxh3_64_intdigest, values), np.uint64, len(values))
