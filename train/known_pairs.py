"""Which rows of a pair set are known to answer each other, so that retrieval penalises no model for finding them.

The rule is the trainer's mask of known false negatives. For a query row and another row's positive as candidate:
right where the positives are the same text; left out of that query's ranking, neither right nor wrong, where the
anchors are the same text, the rows share a cluster, or one row's anchor is the other's positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

IndexPairs = tuple[np.ndarray, np.ndarray]
"""Two int64 arrays of one length: the rows and the columns of the cells that are meant."""


class EqualKeys:
    """Finds where keys equal a fixed list of keys, by binary search."""

    def __init__(self, keys: np.ndarray, valid: np.ndarray | None = None) -> None:
        """`valid` is False where the key is null; null equals nothing."""
        places = np.arange(len(keys)) if valid is None else np.flatnonzero(valid)
        order = np.argsort(keys[places], kind="stable")
        self._places = places[order]
        self._sorted = keys[places][order]

    def counts(self, keys: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """How many of the fixed list's keys equal each of `keys`, int64."""
        return self._ranges(keys, valid)[1]

    def pairs(self, keys: np.ndarray, valid: np.ndarray | None = None) -> IndexPairs:
        """Every (index in `keys`, index in the fixed list) with equal keys."""
        first, count = self._ranges(keys, valid)
        rows = np.repeat(np.arange(len(keys)), count)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        return rows, self._places[np.repeat(first, count) + within]

    def _ranges(self, keys: np.ndarray, valid: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        first = np.searchsorted(self._sorted, keys, side="left")
        count = np.searchsorted(self._sorted, keys, side="right") - first
        return first, count if valid is None else np.where(valid, count, 0)


@dataclass(frozen=True)
class KnownPairs:
    """The relevance of rows that are queries (anchors) and candidates (positives) at once."""

    anchor_hash: np.ndarray
    positive_hash: np.ndarray
    cluster: np.ndarray
    has_cluster: np.ndarray
    """False where the cluster is null: null equals nothing."""

    def take(self, rows: np.ndarray) -> KnownPairs:
        """The relevance of these rows among themselves."""
        return KnownPairs(self.anchor_hash[rows], self.positive_hash[rows], self.cluster[rows], self.has_cluster[rows])

    def block(self, start: int, stop: int) -> tuple[IndexPairs, IndexPairs]:
        """Right candidates and those to leave out, of the queries from `start` to `stop`."""
        part = slice(start, stop)
        left_out = [
            self._anchors.pairs(self.anchor_hash[part]),
            self._clusters.pairs(self.cluster[part], self.has_cluster[part]),
            self._positives.pairs(self.anchor_hash[part]),
            self._anchors.pairs(self.positive_hash[part]),
        ]
        rows, columns = (np.concatenate(side) for side in zip(*left_out, strict=True))
        return self._positives.pairs(self.positive_hash[part]), (rows, columns)

    @cached_property
    def _anchors(self) -> EqualKeys:
        return EqualKeys(self.anchor_hash)

    @cached_property
    def _positives(self) -> EqualKeys:
        return EqualKeys(self.positive_hash)

    @cached_property
    def _clusters(self) -> EqualKeys:
        return EqualKeys(self.cluster, self.has_cluster)


@dataclass(frozen=True)
class OwnRowOnly:
    """The papers' stricter rule: a query's own row is right, and everything else, copies too, is wrong."""

    def block(self, start: int, stop: int) -> tuple[IndexPairs, IndexPairs]:
        """The diagonal, and nothing left out."""
        none = np.zeros(0, np.int64)
        return (np.arange(stop - start), np.arange(start, stop)), (none, none)
