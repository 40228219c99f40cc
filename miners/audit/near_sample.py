"""A seeded sample of rows, each compared with every other row of the set: how many have a near-duplicate or leak.

For sets without stored signatures. The sampled rows' shingles are indexed; every row of the set is shingled and asked
which sampled rows it shares shingles with, which gives the exact Jaccard index of every pair that shares any.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from miners.audit.near_pairs import SAMPLE, NearPairs
from miners.near_duplicates import CODE, TEXT, ShingleSets, distinct, jaccard
from miners.near_duplicates.resolve import ANCHOR, JOINT, POSITIVE, SIDES
from miners.near_duplicates.runs import concatenate_runs, join_runs, take_runs
from miners.near_duplicates.shingles import side_runs
from schemas.side_hash import positive_is_code

DUPLICATE_ROWS, LEAK_ROWS = 2_000, 1_000
"""So many rows of the set, and of what lies beyond train. Of 2,000 rows none found means below 0.2 %."""
MOST_QUERIES = 128
"""Of a shingle that more sampled rows have, so many of them, other ones for each shingle, find candidates."""


@dataclass(frozen=True)
class Query:
    """A sampled row."""

    key: int
    file: int
    row: int
    split: int
    """Place in SPLITS."""
    kind: str
    names: tuple[int, int, int]
    """Of the pair, the anchor and the positive, by place in SIDES: contents of equal names are copies."""
    anchor: str
    positive: str


@dataclass(frozen=True)
class Batch:
    """Rows of one file to compare with the sample, from `first` on."""

    file: int
    first: int
    split: int
    kinds: Sequence[str]
    names: np.ndarray
    """uint64 (rows, 3), by place in SIDES."""
    anchors: Sequence[str]
    positives: Sequence[str]


@dataclass(frozen=True)
class Thresholds:
    """From which Jaccard index on, and on which side, pairs are near-duplicates."""

    text: float
    code: float
    leak: float
    text_side: int
    code_side: int


def choose(candidates: Iterable[Query]) -> tuple[list[Query], list[Query]]:
    """The rows to compare for duplicates and for leaks: those of the smallest keys."""
    ranked = sorted(candidates, key=lambda query: (query.key, query.file, query.row))
    return ranked[:DUPLICATE_ROWS], [query for query in ranked if query.split][:LEAK_ROWS]


class SampleSearch:
    """Compares batches of rows with the sample; `found` gathers what reaches the thresholds."""

    def __init__(
        self, duplicates: Sequence[Query], leaks: Sequence[Query], rows: int, beyond: int, thresholds: Thresholds
    ) -> None:
        self.thresholds = thresholds
        self.found = NearPairs(SAMPLE)
        self.found.sampled_duplicates.asked, self.found.sampled_duplicates.of = len(duplicates), rows
        self.found.sampled_leaks.asked, self.found.sampled_leaks.of = len(leaks), beyond
        self.duplicates = {
            of_code: [(i, query) for i, query in enumerate(duplicates) if positive_is_code(query.kind) == of_code]
            for of_code in (False, True)
        }
        self.leaks = list(enumerate(leaks))
        self.indexes = {
            of_code: _index([query for _, query in queries], self._side(of_code))
            for of_code, queries in self.duplicates.items()
        }
        self.leak_indexes = {side: _index(leaks, side) for side in (JOINT, ANCHOR, POSITIVE)} if leaks else {}

    def add(self, batch: Batch) -> None:
        """Compare the rows of a batch with the whole sample."""
        of_code = np.fromiter(map(positive_is_code, batch.kinds), bool, len(batch.kinds))
        sets = _sides(batch.anchors, batch.positives, of_code)
        for code, queries in self.duplicates.items():
            rows = np.flatnonzero(of_code == code)
            if queries and len(rows):
                least = self.thresholds.code if code else self.thresholds.text
                chosen = _taken(sets[self._side(code)], rows)
                self._compare(self.indexes[code], chosen, rows, batch, queries, JOINT, least, across=False)
        for side, index in self.leak_indexes.items():
            rows = np.arange(len(of_code))
            self._compare(index, sets[side], rows, batch, self.leaks, side, self.thresholds.leak, across=True)

    def _side(self, of_code: bool) -> int:
        return self.thresholds.code_side if of_code else self.thresholds.text_side

    def _compare(
        self,
        index: QueryIndex,
        sets: ShingleSets,
        rows: np.ndarray,
        batch: Batch,
        queries: Sequence[tuple[int, Query]],
        name_side: int,
        least: float,
        *,
        across: bool,
    ) -> None:
        hits = self.found.sampled_leaks if across else self.found.sampled_duplicates
        for place, item, similarity in zip(*(part.tolist() for part in index.find(sets, least)), strict=True):
            number, query = queries[item]
            row = int(rows[place])
            if int(batch.names[row, name_side]) == query.names[name_side] or (across and batch.split >= query.split):
                continue
            hits.add(number, similarity, (query.file, query.row), (batch.file, batch.first + row))


@dataclass(frozen=True)
class QueryIndex:
    """The shingles of the sampled rows, each with the rows that have it."""

    sets: ShingleSets
    shingles: np.ndarray
    starts: np.ndarray
    items: np.ndarray
    cut: np.ndarray
    """int64: of each sampled row, how many of its shingles do not lead to it."""

    def find(self, sets: ShingleSets, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(row, sampled row, exact Jaccard index) of the pairs that reach `least`."""
        if not len(self.shingles) or not len(sets.hashes):
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        places = np.minimum(np.searchsorted(self.shingles, sets.hashes), len(self.shingles) - 1)
        at = np.flatnonzero(self.shingles[places] == sets.hashes)
        places, rows = places[at], np.searchsorted(sets.offsets, at, "right") - 1
        counts = self.starts[places + 1] - self.starts[places]
        first = np.repeat(self.starts[places] - (np.cumsum(counts) - counts), counts)
        items = self.items[first + np.arange(len(first))]
        keys, shared = np.unique(np.repeat(rows, counts) * len(self.sets) + items, return_counts=True)
        rows, items = np.divmod(keys, len(self.sets))
        most = np.minimum(shared + self.cut[items], np.minimum(self.sets.sizes()[items], sets.sizes()[rows]))
        possible = most >= least * (self.sets.sizes()[items] + sets.sizes()[rows] - most)
        rows, items = rows[possible], items[possible]
        mine, other = np.unique(rows), np.unique(items)
        both = concatenate_runs([take_runs(sets, mine), take_runs(self.sets, other)]) if len(rows) else sets
        left, right = np.searchsorted(mine, rows), len(mine) + np.searchsorted(other, items)
        similarity = jaccard(ShingleSets(both.hashes, both.offsets), left, right)
        enough = similarity >= least
        return rows[enough], items[enough], similarity[enough]


def _index(queries: Sequence[Query], side: int) -> QueryIndex:
    of_code = np.array([positive_is_code(query.kind) for query in queries], bool)
    sets = _sides([query.anchor for query in queries], [query.positive for query in queries], of_code)[side]
    items = np.repeat(np.arange(len(sets)), sets.sizes())
    # In each shingle's list an order of its own, so that no sampled row is cut from all of its shingles' lists.
    mixed = (sets.hashes ^ items.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    order = np.lexsort((mixed, sets.hashes))
    hashes, items = sets.hashes[order], items[order]
    shingles, first, counts = np.unique(hashes, return_index=True, return_counts=True)
    rank = np.arange(len(hashes)) - np.repeat(first, counts)
    kept = rank < MOST_QUERIES
    starts = np.append(0, np.cumsum(np.minimum(counts, MOST_QUERIES)))
    cut = np.bincount(items[~kept], minlength=len(sets))
    return QueryIndex(sets, shingles, starts, items[kept], cut)


def _sides(anchors: Sequence[str], positives: Sequence[str], of_code: np.ndarray) -> dict[int, ShingleSets]:
    anchor = side_runs(anchors, np.zeros(len(of_code), bool), TEXT, CODE)
    positive = side_runs(positives, of_code, TEXT, CODE)
    if not len(of_code):
        return dict.fromkeys(range(len(SIDES)), distinct(anchor))
    return {
        JOINT: distinct(join_runs(anchor, positive)),
        ANCHOR: distinct(anchor),
        POSITIVE: distinct(positive),
    }


def _taken(sets: ShingleSets, rows: np.ndarray) -> ShingleSets:
    if len(rows) == len(sets):
        return sets
    taken = take_runs(sets, rows)
    return ShingleSets(taken.hashes, taken.offsets)
