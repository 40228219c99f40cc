"""Which statements become pairs, and which their negatives: arrays of keys in, arrays of keys and fates out.

The statements of one query (or premise), split and kind are judged together. Each positive is a pair, once. Each pair
gets at most so many of its query's negatives, sampled by seed: the negatives lie in an order that follows from seed and
keys alone, and a pair takes consecutive ones from a place that follows from its own keys (after the last comes the
first). So the sample is the same whatever file a statement stood in, and many positives of one query cost no product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miners.near_duplicates.shingle_rule import fmix64
from miners.supervised.statements import Role

KEPT = "kept"
FATES = (
    "undecided",
    KEPT,
    "missing_text",
    "same_pair",
    "no_positive",
    "empty_negative",
    "known_positive",
    "same_negative",
    "not_sampled",
)
"""What becomes of a statement; those behind KEPT are reasons of import/record, `missing_text` a failure."""
_FATE = {name: number for number, name in enumerate(FATES)}


@dataclass(frozen=True)
class Statements:
    """Statements in the order of their files and lines; entry i of each array is of statement i."""

    role: np.ndarray
    part: np.ndarray
    """A small number for each split and kind: statements of two of them have nothing to do with each other."""
    left: np.ndarray
    right: np.ndarray
    other: np.ndarray

    def __len__(self) -> int:
        return len(self.left)

    def mentioned(self) -> np.ndarray:
        """The distinct keys of all texts."""
        return np.unique(np.concatenate([self.left, self.right, self.other[self.role == Role.TRIPLE]]))


@dataclass(frozen=True)
class Joined:
    """The pairs, by the statement that made each, and the fate of every statement."""

    statement: np.ndarray
    """Of each pair; ascending."""
    negatives: np.ndarray
    """Keys of the negatives of all pairs, pair after pair."""
    bounds: np.ndarray
    """Pair i has ``negatives[bounds[i]:bounds[i + 1]]``."""
    fates: np.ndarray
    """Place in `FATES` of each statement."""


def join(said: Statements, known: np.ndarray, blank: np.ndarray, most: int, seed: int) -> Joined:
    """`known` are the sorted keys of all texts that there are, `blank` says which of them are empty; `most` negatives a
    pair. A statement is counted once: a triple is kept if it made a pair or gave a negative."""
    fates = np.zeros(len(said), np.int8)
    names, numbered = np.unique(np.concatenate([said.left, said.right, said.other]), return_inverse=True)
    left, right, other = numbered.reshape(3, -1).astype(np.int64)
    place = np.searchsorted(known, names)
    there = np.zeros(len(names), bool)
    there[place < len(known)] = known[place[place < len(known)]] == names[place < len(known)]
    empty = np.zeros(len(names), bool)
    empty[there] = blank[place[there]]
    is_triple, is_negative = said.role == Role.TRIPLE, said.role == Role.NEGATIVE
    missing = ~(there[left] & there[right] & (there[other] | ~is_triple))
    fates[missing] = _FATE["missing_text"]
    query = said.part.astype(np.int64) * len(names) + left

    makers = np.flatnonzero(~missing & ~is_negative)
    distinct, first = np.unique(query[makers] * len(names) + right[makers], return_index=True)
    statement = np.sort(makers[first])
    repeated = np.setdiff1d(makers, statement)
    fates[repeated[~is_triple[repeated]]] = _FATE["same_pair"]
    fates[statement] = _FATE[KEPT]

    givers = np.flatnonzero(~missing & (is_negative | is_triple))
    wrong = np.where(is_triple, other, right)
    refuse = _Refusals(fates)
    givers = refuse(givers, ~np.isin(query[givers], query[statement]), "no_positive")
    givers = refuse(givers, empty[wrong[givers]], "empty_negative")
    offered = query * len(names) + wrong
    givers = refuse(givers, np.isin(offered[givers], distinct), "known_positive")
    repeats = np.ones(len(givers), bool)
    repeats[np.unique(offered[givers], return_index=True)[1]] = False
    kept = refuse(givers, repeats, "same_negative")
    order = np.lexsort((_shuffled(names[wrong[kept]], names[left[kept]], seed), query[kept]))
    kept = kept[order]
    chosen, bounds = _windows(query[kept], query[statement], _shuffled(names[right[statement]], 0, seed), most)
    used = np.zeros(len(kept), bool)
    used[chosen] = True
    fates[kept[used]] = _FATE[KEPT]
    unused = kept[~used]
    fates[unused[fates[unused] == 0]] = _FATE["not_sampled"]
    return Joined(statement, names[wrong[kept[chosen]]], bounds, fates)


@dataclass(frozen=True)
class _Refusals:
    """Gives statements that are left out their fate, unless they have one: a triple may have made a pair."""

    fates: np.ndarray

    def __call__(self, among: np.ndarray, which: np.ndarray, fate: str) -> np.ndarray:
        """The statements of `among` that stay."""
        lost = among[which]
        self.fates[lost[self.fates[lost] == 0]] = _FATE[fate]
        return among[~which]


def _windows(queries: np.ndarray, asking: np.ndarray, places: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pair, of query `asking[i]`, up to `most` consecutive entries of `queries` (sorted) that are its query's,
    from place ``places[i]`` on, round; and the bounds of each pair's entries."""
    begin = np.searchsorted(queries, asking, "left")
    there = np.searchsorted(queries, asking, "right") - begin
    takes = np.minimum(there, most)
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(takes)])
    pair = np.repeat(np.arange(len(asking)), takes)
    start = (places % np.maximum(there, 1).astype(np.uint64)).astype(np.int64)
    step = np.arange(len(pair)) - bounds[pair]
    return begin[pair] + (start[pair] + step) % there[pair], bounds


def _shuffled(keys: np.ndarray, within: np.ndarray | int, seed: int) -> np.ndarray:
    """Numbers that order keys at random, by seed."""
    salt = np.array([seed], np.int64).view(np.uint64)
    return fmix64(keys ^ fmix64(salt + fmix64(np.asarray(within, np.uint64) + salt)))
