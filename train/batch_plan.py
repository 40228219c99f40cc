"""Which pairs are in which step: a pure function of (seed, data_id, the batch keys of the recipe, step).

There is no shuffle buffer and no hidden state, so a run's position is one integer, and any step can be asked for.

Every step draws from one source, chosen with probability in proportion to rows ** exponent. A source's rows are
read in seeded permutations, one an epoch: the k-th step of a source takes the k-th batch of its endless sequence of
permutations. Which of a source's steps this one is, is counted over the schedule, which is drawn in blocks of steps.
Rows that are known to be each other's false negatives are moved apart within a permutation where that is possible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from train.token_cache import TokenCache

SCHEDULE_BLOCK = 1024
_SWAP_REACH = 4
"""How many batches ahead a colliding row's place is sought; what is left after that is masked in the loss."""


@dataclass(frozen=True)
class Step:
    """The pairs of one step: `rows` of pair set number `part`, all of one source."""

    source: str
    part: int
    rows: np.ndarray


@dataclass(frozen=True)
class _Stream:
    """The rows of one source of one pair set."""

    source: str
    part: int
    rows: np.ndarray


class BatchPlan:
    """The plan over one or more pair sets; sources that bear one name in two sets are drawn from apart."""

    def __init__(
        self, caches: Sequence[TokenCache], data_ids: Sequence[str], *, batch: int, exponent: float, seed: int
    ) -> None:
        self._caches = caches
        self._key = hashlib.sha256(repr((list(data_ids), batch, exponent, seed)).encode()).digest()
        self._streams = _streams(caches)
        self.rows = sum(cache.rows for cache in caches)
        largest = max(len(stream.rows) for stream in self._streams)
        self.batch = min(batch, largest)
        """Pairs of a step: the recipe's, or all rows of the largest source where that has fewer."""
        # A source smaller than a batch would meet its own rows again within one step: it gives all its rows, no more.
        sizes = np.array([len(stream.rows) for stream in self._streams], float)
        self._weights = sizes**exponent / (sizes**exponent).sum()
        self._permutation = lru_cache(maxsize=2 * len(self._streams))(self._make_permutation)
        self._schedule = lru_cache(maxsize=4)(self._make_schedule)

    def step(self, number: int) -> Step:
        """The pairs of step `number`, from 0."""
        block, place = divmod(number, SCHEDULE_BLOCK)
        schedule, before = self._schedule(block)
        chosen = int(schedule[place])
        turn = int(before[chosen] + (schedule[:place] == chosen).sum())
        stream = self._streams[chosen]
        size = min(self.batch, len(stream.rows))
        per_epoch = len(stream.rows) // size
        epoch, batch = divmod(turn, per_epoch)
        rows = self._permutation(chosen, epoch)[batch * size : (batch + 1) * size]
        return Step(stream.source, stream.part, rows)

    def _random(self, *place: int) -> np.random.Generator:
        digest = hashlib.sha256(self._key + repr(place).encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))

    def _make_schedule(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        """The sources of a block of steps, and how many steps each source had before it."""
        before = np.zeros(len(self._streams), np.int64)
        if block:
            earlier, counts = self._schedule(block - 1)
            before = counts + np.bincount(earlier, minlength=len(self._streams))
        drawn = self._random(0, block).choice(len(self._streams), SCHEDULE_BLOCK, p=self._weights)
        return drawn, before

    def _make_permutation(self, chosen: int, epoch: int) -> np.ndarray:
        stream = self._streams[chosen]
        rows = stream.rows[self._random(1, chosen, epoch).permutation(len(stream.rows))]
        return spread_apart(rows, _keys(self._caches[stream.part], rows), min(self.batch, len(rows)))


def spread_apart(rows: np.ndarray, keys: np.ndarray, batch: int) -> np.ndarray:
    """The rows, with those moved whose key already stands in their batch, to a batch near by which lacks it.

    `keys` is (rows, keys of a row), int64, and no two keys of different meaning are equal. Only rows that collide and
    those that they change places with are touched; a row that fits nowhere near stays, and the loss masks it.
    """
    order = np.arange(len(rows))
    batches = len(rows) // batch
    if batches < 2:
        return rows
    held = [_count(keys[start : start + batch]) for start in range(0, batches * batch, batch)]
    for place in _colliding(keys, batch, batches):
        here = place // batch
        if not any(held[here].get(key, 0) > 1 for key in set(keys[order[place]].tolist())):
            continue
        for distance in range(1, min(_SWAP_REACH, batches - 1) + 1):
            there = (here + distance) % batches
            other = there * batch + place % batch
            if _fits(held[there], keys[order[place]], keys[order[other]]) and _fits(
                held[here], keys[order[other]], keys[order[place]]
            ):
                for at, gone, come in ((here, place, other), (there, other, place)):
                    _move(held[at], keys[order[gone]], keys[order[come]])
                order[place], order[other] = order[other], order[place]
                break
    return rows[order]


def _keys(cache: TokenCache, rows: np.ndarray) -> np.ndarray:
    """What must not meet: side hashes (of either side alike) and clusters; a null cluster is the row's anchor hash."""
    anchor, positive = cache.arrays["anchor_hash"][rows], cache.arrays["positive_hash"][rows]
    # Clusters and hashes are both 64 random bits; the constant keeps a cluster from meaning a side by design.
    cluster = np.where(cache.arrays["has_cluster"][rows], cache.arrays["cluster"][rows] ^ 0x5DEECE66D, anchor)
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


def _streams(caches: Sequence[TokenCache]) -> list[_Stream]:
    """Every source of every set with two rows or more, by set and name of the source."""
    streams = []
    for part, cache in enumerate(caches):
        source = np.asarray(cache.arrays["source"])
        for name in sorted(cache.sources):
            rows = np.flatnonzero(source == cache.sources.index(name))
            if len(rows) > 1:
                streams.append(_Stream(name, part, rows))
    if not streams:
        raise ValueError("no source has two pairs, so there are no in-batch negatives; mine more pairs")
    return streams
