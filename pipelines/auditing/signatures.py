"""Near-duplicates and leaks that are left in a set, exactly, from the signatures that dedupe stored.

Rows that share a band's hash are candidates, as in dedupe, and each candidate is verified by the exact Jaccard index of
its texts' shingles. A partition of the hashes is searched at a time: one reading of the signatures marks which hashes
can be shared, a second gathers those alone, so that memory does not grow with the set.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from miners.audit.near_pairs import EDGE_TYPE, SIGNATURES, NearPairs
from miners.near_duplicates import ShingleRuns, band_hashes, distinct, jaccard
from miners.near_duplicates.hash_filter import HashFilter, marks_of
from miners.near_duplicates.resolve import ANCHOR, JOINT, POSITIVE, TAG_BITS
from miners.near_duplicates.runs import as_runs, join_runs, take_runs
from miners.near_duplicates.shingles import side_runs
from pipelines import storage
from pipelines.deduping.config import Comparison, DedupeConfig
from pipelines.deduping.existing import ExistingUnit, read_existing
from pipelines.deduping.inputs import Piece
from pipelines.deduping.keys import Contents, partition_of
from pipelines.deduping.match import Bands, bucket_candidates
from pipelines.row_ids import hex_ids
from schemas.manifest import Manifest
from schemas.pair import SPLITS
from schemas.side_hash import positive_is_code
from schemas.split_settings import split_settings

ENTRIES_A_PARTITION = 3_000_000
"""Of 21 bytes each, and three times that while they are sorted."""
CHUNK_CANDIDATES = 50_000
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
    units: tuple[ExistingUnit, ...]
    """A unit a data file, in the order of the manifest's."""
    partitions: int


def find_search(set_path: str, manifest: Manifest) -> SignatureSearch | None:
    """The search of a set; None where it has no signatures of all its rows.

    Thresholds are dedupe's own defaults, whatever the set was made with, so that two sets compare.
    """
    settings = split_settings(manifest)
    named = {entry.path for entry in manifest.files}
    data = manifest.data_files()
    if settings is None or not data or not all(_beside(entry.path) in named for entry in data):
        return None
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
    return SignatureSearch(config, units, max(1, -(-entries // ENTRIES_A_PARTITION)))


def _beside(path: str) -> str:
    return path.replace("data/", "signatures/", 1)


def search_partition(search: SignatureSearch, partition: int) -> NearPairs:
    """Everything that is found in one partition of the bands' hashes."""
    found = NearPairs(SIGNATURES)
    is_split = len({unit.split for unit in search.units}) > 1
    comparisons = [(i, c) for i, c in enumerate(search.config.comparisons()) if is_split or not c.across_splits]
    bands = _shared_bands(search, comparisons, partition)
    candidates = {}
    for i, comparison in comparisons:
        candidates[i], found.skipped[comparison.name] = bucket_candidates(bands[i], comparison.across_splits)
        found.compared[comparison.name] = len(candidates[i][0])
    references = np.unique(
        np.concatenate([np.zeros(0, np.uint64), *(c for found in candidates.values() for c in found[2:4])])
    )
    with tempfile.TemporaryFile() as file:
        sets = _StoredSets(search, references, file)
        for i, comparison in comparisons:
            edges = _verified(search, comparison, candidates[i], sets)
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
    signatures: dict[int, np.ndarray]


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
        anchor, positive = both[:, 0], both[:, 1]
        yield _Batch(
            first,
            {side: Contents(names[i], sizes[i]) for i, side in enumerate((JOINT, ANCHOR, POSITIVE))},
            np.fromiter(map(positive_is_code, kinds), bool, len(kinds)),
            {JOINT: np.minimum(anchor, positive), ANCHOR: anchor, POSITIVE: positive},
        )
        first += table.num_rows


def _unsigned(column: object) -> np.ndarray:
    return column.to_numpy().astype(np.int64).view(np.uint64)  # type: ignore[attr-defined]


_Entries = tuple[int, np.ndarray, np.ndarray, np.ndarray]
"""Comparison, hashes, tags, references."""


def _entries(
    search: SignatureSearch, unit: ExistingUnit, comparisons: Sequence[tuple[int, Comparison]], partition: int
) -> Iterator[_Entries]:
    for batch in _known(unit):
        for i, comparison in comparisons:
            # As in dedupe: duplicates are found among pairs, leaks among whatever stands on the side in question.
            every = np.arange(len(batch.of_code))
            rows = every if comparison.across_splits else every[batch.of_code == comparison.of_code]
            content = batch.contents[comparison.side if comparison.across_splits else JOINT]
            hashes = band_hashes(batch.signatures[comparison.side][rows], comparison.banding, salt=i)
            at, band = np.nonzero(partition_of(hashes, search.partitions) == partition)
            references = (rows[at] + batch.first).astype(np.uint64) | np.uint64(unit.number) << np.uint64(32)
            yield i, hashes[at, band], content.tags(rows)[at], references


def _shared_bands(
    search: SignatureSearch, comparisons: Sequence[tuple[int, Comparison]], partition: int
) -> dict[int, Bands]:
    """What each comparison's hashes that may be shared belong to."""
    expected = {
        i: sum(u.rows for u in search.units if u.split or not c.across_splits) * c.banding.bands // search.partitions
        for i, c in comparisons
    }
    once = {i: HashFilter(expected[i]) for i, _ in comparisons}
    again = {i: HashFilter(expected[i] // 8) for i, c in comparisons if not c.across_splits}
    for unit in search.units:
        for i, hashes, _, _ in _entries(search, unit, comparisons, partition):
            if i not in again:
                if unit.split:
                    once[i].add(marks_of(hashes))
                continue
            values, counts = np.unique(hashes, return_counts=True)
            again[i].add(marks_of(values[(counts > 1) | once[i].may_hold(values)]))
            once[i].add(marks_of(values))
    parts: dict[int, list[tuple[np.ndarray, ...]]] = {i: [] for i, _ in comparisons}
    for unit in search.units:
        for i, hashes, tags, references in _entries(search, unit, comparisons, partition):
            kept = (again[i] if i in again else once[i]).may_hold(hashes)
            splits = np.full(int(kept.sum()), 1 << unit.split, "u1")
            parts[i].append((hashes[kept], tags[kept], references[kept], splits))
    empty = np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, "u1")
    return {i: Bands(*map(np.concatenate, zip(empty, *found, strict=True))) for i, found in parts.items()}


class _StoredSets:
    """The shingle sets of both sides of some rows, in a file: what candidates are verified by."""

    def __init__(self, search: SignatureSearch, references: np.ndarray, file: object) -> None:
        self.references = references
        self.text, self.code = search.config.rules()
        self.file = file
        sizes = [np.zeros((0, 2), np.int64)]
        for number, group in groupby(references.tolist(), key=lambda reference: reference >> 32):
            rows = np.fromiter((reference & 0xFFFFFFFF for reference in group), np.int64)
            sizes += self._write(search.units[number].pieces[0].path, rows)
        ends = np.cumsum(np.concatenate(sizes).reshape(-1))
        self.offsets = np.append(0, ends)
        file.flush()  # type: ignore[attr-defined]
        empty = np.zeros(0, np.uint64)
        self.hashes = np.asarray(np.memmap(file, np.uint64, "r")) if len(ends) and ends[-1] else empty  # type: ignore[call-overload]

    def _write(self, path: str, rows: np.ndarray) -> Iterator[np.ndarray]:
        with storage.open_read(path) as stream:
            parquet, start = pq.ParquetFile(stream), 0
            for group in range(parquet.num_row_groups):
                end = start + parquet.metadata.row_group(group).num_rows
                here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, end)] - start
                start = end
                if len(here):
                    table = parquet.read_row_group(group, columns=["kind", "anchor", "positive"]).take(here)
                    for batch in table.to_batches(max_chunksize=2048):
                        yield self._write_batch(batch)

    def _write_batch(self, batch: object) -> np.ndarray:
        kinds = batch["kind"].cast("string").to_pylist()  # type: ignore[index]
        of_code = np.fromiter(map(positive_is_code, kinds), bool, len(kinds))
        plain = np.zeros(len(kinds), bool)
        sides = [
            distinct(side_runs(batch[name], is_code, self.text, self.code))  # type: ignore[index]
            for name, is_code in (("anchor", plain), ("positive", of_code))
        ]
        sizes = np.stack([side.sizes() for side in sides], 1)
        pieces = [side[i] for i in range(len(kinds)) for side in sides]
        self.file.write(np.concatenate(pieces).astype("<u8").tobytes())  # type: ignore[attr-defined]
        return sizes

    def take(self, side: int, references: np.ndarray) -> ShingleRuns:
        """The sets of a side of some rows."""
        places = np.searchsorted(self.references, references)
        both = ShingleRuns(self.hashes, self.offsets)
        if side == JOINT:
            return join_runs(_gathered(both, 2 * places), _gathered(both, 2 * places + 1))
        return _gathered(both, 2 * places + (side == POSITIVE))


def _gathered(runs: ShingleRuns, places: np.ndarray) -> ShingleRuns:
    return take_runs(runs, places) if len(places) else as_runs(np.zeros(0, np.uint64), np.zeros(0, np.int64))


def _verified(
    search: SignatureSearch, comparison: Comparison, candidates: list[np.ndarray], sets: _StoredSets
) -> np.ndarray:
    left, right, left_row, right_row, _ = candidates
    splits = np.array([unit.split for unit in search.units])
    found = [np.zeros(0, EDGE_TYPE)]
    for first in range(0, len(left), CHUNK_CANDIDATES):
        chunk = slice(first, first + CHUNK_CANDIDATES)
        rows, places = np.unique(np.concatenate([left_row[chunk], right_row[chunk]]), return_inverse=True)
        n = len(left_row[chunk])
        similarity = jaccard(distinct(sets.take(comparison.side, rows)), places[:n], places[n:])
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
