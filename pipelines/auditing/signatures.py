"""Near-duplicates and leaks that are left in a set, exactly, from the signatures that dedupe stored.

Rows that share a band's hash are candidates, as in dedupe, and each candidate is verified by the exact Jaccard index of
its texts' shingles. Some bands are searched at a time, of large sets a range of their hashes: one reading of the
signatures marks which hashes can be shared, a second gathers those alone, so that memory does not grow with the set.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from miners.audit.near_pairs import EDGE_TYPE, SIGNATURES, NearPairs
from miners.near_duplicates import band_hashes, jaccard
from miners.near_duplicates.hash_filter import HashFilter, marks_of
from miners.near_duplicates.resolve import ANCHOR, JOINT, POSITIVE, TAG_BITS
from pipelines import storage
from pipelines.auditing.stored_sets import StoredSets
from pipelines.deduping.config import Comparison, DedupeConfig
from pipelines.deduping.existing import ExistingUnit, read_existing
from pipelines.deduping.inputs import Piece
from pipelines.deduping.keys import Contents, partition_of
from pipelines.deduping.match import Bands, bucket_candidates
from pipelines.planned import Planned
from pipelines.row_ids import hex_ids
from pipelines.set_files import check_files
from schemas.manifest import Manifest
from schemas.pair import SPLITS
from schemas.side_hash import positive_is_code
from schemas.split_settings import split_settings

ENTRIES_A_PARTITION = 1_500_000
"""Of 25 bytes each, and three times that while they are sorted."""
_COLUMNS = (
    "pair_id",
    "kind",
    "anchor_hash",
    "positive_hash",
    "signals.anchor_words",
    "signals.positive_words",
)


@dataclass(frozen=True)
class SignatureSearch:
    """What is searched, and by which rules."""

    config: DedupeConfig
    units: Sequence[ExistingUnit] | Planned[ExistingUnit]
    """A unit a data file, in the order of the manifest's; planned, where they are handed to workers."""
    bands_apart: int
    """Each of so many partitions has every so manieth band of every comparison."""
    ranges: int
    """The hashes of these are cut into so many ranges, a partition each."""

    @property
    def partitions(self) -> int:
        """How many there are to search."""
        return self.bands_apart * self.ranges

    @property
    def comparisons(self) -> list[tuple[int, Comparison]]:
        """Those that can find something, numbered as they are in dedupe."""
        is_split = len({unit.split for unit in self.units}) > 1
        return [(i, c) for i, c in enumerate(self.config.comparisons()) if is_split or not c.across_splits]

    def bands_of(self, comparison: Comparison, partition: int) -> np.ndarray:
        """The bands of a comparison that are searched in a partition; none in some."""
        return np.arange(partition % self.bands_apart, comparison.banding.bands, self.bands_apart)


def find_search(set_path: str, manifest: Manifest) -> SignatureSearch | None:
    """The search of a set; None where it has no signatures of all its rows. PairSetError for one that misses.

    Thresholds are dedupe's own defaults, whatever the set was made with, so that two sets compare.
    """
    settings = split_settings(manifest)
    named = {entry.path for entry in manifest.files}
    data = manifest.data_files()
    if settings is None or not data or not all(_beside(entry.path) in named for entry in data):
        return None
    check_files(set_path, [entry for entry in manifest.files if entry.folder == "signatures"])
    config = DedupeConfig(
        words_per_shingle=settings["words_per_shingle"],
        tokens_per_shingle=settings["tokens_per_shingle"],
        permutations=settings["signatures"]["permutations"],
        signature_seed=settings["signatures"]["seed"],
    )
    units = tuple(
        ExistingUnit(
            number=number,
            pieces=(Piece(storage.join(set_path, entry.path), entry.rows),),
            split=SPLITS.index(entry.split or SPLITS[0]),
        )
        for number, entry in enumerate(data)
    )
    beyond = sum(unit.rows for unit in units if unit.split)
    leaks = sum(c.banding.bands for c in config.comparisons() if c.across_splits)
    entries = beyond * leaks + sum(unit.rows for unit in units) * 4
    partitions = max(1, -(-entries // ENTRIES_A_PARTITION))
    bands_apart = min(partitions, max(comparison.banding.bands for comparison in config.comparisons()))
    return SignatureSearch(config, units, bands_apart, -(-partitions // bands_apart))


def _beside(path: str) -> str:
    return path.replace("data/", "signatures/", 1)


def search_partition(search: SignatureSearch, partition: int) -> NearPairs:
    """Everything that is found in one partition of the bands and their hashes."""
    found = NearPairs(SIGNATURES)
    candidates = {}
    bands = _shared_bands(search, partition)
    for i, comparison in search.comparisons:
        candidates[i], found.skipped[comparison.name] = bucket_candidates(bands.pop(i), comparison.across_splits)
        found.compared[comparison.name] = len(candidates[i][0])
    references = np.unique(
        np.concatenate([np.zeros(0, np.uint64), *(c for found in candidates.values() for c in found[2:4])])
    )
    paths = [unit.pieces[0].path for unit in search.units]
    with tempfile.TemporaryDirectory() as folder:
        sets = StoredSets(search.config, paths, references, str(Path(folder, "sets")))
        for i, comparison in search.comparisons:
            edges = _verified(search, comparison, candidates.pop(i), sets)
            (found.leaks if comparison.across_splits else found.duplicates).append(edges)
    return found


def leaked_rows(search: SignatureSearch, near: NearPairs) -> int:
    """How many rows beyond train hold a content that a verified leak names."""
    edges = near.leak_edges()
    names = {side: np.unique(edges["right"][edges["side"] == side]) for side in (JOINT, ANCHOR, POSITIVE)}
    rows = 0
    for unit in search.units if len(edges) else ():
        if unit.split:
            for known in _known(unit):
                leaked = [np.isin(known.contents[side].names & TAG_BITS, names[side]) for side in names]
                rows += int(np.logical_or.reduce(leaked).sum())
    return rows


@dataclass(frozen=True)
class _Batch:
    """Rows of a unit from `first` on."""

    first: int
    contents: dict[int, Contents]
    of_code: np.ndarray
    signatures: np.ndarray
    """uint32 (rows, 2, permutations): of both sides."""

    def signatures_of(self, side: int) -> np.ndarray:
        """Those of a side; of both together those of the union of their shingles."""
        if side == JOINT:
            return np.minimum(self.signatures[:, 0], self.signatures[:, 1])
        return self.signatures[:, 0 if side == ANCHOR else 1]


def _known(unit: ExistingUnit) -> Iterator[_Batch]:
    first = 0
    for table, both in read_existing(unit, _COLUMNS):
        signals = table["signals"].combine_chunks()
        words = [
            pc.fill_null(pc.struct_field(signals, f"{side}_words"), 1).to_numpy(zero_copy_only=False)
            for side in ("anchor", "positive")
        ]
        names = (
            hex_ids(table["pair_id"])[:, 1],
            *(_unsigned(table[f"{side}_hash"]) for side in ("anchor", "positive")),
        )
        sizes = (words[0] + words[1], *words)
        kinds = table["kind"].cast("string").to_pylist()
        yield _Batch(
            first,
            {side: Contents(names[i], sizes[i]) for i, side in enumerate((JOINT, ANCHOR, POSITIVE))},
            np.fromiter(map(positive_is_code, kinds), bool, len(kinds)),
            both,
        )
        first += table.num_rows


def _unsigned(column: object) -> np.ndarray:
    return column.to_numpy().astype(np.int64).view(np.uint64)  # type: ignore[attr-defined]


_Entries = tuple[int, np.ndarray, np.ndarray, np.ndarray]
"""Comparison, hashes, tags, references."""


def _entries(search: SignatureSearch, unit: ExistingUnit, partition: int) -> Iterator[_Entries]:
    """The entries of a unit's rows in a partition."""
    number = partition // search.bands_apart
    chosen = {i: search.bands_of(comparison, partition) for i, comparison in search.comparisons}
    for batch in _known(unit):
        for i, comparison in search.comparisons:
            if not len(chosen[i]):
                continue
            # As in dedupe: duplicates are found among pairs, leaks among whatever stands on the side in question.
            every = np.arange(len(batch.of_code))
            rows = every if comparison.across_splits else every[batch.of_code == comparison.of_code]
            content = batch.contents[comparison.side if comparison.across_splits else JOINT]
            signatures = batch.signatures_of(comparison.side)
            hashes = band_hashes(signatures[rows], comparison.banding, salt=i, chosen=chosen[i])
            at, band = np.nonzero(partition_of(hashes, search.ranges) == number)
            references = (rows[at] + batch.first).astype(np.uint64) | np.uint64(unit.number) << np.uint64(32)
            yield i, hashes[at, band], content.tags(rows)[at], references


def _shared_bands(search: SignatureSearch, partition: int) -> dict[int, Bands]:
    """What each comparison's hashes that may be shared belong to."""
    expected = {
        i: sum(unit.rows for unit in search.units if unit.split or not comparison.across_splits)
        * len(search.bands_of(comparison, partition))
        // search.ranges
        for i, comparison in search.comparisons
    }
    once = {i: HashFilter(expected[i]) for i, _ in search.comparisons}
    again = {i: HashFilter(expected[i] // 8) for i, c in search.comparisons if not c.across_splits}
    for unit in search.units:
        for i, hashes, _, _ in _entries(search, unit, partition):
            if i not in again:
                if unit.split:
                    once[i].add(marks_of(hashes))
                continue
            values, counts = np.unique(hashes, return_counts=True)
            again[i].add(marks_of(values[(counts > 1) | once[i].may_hold(values)]))
            once[i].add(marks_of(values))
    parts: dict[int, list[tuple[np.ndarray, ...]]] = {i: [] for i, _ in search.comparisons}
    for unit in search.units:
        for i, hashes, tags, references in _entries(search, unit, partition):
            kept = (again[i] if i in again else once[i]).may_hold(hashes)
            splits = np.full(int(kept.sum()), 1 << unit.split, "u1")
            parts[i].append((hashes[kept], tags[kept], references[kept], splits))
    empty = np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, "u1")
    return {i: Bands(*map(np.concatenate, zip(empty, *found, strict=True))) for i, found in parts.items()}


def _verified(
    search: SignatureSearch, comparison: Comparison, candidates: list[np.ndarray], sets: StoredSets
) -> np.ndarray:
    left, right, left_row, right_row, _ = candidates
    splits = np.array([unit.split for unit in search.units])
    found = [np.zeros(0, EDGE_TYPE)]
    for chunk in sets.chunks(comparison.side, left_row, right_row):
        rows, places = np.unique(np.concatenate([left_row[chunk], right_row[chunk]]), return_inverse=True)
        n = len(left_row[chunk])
        similarity = jaccard(sets.take(comparison.side, rows), places[:n], places[n:])
        enough = np.flatnonzero(similarity >= comparison.threshold)
        edges = np.zeros(len(enough), EDGE_TYPE)
        ends = [(left[chunk][enough], left_row[chunk][enough]), (right[chunk][enough], right_row[chunk][enough])]
        units = [(reference >> np.uint64(32)).astype(np.int64) for _, reference in ends]
        # Of a leak the later split's row comes second, of duplicates the one with the greater name.
        names = [name & TAG_BITS for name, _ in ends]
        swapped = splits[units[0]] > splits[units[1]] if comparison.across_splits else names[0] > names[1]
        for name, (one, other) in {"left": (0, 1), "right": (1, 0)}.items():
            edges[name] = np.where(swapped, names[other], names[one])
            edges[f"{name}_file"] = np.where(swapped, units[other], units[one])
            rows_of = [(reference & np.uint64(0xFFFFFFFF)).astype(np.int64) for _, reference in ends]
            edges[f"{name}_row"] = np.where(swapped, rows_of[other], rows_of[one])
        edges["similarity"], edges["side"] = similarity[enough], comparison.side
        found.append(edges)
    return np.concatenate(found)
