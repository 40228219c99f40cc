"""The decisions of dedupe, on arrays: which rows go, by which rule, and for which kept row.

In: the rows that share anything with another one, and verified edges between contents. Out: a verdict a row. The
stages run in order, each on what the one before kept: exact copies, near-duplicates, repeats of one side,
contamination, leaks between splits. Rows that share nothing never come here, and are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from miners.near_duplicates.survivor_order import survivor_rank
from miners.near_duplicates.survivors import components, greedy_survivors

JOINT, ANCHOR, POSITIVE = range(3)
SIDES = ("joint", "anchor", "positive")
TAG_BITS = np.uint64((1 << 56) - 1)
"""Contents are named in edges by the low 56 bits of a pair_id or of a side hash."""

RULES: tuple[tuple[str, str, str], ...] = (
    ("", "", ""),
    ("exact", "empty_side", "no_text"),
    ("exact", "same_row", "row_id"),
    ("exact", "same_pair", "pair_id"),
    ("near", "near_duplicate", "jaccard"),
    ("cap", "anchor_repeats", "side_hash"),
    ("cap", "positive_repeats", "side_hash"),
    ("contamination", "contaminated", "side_hash"),
    ("contamination", "contaminated", "overlap"),
    ("contamination", "contaminated", "repository"),
    ("split", "split_leak", "side_hash"),
    ("split", "split_leak", "jaccard"),
    ("exact", "removed", "removed_list"),
)
"""(stage, reason, rule) of each verdict code; code 0 is kept."""
KEPT, EMPTY, SAME_ROW, SAME_PAIR, NEAR, ANCHOR_CAP, POSITIVE_CAP = range(7)
SAME_EVALUATION_TEXT, LIKE_EVALUATION_TEXT, EVALUATION_REPOSITORY = range(7, 10)
LEAK_HASH, LEAK_NEAR = range(10, 12)
REMOVED = 12


class ResolveError(RuntimeError):
    """An edge names a content that no row has: what was matched is not what was scanned."""


@dataclass(frozen=True)
class Rows:
    """The rows to decide on, as arrays of one length."""

    pair_ids: np.ndarray
    """uint64 (rows, 2), high half first; `row_ids` the same."""
    row_ids: np.ndarray
    anchor_hashes: np.ndarray
    """int64; `positive_hashes` the same."""
    positive_hashes: np.ndarray
    merits: np.ndarray
    lengths: np.ndarray
    splits: np.ndarray
    """0 train, 1 validation, 2 test: by the row's group."""
    barred: np.ndarray
    """uint8: the verdict of what is compared with nothing: EMPTY for a side without text, REMOVED for what was taken
    out of an earlier set; KEPT of all others."""
    existing: np.ndarray
    """bool: of an earlier set, so that it stays whatever it resembles."""
    clusters: np.ndarray
    """int64: the low half of the pair_id; of an existing row the cluster that it has."""

    def contents(self, side: int) -> np.ndarray:
        """How edges name each row's content on a side (uint64)."""
        if side == JOINT:
            return self.pair_ids[:, 1] & TAG_BITS
        hashes = self.anchor_hashes if side == ANCHOR else self.positive_hashes
        return hashes.view(np.uint64) & TAG_BITS


@dataclass(frozen=True)
class Edges:
    """Verified pairs of contents, each once: uint64 names, exact similarity, and bands shared when found."""

    left: np.ndarray
    right: np.ndarray
    similarity: np.ndarray
    bands: np.ndarray


@dataclass(frozen=True)
class Contamination:
    """The rows that hold evaluation texts, each once, with how it was found; arrays of one length."""

    rows: np.ndarray
    codes: np.ndarray
    """uint8: one of the three verdict codes of contamination."""
    sides: np.ndarray
    similarity: np.ndarray
    """1 for equal texts, the overlap coefficient, NaN for a repository."""

    @classmethod
    def none(cls) -> Contamination:
        """Where nothing was looked for, or found."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Caps:
    """How many rows may have the same anchor, and the same positive."""

    anchor: int = 16
    positive: int = 1


@dataclass
class Verdicts:
    """What becomes of each row; arrays of one length."""

    codes: np.ndarray
    """Index into RULES; 0 is kept."""
    keepers: np.ndarray
    """The row for which this one is removed, -1 for none."""
    sides: np.ndarray
    similarity: np.ndarray
    """Exact Jaccard; 1 for equal contents, NaN where nothing was compared."""
    bands: np.ndarray
    clusters: np.ndarray
    """int64: low half of the smallest pair_id of the row's component of near edges; its own without edges."""
    largest_cluster: int = 1

    def remove(self, rows: np.ndarray, code: int, keepers: np.ndarray | int, side: np.ndarray | int) -> None:
        """Give `rows` their verdict, for equal contents; later calls may refine similarity and bands."""
        self.codes[rows], self.keepers[rows], self.sides[rows] = code, keepers, side
        self.similarity[rows] = 1.0

    def keep(self, rows: np.ndarray) -> None:
        """Take the verdict of `rows` (bool) back: earlier sets may overlap, and are not changed."""
        self.codes[rows], self.keepers[rows] = KEPT, -1


def resolve(
    rows: Rows, near: Mapping[int, Edges], leaks: Mapping[int, Edges], caps: Caps, contamination: Contamination
) -> Verdicts:
    """Decide on all rows. `near` edges are between pairs, by the side that was compared; `leaks` between contents."""
    count = len(rows.lengths)
    verdicts = Verdicts(
        codes=np.zeros(count, np.uint8),
        keepers=np.full(count, -1, np.int64),
        sides=np.zeros(count, np.uint8),
        similarity=np.full(count, np.nan),
        bands=np.zeros(count, np.int32),
        clusters=rows.clusters.copy(),
    )
    rank = survivor_rank(rows.merits, rows.lengths, rows.pair_ids, rows.row_ids)
    rank[np.lexsort((rank, ~rows.existing))] = np.arange(count)
    verdicts.codes[:] = rows.barred
    _exact(rows, rank, verdicts)
    verdicts.keep(rows.existing)
    _near(rows, rank, near, verdicts)
    verdicts.keep(rows.existing)
    _cap(rows, rank, caps, verdicts)
    verdicts.keep(rows.existing)
    _contamination(contamination, verdicts)
    for split in range(3):
        _leak(rows, rank, leaks, verdicts, rows.existing & (rows.splits != split), split)
    for split in (1, 2):
        _leak(rows, rank, leaks, verdicts, rows.splits < split, split)
    return verdicts


def _exact(rows: Rows, rank: np.ndarray, verdicts: Verdicts) -> None:
    kept = np.flatnonzero(verdicts.codes == KEPT)
    order = kept[np.lexsort((rank[kept], rows.pair_ids[kept, 1], rows.pair_ids[kept, 0]))]
    if not len(order):
        return
    first = _first_of_runs(rows.pair_ids[order])
    survivor = order[np.flatnonzero(first)][np.cumsum(first) - 1]
    copies = order[~first]
    verdicts.remove(copies, SAME_PAIR, survivor[~first], JOINT)
    by_row = kept[np.lexsort((rank[kept], rows.row_ids[kept, 1], rows.row_ids[kept, 0]))]
    verdicts.codes[by_row[~_first_of_runs(rows.row_ids[by_row])]] = SAME_ROW


def _near(rows: Rows, rank: np.ndarray, near: Mapping[int, Edges], verdicts: Verdicts) -> None:
    kept = np.flatnonzero(verdicts.codes == KEPT)
    kept = kept[np.argsort(rows.contents(JOINT)[kept])]
    names = rows.contents(JOINT)[kept]
    sides = [np.full(len(edges.left), side, np.uint8) for side, edges in near.items()]
    if not sum(map(len, sides)):
        return
    edge_side = np.concatenate(sides)
    left = kept[_find(names, np.concatenate([edges.left for edges in near.values()]))]
    right = kept[_find(names, np.concatenate([edges.right for edges in near.values()]))]
    similarity = np.concatenate([edges.similarity for edges in near.values()])
    bands = np.concatenate([edges.bands for edges in near.values()])
    nodes, compact = np.unique(np.concatenate([left, right]), return_inverse=True)
    a, b = compact[: len(left)], compact[len(left) :]
    _name_clusters(rows, nodes, components(len(nodes), a, b), verdicts)
    edge = greedy_survivors(rank[nodes], a, b, similarity)
    removed = np.flatnonzero(edge >= 0)
    edge = edge[removed]
    keepers = nodes[np.where(a[edge] == removed, b[edge], a[edge])]
    gone = nodes[removed]
    verdicts.remove(gone, NEAR, keepers, edge_side[edge])
    verdicts.similarity[gone], verdicts.bands[gone] = similarity[edge], bands[edge]


def _name_clusters(rows: Rows, nodes: np.ndarray, labels: np.ndarray, verdicts: Verdicts) -> None:
    order = np.lexsort((rows.pair_ids[nodes, 1], rows.pair_ids[nodes, 0], labels))
    smallest = np.empty(int(labels.max()) + 1, np.int64)
    first = _first_of_runs(labels[order][:, None])
    smallest[labels[order[first]]] = rows.pair_ids[nodes[order[first]], 1].view(np.int64)
    # What resembles an earlier set's row takes its cluster: a trainer that reads both sets masks by it.
    old = np.flatnonzero(rows.existing[nodes])
    old = old[np.argsort(rows.clusters[nodes[old]], kind="stable")[::-1]]
    smallest[labels[old]] = rows.clusters[nodes[old]]
    verdicts.clusters[nodes] = np.where(rows.existing[nodes], rows.clusters[nodes], smallest[labels])
    verdicts.largest_cluster = int(np.bincount(labels).max())


def _cap(rows: Rows, rank: np.ndarray, caps: Caps, verdicts: Verdicts) -> None:
    kept = np.flatnonzero(verdicts.codes == KEPT)
    crowded = np.zeros(len(kept), bool)
    for hashes, cap in ((rows.anchor_hashes, caps.anchor), (rows.positive_hashes, caps.positive)):
        _, inverse, counts = np.unique(hashes[kept], return_inverse=True, return_counts=True)
        crowded |= counts[inverse] > cap
    kept = kept[crowded]
    kept = kept[np.argsort(rank[kept])]
    anchors: dict[int, list[int]] = {}
    positives: dict[int, list[int]] = {}
    sides = zip(rows.anchor_hashes[kept].tolist(), rows.positive_hashes[kept].tolist(), strict=True)
    for row, (anchor, positive) in zip(kept.tolist(), sides, strict=True):
        same_anchor, same_positive = anchors.setdefault(anchor, []), positives.setdefault(positive, [])
        if len(same_anchor) >= caps.anchor:
            verdicts.remove(np.array([row]), ANCHOR_CAP, same_anchor[0], ANCHOR)
        elif len(same_positive) >= caps.positive:
            verdicts.remove(np.array([row]), POSITIVE_CAP, same_positive[0], POSITIVE)
        else:
            same_anchor.append(row)
            same_positive.append(row)


def _contamination(found: Contamination, verdicts: Verdicts) -> None:
    here = verdicts.codes[found.rows] == KEPT
    rows = found.rows[here]
    verdicts.codes[rows], verdicts.sides[rows] = found.codes[here], found.sides[here]
    verdicts.similarity[rows] = found.similarity[here]


def _leak(
    rows: Rows, rank: np.ndarray, leaks: Mapping[int, Edges], verdicts: Verdicts, above: np.ndarray, split: int
) -> None:
    """Remove the new rows of a split that resemble a kept one of `above` (bool)."""
    above = np.flatnonzero((verdicts.codes == KEPT) & above)
    above = above[np.argsort(rank[above])]
    hashes, first = np.unique(
        np.concatenate([rows.anchor_hashes[above], rows.positive_hashes[above]]), return_index=True
    )
    owners = np.concatenate([above, above])[first]
    for side, own in ((ANCHOR, rows.anchor_hashes), (POSITIVE, rows.positive_hashes)):
        below = np.flatnonzero((verdicts.codes == KEPT) & (rows.splits == split) & ~rows.existing)
        hit, place = _lookup(hashes, own[below])
        verdicts.remove(below[hit], LEAK_HASH, owners[place], side)
    for side, edges in leaks.items():
        names, first = np.unique(rows.contents(side)[above], return_index=True)
        owners = above[first]
        ends = np.concatenate([edges.left, edges.right])
        others = np.concatenate([edges.right, edges.left])
        hit, place = _lookup(names, others)
        ends, keeper = ends[hit], owners[place]
        similarity, bands = np.tile(edges.similarity, 2)[hit], np.tile(edges.bands, 2)[hit]
        best = np.lexsort((rank[keeper], -similarity, ends))
        best = best[_first_of_runs(ends[best][:, None])]
        below = np.flatnonzero((verdicts.codes == KEPT) & (rows.splits == split) & ~rows.existing)
        hit, place = _lookup(ends[best], rows.contents(side)[below])
        gone, edge = below[hit], best[place]
        verdicts.remove(gone, LEAK_NEAR, keeper[edge], side)
        verdicts.similarity[gone], verdicts.bands[gone] = similarity[edge], bands[edge]


def _first_of_runs(values: np.ndarray) -> np.ndarray:
    """True where a row of a sorted 2-D array differs from the one before it."""
    first = np.ones(len(values), bool)
    first[1:] = (values[1:] != values[:-1]).any(axis=1)
    return first


def _lookup(sorted_values: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of `wanted` are there (bool), and where those that are."""
    if not len(sorted_values):
        return np.zeros(len(wanted), bool), np.zeros(0, np.int64)
    place = np.minimum(np.searchsorted(sorted_values, wanted), len(sorted_values) - 1)
    hit = sorted_values[place] == wanted
    return hit, place[hit]


def _find(names: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    hit, place = _lookup(names, wanted)
    if not hit.all():
        raise ResolveError("an edge names a pair that no row has")
    return place
