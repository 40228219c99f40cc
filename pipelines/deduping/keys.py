"""Match keys of dedupe: what rows are matched by, written in blocks a partition.

A block holds the low halves of pair_ids, side hashes with what they stand for, and for each comparison its band hashes,
content names and row references (row * 8 + bit of its split).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from miners.near_duplicates.resolve import ANCHOR, JOINT, POSITIVE, TAG_BITS
from pipelines.deduping.files import Block, write_arrays

SEGMENT_BYTES = 32 << 20
_FIRST_GROUPS = (("<u8",), ("<u8", "u1"))
_BAND_GROUP = ("<u8", "<u8", "<u4")


def key_kinds(comparisons: int) -> tuple[str, ...]:
    """The dtypes of a block of match keys: pair_ids; side hashes and flags; band hashes, tags, references."""
    return tuple(kind for group in _groups(comparisons) for kind in group)


def partition_of(hashes: np.ndarray, partitions: int) -> np.ndarray:
    """The partition of each uint64 hash, by its high half."""
    return ((hashes >> np.uint64(32)) * np.uint64(partitions) >> np.uint64(32)).astype(np.uint16)


@dataclass(frozen=True)
class Contents:
    """What stands on one side of some rows: names (uint64: pair_ids' low halves or side hashes), and shingles."""

    names: np.ndarray
    sizes: np.ndarray

    def tags(self, chosen: np.ndarray) -> np.ndarray:
        """uint64: a name under an eighth-octave of its size, so that sorting brings like sizes together."""
        octave = np.minimum(255, np.floor(8 * np.log2(np.maximum(self.sizes[chosen], 1)))).astype(np.uint64)
        return octave << np.uint64(56) | self.names[chosen] & TAG_BITS


def unit_contents(
    known: Mapping[str, np.ndarray], rows: np.ndarray, anchors: np.ndarray, positives: np.ndarray
) -> dict[int, Contents]:
    """By side: the contents of `rows`, whose sides have so many shingles, by what the scan knows of all rows."""
    return {
        JOINT: Contents(known["pair_low"][rows], anchors + positives),
        ANCHOR: Contents(known["anchor_hash"][rows].view(np.uint64), anchors),
        POSITIVE: Contents(known["positive_hash"][rows].view(np.uint64), positives),
    }


class KeySegments:
    """Gathers match keys of a unit, and writes them in segments whose blocks are in partition order."""

    def __init__(self, comparisons: int, partitions: int, unit: int, file: BinaryIO, part: int = 0) -> None:
        self.kinds, self.partitions, self.unit, self.file, self.part = (
            key_kinds(comparisons),
            partitions,
            unit,
            file,
            part,
        )
        self.empty = [tuple(np.zeros(0, kind) for kind in group) for group in _groups(comparisons)]
        self.blocks: list[tuple[int, Block]] = []
        self.offset = 0
        self._clear()

    def _clear(self) -> None:
        self.groups: list[list[tuple[np.ndarray, ...]]] = [[arrays] for arrays in self.empty]
        self.waiting = 0

    def put(self, group: int, *arrays: np.ndarray) -> None:
        """Take in arrays of one length: pair_ids (group 0), or side hashes and flags (group 1)."""
        self.groups[group].append(arrays)
        self.waiting += sum(array.nbytes for array in arrays)

    def put_bands(self, comparison: int, hashes: np.ndarray, tags: np.ndarray, references: np.ndarray) -> None:
        """Take in the band hashes (contents, bands) of contents, with a tag and a reference each."""
        bands = hashes.shape[1]
        self.put(2 + comparison, hashes.reshape(-1), tags.repeat(bands), references.repeat(bands))

    def flush_if_full(self) -> None:
        """Write a segment when enough waits."""
        if self.waiting > SEGMENT_BYTES:
            self._flush()

    def close(self) -> list[tuple[int, Block]]:
        """Write what waits; returns (partition, block) of all that was written."""
        self._flush()
        return self.blocks

    def _flush(self) -> None:
        if not self.waiting:
            return
        sorted_groups, bounds = [], []
        for parts in self.groups:
            arrays = [np.concatenate(column) for column in zip(*parts, strict=True)]
            partitions = partition_of(arrays[0], self.partitions)
            order = np.argsort(partitions, kind="stable")
            sorted_groups.append([array[order] for array in arrays])
            bounds.append(np.searchsorted(partitions[order], np.arange(self.partitions + 1)).tolist())
        for partition in range(self.partitions):
            cuts = [slice(bound[partition], bound[partition + 1]) for bound in bounds]
            arrays = [array[cut] for group, cut in zip(sorted_groups, cuts, strict=True) for array in group]
            rows = sum(map(len, arrays))
            if rows:
                length = write_arrays(self.file, arrays, self.kinds)
                self.blocks.append((partition, Block(self.unit, self.offset, length, rows, self.part)))
                self.offset += length
        self._clear()


def _groups(comparisons: int) -> tuple[tuple[str, ...], ...]:
    return (*_FIRST_GROUPS, *((_BAND_GROUP,) * comparisons))
