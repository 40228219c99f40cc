"""Where each row and each candidate stands in the files of a search: by scope, within it in canonical order.

A scope's candidates are its different positives, by side hash; the first row that has a text gives it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from train.known_pairs import IndexPairs
from train.negatives.keys import PairKeys
from train.negatives.known_answers import CAUSES, KnownAnswers

QUERIES = 4096
"""Rows searched at a time, at most."""
EXCLUDED = 1 << 22
"""Excluded texts of the rows searched at a time, at most (a row with more is searched alone): large clusters."""


@dataclass(frozen=True)
class Block:
    """Rows that are searched together: places `start` to `stop`, all of one scope."""

    scope: int
    start: int
    stop: int


@dataclass(frozen=True)
class Layout:
    """Rows and candidates are numbered by their places."""

    rows: np.ndarray
    """The row at each place."""
    row_bounds: np.ndarray
    """Scopes + 1: the rows of a scope stand between two."""
    candidate_rows: np.ndarray
    """The row that gives each candidate's text."""
    candidate_bounds: np.ndarray
    candidate_hash: np.ndarray
    own: np.ndarray
    """The candidate that is the own positive of the row at each place."""

    @property
    def row_places(self) -> np.ndarray:
        """The place of each row."""
        return _inverse(self.rows)

    @property
    def candidate_places(self) -> np.ndarray:
        """The place of the candidate that each row gives; -1 for rows that give none."""
        places = np.full(len(self.rows), -1, np.int64)
        places[self.candidate_rows] = np.arange(len(self.candidate_rows))
        return places

    def blocks(self, known: KnownAnswers) -> Iterator[Block]:
        """All rows in blocks of bounded size; they follow from the keys alone, so a resumed run has the same ones."""
        for scope, (first, last) in enumerate(zip(self.row_bounds[:-1], self.row_bounds[1:], strict=True)):
            start = int(first)
            while start < last:
                sizes = np.cumsum(known.sizes(self.rows[start : min(last, start + QUERIES)]))
                stop = start + max(1, int(np.searchsorted(sizes, EXCLUDED, side="right")))
                yield Block(scope, start, stop)
                start = stop


def lay_out(keys: PairKeys) -> Layout:
    """The places of a set's rows and candidates."""
    rows = np.argsort(keys.scope, kind="stable")
    row_bounds = np.searchsorted(keys.scope[rows], np.arange(len(keys.scopes) + 1))
    given, own, bounds = [], np.empty(len(rows), np.int64), [0]
    for first, last in itertools.pairwise(row_bounds):
        members = rows[first:last]
        _, firsts, inverse = np.unique(keys.positive_hash[members], return_index=True, return_inverse=True)
        order = np.argsort(firsts)
        given.append(members[firsts[order]])
        own[first:last] = bounds[-1] + _inverse(order)[inverse]
        bounds.append(bounds[-1] + len(firsts))
    candidate_rows = np.concatenate(given)
    return Layout(rows, row_bounds, candidate_rows, np.array(bounds), keys.positive_hash[candidate_rows], own)


class Exclusions:
    """The candidates that the known answers of a block's rows are."""

    def __init__(self, layout: Layout, known: KnownAnswers) -> None:
        self._layout, self._known = layout, known
        self._scope = -1
        self._hashes = self._order = np.zeros(0, np.int64)

    def of(self, block: Block) -> tuple[IndexPairs, dict[str, int]]:
        """(row - start, candidate - the scope's first), each once, in order of both; and how many of each cause."""
        first, last = self._layout.candidate_bounds[block.scope : block.scope + 2]
        if block.scope != self._scope:
            hashes = self._layout.candidate_hash[first:last]
            self._scope, self._order = block.scope, np.argsort(hashes)
            self._hashes = hashes[self._order]
        names, cells, causes = list(CAUSES), [], []
        for cause, rows, hashes in self._known.related(self._layout.rows[block.start : block.stop]):
            at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
            there = self._hashes[at] == hashes
            cells.append(rows[there] * (last - first) + self._order[at[there]])
            causes.append(np.full(len(cells[-1]), names.index(cause)))
        found, where = np.unique(np.concatenate(cells), return_index=True)
        counts = np.bincount(np.concatenate(causes)[where], minlength=len(names))
        return np.divmod(found, last - first), dict(zip(names, counts.tolist(), strict=True))


def _inverse(order: np.ndarray) -> np.ndarray:
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places
