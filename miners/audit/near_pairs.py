"""Verified near-duplicates that are left in a set, and verified near-pairs across its splits: what was found, counted.

Found exactly, from the signatures that dedupe stores, or for a seeded sample of rows, each compared with all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from miners.audit.estimates import share_figures
from miners.near_duplicates import components, greedy_survivors
from miners.near_duplicates.resolve import SIDES

EDGE_TYPE = np.dtype(
    [
        ("left", np.uint64),
        ("right", np.uint64),
        ("left_file", np.int32),
        ("left_row", np.int64),
        ("right_file", np.int32),
        ("right_row", np.int64),
        ("similarity", np.float64),
        ("side", np.int8),
    ]
)
"""Two contents by the low bits of their names, a row of each, the exact Jaccard index, and the place in SIDES. Of a
leak the right one stands in the split that should have lost it."""
SHOWN = 5
SIGNATURES, SAMPLE, NOT_LOOKED = "signatures", "sample", "none"


@dataclass
class Hits:
    """Of sampled rows: which were compared, and the most alike row that each met."""

    asked: int = 0
    of: int = 0
    """The rows that they were drawn from."""
    found: dict[int, tuple[float, int, int, int, int]] = field(default_factory=dict)
    """By the sampled row's number: similarity, its file and row, and those of the other."""

    def add(self, query: int, similarity: float, place: tuple[int, int], other: tuple[int, int]) -> None:
        """One comparison that reached the threshold; ties go to the first place, whatever the order."""
        best = max((similarity, *place, *other), self.found.get(query, (0.0, 0, 0, 0, 0)), key=_rank)
        self.found[query] = best

    def merge(self, other: Hits) -> None:
        """Add the comparisons of the same sample with other rows."""
        self.asked, self.of = max(self.asked, other.asked), max(self.of, other.of)
        for query, hit in other.found.items():
            self.found[query] = max(hit, self.found.get(query, hit), key=_rank)


def _rank(hit: tuple[float, int, int, int, int]) -> tuple[float, ...]:
    return (hit[0], *(-place for place in hit[1:]))


@dataclass
class NearPairs:
    """What a search has found; parts of one search merge."""

    method: str = NOT_LOOKED
    duplicates: list[np.ndarray] = field(default_factory=list)
    leaks: list[np.ndarray] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    """Pairs of very full buckets that were left out, by comparison."""
    sampled_duplicates: Hits = field(default_factory=Hits)
    sampled_leaks: Hits = field(default_factory=Hits)

    def merge(self, other: NearPairs) -> None:
        """Add another part."""
        self.method = other.method if other.method != NOT_LOOKED else self.method
        self.duplicates += other.duplicates
        self.leaks += other.leaks
        self.compared.update(other.compared)
        self.skipped.update(other.skipped)
        self.sampled_duplicates.merge(other.sampled_duplicates)
        self.sampled_leaks.merge(other.sampled_leaks)

    def duplicate_edges(self) -> np.ndarray:
        """The verified near-duplicates, each once (`EDGE_TYPE`)."""
        return edges_once(self.duplicates)

    def leak_edges(self) -> np.ndarray:
        """The verified near-pairs across splits, each once."""
        return edges_once(self.leaks)


def edges_once(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Each pair of contents of a side once, most alike first."""
    found = np.concatenate([np.zeros(0, EDGE_TYPE), *parts])
    order = np.lexsort((found["right"], found["left"], found["side"]))
    found = found[order]
    if len(found):
        same = found[1:][["left", "right", "side"]] == found[:-1][["left", "right", "side"]]
        found = found[np.append(True, ~same)]
    return found[np.lexsort((found["right"], found["left"], found["side"], -found["similarity"]))]


def duplicate_figures(near: NearPairs, rows: int, thresholds: Mapping[str, float]) -> dict[str, Any]:
    """Rows that would go if of each group of near-duplicates one were kept for all that it was compared with.

    Of a sample: the share of rows that have a near-duplicate, at least twice as many as would go in pairs.
    """
    figures: dict[str, Any] = {"method": near.method, "thresholds": dict(thresholds)}
    if near.method == SIGNATURES:
        edges = near.duplicate_edges()
        names, places = np.unique(np.concatenate([edges["left"], edges["right"]]), return_inverse=True)
        left, right = places[: len(edges)], places[len(edges) :]
        removed = greedy_survivors(np.arange(len(names)), left, right, edges["similarity"])
        extra = int((removed >= 0).sum())
        groups = len(np.unique(components(len(names), left, right))) if len(names) else 0
        figures |= {**share_figures(extra, rows, rows), "with_one": len(names), "groups": groups}
        return figures | {"pairs": len(edges), "skipped": sum(near.skipped.values())}
    hits = near.sampled_duplicates
    return figures | {**share_figures(len(hits.found), hits.asked, hits.of), "with_one": len(hits.found)}


def leak_figures(near: NearPairs, leaked_rows: int, held_out: int, threshold: float) -> dict[str, Any]:
    """Rows beyond train with a verified near-pair in a split that comes before theirs."""
    figures: dict[str, Any] = {"method": near.method, "threshold": threshold}
    if near.method == SIGNATURES:
        edges = near.leak_edges()
        by_side = {side: int((edges["side"] == i).sum()) for i, side in enumerate(SIDES)}
        return figures | {**share_figures(leaked_rows, held_out, held_out), "pairs_by_side": by_side}
    hits = near.sampled_leaks
    return figures | share_figures(len(hits.found), hits.asked, hits.of)


def shown_edges(near: NearPairs) -> tuple[list[tuple[float, int, int, int, int]], ...]:
    """The most alike near-duplicates and leaks: similarity, file and row of both."""
    if near.method == SIGNATURES:
        names = ("similarity", "left_file", "left_row", "right_file", "right_row")
        both = near.duplicate_edges(), near.leak_edges()
        return tuple([tuple(edge[name].item() for name in names) for edge in edges[:SHOWN]] for edges in both)
    sampled = near.sampled_duplicates, near.sampled_leaks
    return tuple(sorted(hits.found.values(), key=_rank, reverse=True)[:SHOWN] for hits in sampled)
