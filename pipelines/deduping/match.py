"""Third pass of dedupe: one partition of match keys to what is shared, and to candidates for verification.

In: the blocks of one partition, from every unit; equal keys are all here. Out: which pair_ids and side hashes stand in
more rows than may stay, or in several splits; and candidate pairs of contents, each with the bands that it shares here.
A content that stands in many rows is one member of a bucket: its copies share every bucket anyway.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from miners.near_duplicates import bucket_pairs
from miners.near_duplicates.resolve import Caps
from miners.near_duplicates.shingle_rule import fmix64
from pipelines import storage
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.files import Block, TemporaryFiles, read_arrays, read_block, unpack_blocks, write_arrays
from pipelines.deduping.keys import key_kinds, partition_of
from pipelines.deduping.leaks import LEAK_PART
from pipelines.deduping.passing import PASSING, Pass

FACT_KINDS = ("<u8", "<u8")
"""pair_ids (low halves) that repeat, and side hashes worth a look."""
CANDIDATE_KINDS = ("<u8", "<u8", "<u8", "<u8", "<u4")
_FILTER_BITS = 22
_LEAST_CANDIDATE_PARTITIONS = 8
_PARTITIONS_TOGETHER = 4
"""So many match partitions give a partition of candidates: each of these reads through all shingles."""


@dataclass(frozen=True)
class Bands:
    """The band entries of one comparison in one partition, as arrays of one length."""

    hashes: np.ndarray
    tags: np.ndarray
    references: np.ndarray
    """unit * 2^32 + row."""
    splits: np.ndarray
    """Bit set of the splits in which the content stands."""

    def take(self, chosen: np.ndarray) -> Bands:
        """The entries at an index or mask."""
        return Bands(self.hashes[chosen], self.tags[chosen], self.references[chosen], self.splits[chosen])


class MatchPartition(Pass):
    """(partition, its blocks) → (candidate partition, where its candidates lie), and (PASSING, facts)."""

    def __init__(self, config: DedupeConfig, files: TemporaryFiles, partitions: int) -> None:
        self.config, self.files = config, files
        self.partitions = max(min(partitions, _LEAST_CANDIDATE_PARTITIONS), partitions // _PARTITIONS_TOGETHER)

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Match one partition."""
        partition = int(key)
        comparisons = self.config.comparisons()
        kinds = key_kinds(len(comparisons))
        blocks = unpack_blocks(values)
        parts = [read_arrays(read_block(self._path(block), block), kinds) for block in blocks]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        facts = [repeated(columns[0]), notable_hashes(columns[1], columns[2], self.config.caps())]
        with storage.writing(self.files.path("facts", partition)) as file:
            write_arrays(file, facts, FACT_KINDS)
        skipped, found = {}, []
        for i, comparison in enumerate(comparisons):
            place = 3 + 3 * i
            units = np.repeat(
                np.array([block.number for block in blocks], np.uint64), [len(part[place]) for part in parts]
            )
            packed = columns[place + 2]
            bands = Bands(
                columns[place], columns[place + 1], units << np.uint64(32) | packed >> 3, (packed & 7).astype("u1")
            )
            candidates, skipped[comparison.name] = bucket_candidates(bands, comparison.across_splits)
            found.append(candidates)
        yield PASSING, json.dumps({"facts": partition, "skipped": skipped}).encode()
        for target, block in self._write(partition, found):
            yield f"{target:06d}", block.pack()

    def _path(self, block: Block) -> str:
        return self.files.path("leaks" if block.part == LEAK_PART else "keys", block.number)

    def _write(self, partition: int, found: list[list[np.ndarray]]) -> Iterator[tuple[int, Block]]:
        targets = [
            partition_of(fmix64(columns[0] * np.uint64(3) ^ columns[1]), self.partitions) if len(columns[0]) else None
            for columns in found
        ]
        wanted = np.unique(np.concatenate([np.zeros(0, np.uint16), *(t for t in targets if t is not None)]))
        if not len(wanted):
            return
        offset = 0
        blocks: list[tuple[int, Block]] = []
        with storage.writing(self.files.path("candidates", partition)) as file:
            for target in wanted.tolist():
                arrays = []
                rows = 0
                for columns, place in zip(found, targets, strict=True):
                    chosen = np.zeros(0, int) if place is None else np.flatnonzero(place == target)
                    arrays += [column[chosen] for column in columns]
                    rows += len(chosen)
                length = write_arrays(file, arrays, CANDIDATE_KINDS * len(found))
                blocks.append((target, Block(partition, offset, length, rows)))
                offset += length
        yield from blocks


def repeated(values: np.ndarray) -> np.ndarray:
    """The values that occur more than once."""
    found, counts = np.unique(values, return_counts=True)
    return found[counts > 1]


def notable_hashes(hashes: np.ndarray, flags: np.ndarray, caps: Caps) -> np.ndarray:
    """Side hashes of more rows than the caps allow, or of several splits. Flags: bits 0-2 the split, bit 3 positive."""
    order = np.argsort(hashes, kind="stable")
    hashes, flags = hashes[order], flags[order]
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])) if len(hashes) else np.zeros(0, int)
    if not len(starts):
        return hashes
    positives = np.add.reduceat((flags >> 3).astype(np.int64), starts)
    anchors = np.diff(np.append(starts, len(hashes))) - positives
    splits = np.bitwise_or.reduceat(flags & 7, starts)
    return hashes[starts[(anchors > caps.anchor) | (positives > caps.positive) | (splits & (splits - 1) > 0)]]


def bucket_candidates(bands: Bands, across_splits: bool) -> tuple[list[np.ndarray], int]:
    """Candidate columns (names of both contents, references of both, bands shared), and how many pairs were skipped."""
    if across_splits:
        bands = _in_other_splits(bands)
    bands = _crowded(bands)
    order = np.lexsort((bands.references, bands.tags, bands.hashes))
    bands = _one_a_content(bands.take(order))
    bands = _crowded(bands)
    left, right, skipped = bucket_pairs(np.cumsum(_changes(bands.hashes)))
    if across_splits:
        both = bands.splits[left] | bands.splits[right]
        crossing = (both & (both - 1)) > 0
        left, right = left[crossing], right[crossing]
    return _count_bands(bands, left, right), skipped


def _in_other_splits(bands: Bands) -> Bands:
    """Without what shares no bucket with a row outside train: a filter by hash, which may let some others pass."""
    mask = np.uint64((1 << _FILTER_BITS) - 1)
    seen = np.zeros(1 << _FILTER_BITS, bool)
    seen[bands.hashes[bands.splits != 1] & mask] = True
    return bands.take(seen[bands.hashes & mask])


def _crowded(bands: Bands) -> Bands:
    """Without the entries that are alone in their bucket; sorted by bucket."""
    bands = bands.take(np.argsort(bands.hashes, kind="stable"))
    first = _changes(bands.hashes)
    return bands.take(~(first & np.append(first[1:], True)[: len(first)]))


def _one_a_content(bands: Bands) -> Bands:
    """The first entry of each content in each bucket, with the splits of all of them."""
    starts = np.flatnonzero(_changes(bands.hashes) | _changes(bands.tags))
    if not len(starts):
        return bands
    splits = np.bitwise_or.reduceat(bands.splits, starts)
    return Bands(bands.hashes[starts], bands.tags[starts], bands.references[starts], splits)


def _count_bands(bands: Bands, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    order = np.lexsort((bands.tags[right], bands.tags[left]))
    left, right = left[order], right[order]
    changes = _changes(bands.tags[left]) | _changes(bands.tags[right])
    starts = np.flatnonzero(changes)
    counts = np.diff(np.append(starts, len(left))).astype(np.uint32)
    left, right = left[starts], right[starts]
    return [bands.tags[left], bands.tags[right], bands.references[left], bands.references[right], counts]


def _changes(values: np.ndarray) -> np.ndarray:
    """True where a value differs from the one before it, and at the first."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes
