"""Arrays of shingle hashes, text after text: as they come, or as sets; what can be done with many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True, slots=True)
class ShingleRuns:
    """Shingle hashes of texts, as they come: of text i `hashes[offsets[i]:offsets[i + 1]]` (uint64, int64)."""

    hashes: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self.hashes[self.offsets[index] : self.offsets[index + 1]]

    def sizes(self) -> np.ndarray:
        """The number of shingles of each text."""
        return np.diff(self.offsets)


class ShingleSets(ShingleRuns):
    """Sets of shingle hashes: each run is sorted and distinct."""

    __slots__ = ()


def distinct(runs: ShingleRuns) -> ShingleSets:
    """The runs as sets."""
    hashes, sizes = _sorted_distinct(runs.hashes.copy(), runs.sizes())
    return ShingleSets(hashes, _offsets(sizes))


def concatenate_runs(parts: Sequence[ShingleRuns]) -> ShingleRuns:
    """The runs of all parts, one part after another."""
    sizes = [part.sizes() for part in parts]
    hashes = [part.hashes for part in parts]
    return as_runs(np.concatenate([np.zeros(0, np.uint64), *hashes]), np.concatenate([np.zeros(0, int), *sizes]))


def join_runs(left: ShingleRuns, right: ShingleRuns) -> ShingleRuns:
    """Run i of the result is run i of both: the joint shingles of a pair from those of its sides."""
    pieces = [piece for both in zip(_pieces(left), _pieces(right), strict=True) for piece in both]
    return _chained(pieces, left.sizes() + right.sizes())


def take_runs(runs: ShingleRuns, indices: np.ndarray) -> ShingleRuns:
    """The runs at `indices`, in that order."""
    pieces = _pieces(runs)
    return _chained([pieces[i] for i in indices.tolist()], runs.sizes()[indices])


def merge_runs(parts: Sequence[tuple[ShingleRuns, np.ndarray]]) -> ShingleRuns:
    """The runs of all parts, each at its place among them all: a part comes with the places of its runs."""
    count = sum(len(runs) for runs, _ in parts)
    pieces, sizes = [np.zeros(0, np.uint64)] * count, np.zeros(count, np.int64)
    for runs, places in parts:
        sizes[places] = runs.sizes()
        for place, piece in zip(places.tolist(), _pieces(runs), strict=True):
            pieces[place] = piece
    return _chained(pieces, sizes)


def _pieces(runs: ShingleRuns) -> list[np.ndarray]:
    """Each run, without a copy."""
    return [runs.hashes[start:end] for start, end in pairwise(runs.offsets.tolist())]


def _chained(pieces: Sequence[np.ndarray], sizes: np.ndarray) -> ShingleRuns:
    """Runs of copied slices: a slice costs less than an index for each hash."""
    return as_runs(np.concatenate([np.zeros(0, np.uint64), *pieces]), sizes)


def as_runs(hashes: np.ndarray, sizes: np.ndarray) -> ShingleRuns:
    """Runs of these sizes."""
    return ShingleRuns(hashes, _offsets(sizes))


def _offsets(sizes: np.ndarray) -> np.ndarray:
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def positions(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The positions starts[i], starts[i] + 1, … of each run i, one run after another."""
    ends = np.cumsum(sizes)
    return np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)


def _sorted_distinct(hashes: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorts each run in place, drops repeats within a run; returns the hashes and the runs' new sizes."""
    ends = np.cumsum(sizes)
    for start, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True):
        if end - start > 1:
            hashes[start:end].sort()
    if not len(hashes):
        return hashes, sizes
    first = np.empty(len(hashes), bool)
    first[0] = True
    np.not_equal(hashes[1:], hashes[:-1], out=first[1:])
    first[(ends - sizes)[sizes > 0]] = True
    kept = np.concatenate([[0], np.cumsum(first)])
    return hashes[first], kept[ends] - kept[ends - sizes]
