"""The rows that a run trains on: the token caches of several pair sets as one, in the order that the sets were given.

A row is a number from 0 over all sets. Sources that bear one name in two sets are one source, and hashes and clusters
are compared across sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from schemas.pair_set import read_pair_set
from schemas.where import parse_where
from train.encoder import Side
from train.known_pairs import EqualKeys
from train.loss import Identity
from train.ragged import Ragged
from train.token_cache import SPLIT, TokenCache


class TrainRows:
    """Rows, their tokens and what is known of them."""

    def __init__(self, caches: Sequence[TokenCache]) -> None:
        self.caches = list(caches)
        self.offsets = np.concatenate([[0], np.cumsum([cache.rows for cache in caches])]).astype(np.int64)
        self.rows = int(self.offsets[-1])

    def of_sources(self, kept: Sequence[np.ndarray | None] = ()) -> dict[str, np.ndarray]:
        """The rows of each source by its name, names in order; `kept` is true, set by set, of the rows to take."""
        found: dict[str, list[np.ndarray]] = {}
        for place, cache in enumerate(self.caches):
            source = np.asarray(cache.arrays["source"])
            chosen = kept[place] if kept else None
            for number, name in enumerate(cache.sources):
                is_wanted = source == number if chosen is None else (source == number) & chosen
                found.setdefault(name, []).append(np.flatnonzero(is_wanted) + self.offsets[place])
        return {name: np.concatenate(found[name]) for name in sorted(found)}

    def place(self, row: int) -> tuple[int, int]:
        """The pair set of a row, and its number there."""
        part = int(np.searchsorted(self.offsets, row, side="right")) - 1
        return part, int(row - self.offsets[part])

    def take(self, name: str, rows: np.ndarray) -> np.ndarray:
        """One array's values for some rows."""
        out = np.empty(len(rows), self.caches[0].arrays[name].dtype)
        for cache, places, local in self._parts(rows):
            out[places] = cache.arrays[name][local]
        return out

    def tokens(self, side: Side, rows: np.ndarray) -> Ragged:
        """The tokens of one side of some rows, in the order given."""
        parts = [(cache.tokens(side, local), places) for cache, places, local in self._parts(rows)]
        return _in_order(parts)

    def choose_negatives(self, rows: np.ndarray, each: int, random: np.random.Generator) -> list[np.ndarray]:
        """Of each row, which of its hard negatives a step takes: `each` of those kept, drawn where there are more."""
        counts = self._negative_counts(rows)
        return [np.arange(have) if have <= each else np.sort(random.permutation(have)[:each]) for have in counts]

    def negative_tokens(self, rows: np.ndarray, chosen: Sequence[np.ndarray]) -> Ragged:
        """The tokens of the chosen hard negatives, row after row."""
        row_of = np.repeat(np.arange(len(rows)), [len(own) for own in chosen])
        which = np.concatenate([*chosen, np.zeros(0, np.int64)]).astype(np.int64)
        parts = []
        for cache, places, local in self._parts(rows[row_of]):
            numbers = cache.arrays["negative_rows"][local] + which[places]
            parts.append((cache.tokens("negative", numbers), places))
        return _in_order(parts)

    def identity(self, rows: np.ndarray, chosen: Sequence[np.ndarray] = ()) -> Identity:
        """What the loss has to know of a global batch to leave out known false negatives."""
        names = ("anchor_hash", "positive_hash", "cluster", "has_cluster")
        values = [self.take(name, rows) for name in names]
        cells = self._known_negatives(rows, chosen, *values) if any(map(len, chosen)) else None
        return Identity(*map(torch.from_numpy, values), cells)

    def _known_negatives(
        self,
        rows: np.ndarray,
        chosen: Sequence[np.ndarray],
        anchor: np.ndarray,
        positive: np.ndarray,
        cluster: np.ndarray,
        has_cluster: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(row, hard negative) of the batch that are known to answer each other, in order of rows.

        That is so where the negative is the row's positive or its anchor, and where a row of the data that has the
        negative as its positive has the row's anchor, or is in its cluster.
        """
        hashes = self._negative_hashes(rows, chosen)
        found = [EqualKeys(side).pairs(hashes) for side in (anchor, positive)]
        for cache, by_positive in zip(self.caches, self._by_positive, strict=True):
            negative, other = by_positive.pairs(hashes)
            same_anchor = EqualKeys(anchor).pairs(cache.arrays["anchor_hash"][other])
            is_known = np.asarray(cache.arrays["has_cluster"][other])
            same_cluster = EqualKeys(cluster, has_cluster).pairs(cache.arrays["cluster"][other], is_known)
            found += [(negative[alias], row) for alias, row in (same_anchor, same_cluster)]
        negatives, owners = (np.concatenate(side).astype(np.int64) for side in zip(*found, strict=True))
        cells = np.unique(np.stack([owners, negatives], axis=1), axis=0)
        return cells[:, 0].copy(), cells[:, 1].copy()

    def _negative_hashes(self, rows: np.ndarray, chosen: Sequence[np.ndarray]) -> np.ndarray:
        row_of = np.repeat(np.arange(len(rows)), [len(own) for own in chosen])
        which = np.concatenate(chosen).astype(np.int64)
        out = np.empty(len(which), np.int64)
        for cache, places, local in self._parts(rows[row_of]):
            out[places] = cache.arrays["negative_hash"][cache.arrays["negative_rows"][local] + which[places]]
        return out

    def _negative_counts(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty(len(rows), np.int64)
        for cache, places, local in self._parts(rows):
            out[places] = cache.arrays["negative_rows"][local + 1] - cache.arrays["negative_rows"][local]
        return out

    @cached_property
    def _by_positive(self) -> list[EqualKeys]:
        return [EqualKeys(np.asarray(cache.arrays["positive_hash"])) for cache in self.caches]

    def _parts(self, rows: np.ndarray) -> list[tuple[TokenCache, np.ndarray, np.ndarray]]:
        """Each set's cache, the places in `rows` of its rows, and their numbers there."""
        part = np.searchsorted(self.offsets, rows, side="right") - 1
        found = []
        for number, cache in enumerate(self.caches):
            places = np.flatnonzero(part == number)
            if len(places):
                found.append((cache, places, rows[places] - self.offsets[number]))
        return found


def rows_where(data: str, where: str) -> np.ndarray:
    """Of each train row of a pair set, in canonical order, whether the expression is true of it."""
    condition = parse_where(where)
    scanner = read_pair_set(data, SPLIT).scanner(columns={"matches": condition.expression})
    return scanner.to_table()["matches"].fill_null(False).to_numpy()


def _in_order(parts: Sequence[tuple[Ragged, np.ndarray]]) -> Ragged:
    """The rows of several parts at the places given."""
    if len(parts) == 1:
        return parts[0][0]
    if not parts:
        return Ragged.from_lists([])
    lengths = np.concatenate([[0], *(part.lengths for part, _ in parts)])
    joined = Ragged(np.concatenate([part.ids for part, _ in parts]), np.cumsum(lengths))
    return joined.take(np.argsort(np.concatenate([places for _, places in parts])))
