"""Fourth pass of dedupe: candidates to verified edges, by the exact Jaccard index of their shingle sets.

In: the candidates of one partition, from every match partition. Out: one file of edges, and how many were compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import numpy as np

from miners.near_duplicates import ShingleRuns, ShingleSets, distinct, jaccard
from miners.near_duplicates.resolve import ANCHOR, JOINT, POSITIVE, TAG_BITS
from miners.near_duplicates.runs import as_runs, concatenate_runs, join_runs
from pipelines import storage
from pipelines.deduping.config import Comparison, DedupeConfig
from pipelines.deduping.files import TemporaryFiles, read_arrays, read_block, read_runs, unpack_blocks, write_arrays
from pipelines.deduping.match import CANDIDATE_KINDS
from pipelines.deduping.passing import PASSING, Pass

EDGE_KINDS = ("<u8", "<u8", "<f8", "<u4")
"""Names of both contents, similarity, bands shared."""
CHUNK_SHINGLES = 4 << 20
"""32 MB of those that are compared at a time: every chunk reads through the files, so that few do."""


class VerifyCandidates(Pass):
    """(candidate partition, its blocks) → (PASSING, where its edges lie)."""

    def __init__(self, config: DedupeConfig, files: TemporaryFiles) -> None:
        self.config, self.files = config, files

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Verify one partition."""
        comparisons = self.config.comparisons()
        kinds = CANDIDATE_KINDS * len(comparisons)
        parts = [
            read_arrays(read_block(self.files.path("candidates", block.number), block), kinds)
            for block in unpack_blocks(values)
        ]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        arrays, compared = [], {}
        for i, comparison in enumerate(comparisons):
            candidates = _once(columns[5 * i : 5 * i + 5])
            arrays += self._edges(comparison, candidates)
            compared[comparison.name] = len(candidates[0])
        with storage.writing(self.files.path("edges", int(key))) as file:
            write_arrays(file, arrays, EDGE_KINDS * len(comparisons))
        yield PASSING, json.dumps({"edges": int(key), "compared": compared}).encode()

    def _edges(self, comparison: Comparison, candidates: list[np.ndarray]) -> list[np.ndarray]:
        left, right, left_row, right_row, bands = candidates
        kept, similarities = [np.zeros(0, int)], [np.zeros(0)]
        for chunk in self._chunks(comparison.side, left_row, right_row):
            rows, places = np.unique(np.concatenate([left_row[chunk], right_row[chunk]]), return_inverse=True)
            sets = self._sets(comparison.side, rows)
            similarity = jaccard(sets, places[: len(chunk)], places[len(chunk) :])
            enough = similarity >= comparison.threshold
            kept.append(chunk[enough])
            similarities.append(similarity[enough])
        chosen = np.concatenate(kept)
        return [left[chosen] & TAG_BITS, right[chosen] & TAG_BITS, np.concatenate(similarities), bands[chosen]]

    def _chunks(self, side: int, left_row: np.ndarray, right_row: np.ndarray) -> Iterator[np.ndarray]:
        """The places of the candidates that are compared together."""
        if len(left_row):
            ends = np.cumsum(self._sizes(side, left_row) + self._sizes(side, right_row))
            yield from np.split(np.arange(len(left_row)), np.flatnonzero(np.diff(ends // CHUNK_SHINGLES)) + 1)

    def _sizes(self, side: int, references: np.ndarray) -> np.ndarray:
        """The shingles of rows, given as unit * 2^32 + row."""
        units, rows = _places(references)
        sizes = np.zeros(len(references), np.int64)
        for unit in np.unique(units).tolist():
            here = np.flatnonzero(units == unit)
            counts = np.diff(self._offsets(unit), axis=1)[:, rows[here]]
            sizes[here] = counts.sum(axis=0) if side == JOINT else counts[(ANCHOR, POSITIVE).index(side)]
        return sizes

    def _sets(self, side: int, references: np.ndarray) -> ShingleSets:
        """The shingle sets of rows, given as sorted unit * 2^32 + row."""
        units, rows = _places(references)
        parts = []
        for unit in np.unique(units).tolist():
            offsets = self._offsets(unit)
            mine = rows[units == unit]
            sides = [
                self._read(name, unit, offsets[i], mine)
                for i, (name, wanted) in enumerate((("anchor", ANCHOR), ("positive", POSITIVE)))
                if side in (wanted, JOINT)
            ]
            parts.append(join_runs(*sides) if side == JOINT else sides[0])
        return distinct(concatenate_runs(parts))

    def _offsets(self, unit: int) -> np.ndarray:
        return np.frombuffer(storage.read_bytes(self.files.path("offsets", unit)), "<i8").reshape(2, -1)

    def _read(self, name: str, unit: int, offsets: np.ndarray, rows: np.ndarray) -> ShingleRuns:
        starts, ends = offsets[rows], offsets[rows + 1]
        return as_runs(read_runs(self.files.path(name, unit), starts, ends, "<u8"), ends - starts)


def _places(references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units and rows of references."""
    return (references >> np.uint64(32)).astype(np.int64), (references & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _once(columns: list[np.ndarray]) -> list[np.ndarray]:
    """Each candidate once, with the bands of all partitions summed, in order of the names."""
    left, right, left_row, right_row, bands = columns
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    changes = np.ones(len(left), bool)
    changes[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    starts = np.flatnonzero(changes)
    if not len(starts):
        return columns
    total = np.add.reduceat(bands[order], starts)
    return [left[starts], right[starts], left_row[order][starts], right_row[order][starts], total]
