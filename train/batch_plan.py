"""Which pairs are in which step: a pure function of (seed, data_id, the batch keys of the recipe, step).

There is no shuffle buffer and no hidden state, so a run's position is one integer, and any step can be asked for.

Every step draws from one source, chosen with probability in proportion to rows ** exponent. A source's rows are
read in seeded permutations, one an epoch: the k-th step of a source takes the k-th batch of its endless sequence of
permutations. Which of a source's steps this one is, is counted over the schedule, which is drawn in blocks of steps.
Rows that are known to be each other's false negatives are moved apart within a permutation where that is possible.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from train.train_rows import TrainRows

SCHEDULE_BLOCK = 1024
_PARTNERS = 8
"""Rows of another batch that a colliding row is tried against; more than one fails only where groups are many."""


@dataclass(frozen=True)
class Step:
    """The pairs of one step, all of one source; row numbers are those of `TrainRows`."""

    source: str
    rows: np.ndarray
    negatives: tuple[np.ndarray, ...] = ()
    """Of each row, which of its hard negatives the step takes; empty where it takes none."""


@dataclass(frozen=True)
class BatchKeys:
    """What of a recipe decides the plan."""

    batch: int
    exponent: float
    seed: int
    where: str | None = None
    negatives: int = 0


class BatchPlan:
    """The plan over the rows of one or more pair sets; `kept` says, set by set, which rows (None: all)."""

    def __init__(
        self, rows: TrainRows, data_ids: Sequence[str], keys: BatchKeys, kept: Sequence[np.ndarray | None] = ()
    ) -> None:
        self._rows, self._keys = rows, keys
        chosen = (list(data_ids), keys.batch, keys.exponent, keys.seed, keys.where)
        self._digest = hashlib.sha256(repr(chosen).encode()).digest()
        self._sources = {name: own for name, own in rows.of_sources(kept).items() if len(own) > 1}
        if not self._sources:
            raise ValueError("no source has two pairs, so there are no in-batch negatives; mine more pairs")
        sizes = np.array([len(own) for own in self._sources.values()], float)
        self.rows = int(sizes.sum())
        self.batch = int(min(keys.batch, sizes.max()))
        """Pairs of a step: the recipe's, or all rows of the largest source where that has fewer."""
        self._names = list(self._sources)
        self._weights = sizes**keys.exponent / (sizes**keys.exponent).sum()
        self._permutation = lru_cache(maxsize=2 * len(self._names))(self._make_permutation)
        self._schedule = lru_cache(maxsize=4)(self._make_schedule)

    def step(self, number: int) -> Step:
        """The pairs of step `number`, from 0."""
        block, place = divmod(number, SCHEDULE_BLOCK)
        schedule, before = self._schedule(block)
        chosen = int(schedule[place])
        turn = int(before[chosen] + (schedule[:place] == chosen).sum())
        name = self._names[chosen]
        # A source smaller than a batch would meet its own rows again within one step: it gives all its rows, no more.
        size = min(self.batch, len(self._sources[name]))
        epoch, batch = divmod(turn, len(self._sources[name]) // size)
        rows = self._permutation(chosen, epoch)[batch * size : (batch + 1) * size]
        if not self._keys.negatives:
            return Step(name, rows)
        random = self._random(2, number)
        return Step(name, rows, tuple(self._rows.choose_negatives(rows, self._keys.negatives, random)))

    def _random(self, *place: int) -> np.random.Generator:
        digest = hashlib.sha256(self._digest + repr(place).encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))

    def _make_schedule(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        """The sources of a block of steps, and how many steps each source had before it."""
        before = np.zeros(len(self._names), np.int64)
        if block:
            earlier, counts = self._schedule(block - 1)
            before = counts + np.bincount(earlier, minlength=len(self._names))
        drawn = self._random(0, block).choice(len(self._names), SCHEDULE_BLOCK, p=self._weights)
        return drawn, before

    def _make_permutation(self, chosen: int, epoch: int) -> np.ndarray:
        rows = self._sources[self._names[chosen]]
        rows = rows[self._random(1, chosen, epoch).permutation(len(rows))]
        return spread_apart(rows, _keys(self._rows, rows), min(self.batch, len(rows)))


def spread_apart(rows: np.ndarray, keys: np.ndarray, batch: int) -> np.ndarray:
    """The rows, with those moved whose key already stands in their batch, to another batch that lacks it.

    `keys` is (rows, keys of a row), int64, and no two keys of different meaning are equal. Only rows that collide and
    those that they change places with are touched. A row whose key stands in every batch stays, and the loss masks it.
    """
    order = np.arange(len(rows))
    batches = len(rows) // batch
    if batches < 2:
        return rows
    held = [_count(keys[start : start + batch]) for start in range(0, batches * batch, batch)]
    tried: Counter[int] = Counter()
    for place in _colliding(keys, batch, batches):
        here = place // batch
        doubled = [key for key in set(keys[order[place]].tolist()) if held[here].get(key, 0) > 1]
        if not doubled:
            continue
        # A batch that once had no place for a key hardly ever gets one, so a key's search goes on where it stopped.
        key = min(doubled)
        while tried[key] < batches:
            there = (key + tried[key]) % batches
            other = _partner(held[here], held[there], keys, order, place, there * batch, batch)
            if there == here or other is None:
                tried[key] += 1
                continue
            for at, gone, come in ((here, place, other), (there, other, place)):
                _move(held[at], keys[order[gone]], keys[order[come]])
            order[place], order[other] = order[other], order[place]
            break
    return rows[order]


def _partner(
    here: dict[int, int],
    there: dict[int, int],
    keys: np.ndarray,
    order: np.ndarray,
    place: int,
    start: int,
    batch: int,
) -> int | None:
    """The place in the batch from `start` whose row can change with the one at `place`, so that neither collides."""
    coming = keys[order[place]]
    for step in range(min(_PARTNERS, batch)):
        other = start + (place + step) % batch
        going = keys[order[other]]
        if _fits(there, coming, going) and _fits(here, going, coming):
            return other
    return None


def _keys(data: TrainRows, rows: np.ndarray) -> np.ndarray:
    """What must not meet: side hashes (of either side alike) and clusters; a null cluster is the row's anchor hash."""
    anchor, positive = data.take("anchor_hash", rows), data.take("positive_hash", rows)
    # Clusters and hashes are both 64 random bits; the constant keeps a cluster from meaning a side by design.
    cluster = np.where(data.take("has_cluster", rows), data.take("cluster", rows) ^ 0x5DEECE66D, anchor)
    return np.stack([anchor, positive, cluster], axis=1)


def _colliding(keys: np.ndarray, batch: int, batches: int) -> list[int]:
    """Places whose row shares a key with an earlier row of its batch."""
    used = keys[: batches * batch]
    place = np.repeat(np.arange(len(used)), used.shape[1])
    flat = used.ravel()
    order = np.lexsort((place, flat, place // batch))
    place, flat = place[order], flat[order]
    again = (flat[1:] == flat[:-1]) & (place[1:] // batch == place[:-1] // batch) & (place[1:] != place[:-1])
    return np.unique(place[1:][again]).tolist()


def _count(keys: np.ndarray) -> dict[int, int]:
    """In how many rows each key stands."""
    counts: dict[int, int] = {}
    for row in keys.tolist():
        for key in set(row):
            counts[key] = counts.get(key, 0) + 1
    return counts


def _fits(held: dict[int, int], coming: np.ndarray, going: np.ndarray) -> bool:
    leaving = set(going.tolist())
    return all(held.get(key, 0) - (key in leaving) <= 0 for key in set(coming.tolist()))


def _move(held: dict[int, int], going: np.ndarray, coming: np.ndarray) -> None:
    for key in set(going.tolist()):
        held[key] -= 1
    for key in set(coming.tolist()):
        held[key] = held.get(key, 0) + 1
