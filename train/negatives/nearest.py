"""Exact search: the best candidates of each query by inner product, with some left out of each query's list.

Scores are float32. Equal scores stand in the order of the candidates, so that the result does not depend on how the
work was cut. Candidates are read in tiles; memory is a tile of scores, whatever their number.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from train.known_pairs import IndexPairs
from train.retrieval import count_true

INDEXES = ("blocks", "faiss")
"""How vectors are searched: `BlockSearch` or `FaissSearch`. Both are exact."""

TILE, DEVICE_TILE = 2048, 32_768
"""Candidates scored at a time: with 4,096 queries 32 MB of scores, and 512 MB on a GPU."""

ReadVectors = Callable[[int, int], np.ndarray]
"""(start, stop) of the candidates -> their vectors, float32."""


@dataclass(frozen=True)
class Found:
    """A row a query, best first; -1 and minus infinity where there is no further candidate."""

    candidates: np.ndarray
    scores: np.ndarray


def check_index(index: str) -> None:
    """ValueError for faiss where the library is not installed."""
    if index == "faiss" and importlib.util.find_spec("faiss") is None:
        raise ValueError("--index faiss needs the faiss library: pip install 'pairmill[faiss]'")


def tile_size(device: str) -> int:
    """Candidates that `BlockSearch` scores at a time."""
    return TILE if torch.device(device).type == "cpu" else DEVICE_TILE


class BlockSearch:
    """Matrix products tile by tile; only scores above a query's worst kept one are looked at."""

    def __init__(self, read: ReadVectors, candidates: int, device: str = "cpu") -> None:
        self._read, self._candidates, self._device = read, candidates, device
        self.tile = tile_size(device)

    @torch.inference_mode()
    def best(self, queries: np.ndarray, left_out: IndexPairs, count: int) -> Found:
        """The `count` best candidates of each query but those left out: (query, candidate) pairs."""
        kept = _Kept(len(queries), count)
        above = torch.empty(len(queries), self.tile, device=self._device, dtype=torch.bool)
        for start, scores in self._tiles(queries, left_out):
            size = scores.shape[1]
            if not start:
                kept.raise_floor(_lowest_of_best(scores, count))
            floor = torch.from_numpy(kept.floor).to(self._device)[:, None]
            hits = _places(torch.gt(scores, floor, out=above) if size == self.tile else scores > floor)
            values = scores.reshape(-1)[torch.from_numpy(hits).to(self._device)].cpu().numpy()
            kept.add(hits // size, hits % size + start, values)
        return kept.result()

    @torch.inference_mode()
    def ahead(self, queries: np.ndarray, left_out: IndexPairs, limits: np.ndarray) -> np.ndarray:
        """How many candidates of each query but those left out do not score less than its limit, int64."""
        floor = torch.from_numpy(limits.astype(np.float32)).to(self._device)[:, None]
        found = np.zeros(len(queries), np.int64)
        for _, scores in self._tiles(queries, left_out):
            # All but those below, rather than those at least as good: what is not a number counts against the model.
            found += scores.shape[1] - count_true(scores < floor)
        return found

    def _tiles(self, queries: np.ndarray, left_out: IndexPairs) -> Iterator[tuple[int, torch.Tensor]]:
        """(first candidate, scores of all queries) tile by tile; what is left out scores minus infinity."""
        vectors = torch.from_numpy(queries).to(self._device)
        by_candidate = np.argsort(left_out[1], kind="stable")
        rows, columns = left_out[0][by_candidate], left_out[1][by_candidate]
        buffer = torch.empty(len(queries), self.tile, device=self._device)
        for start in range(0, self._candidates, self.tile):
            stop = min(self._candidates, start + self.tile)
            tile = torch.from_numpy(self._read(start, stop)).to(self._device)
            whole = stop - start == self.tile
            scores = buffer if whole else torch.empty(len(queries), stop - start, device=self._device)
            torch.mm(vectors, tile.T, out=scores)
            first, last = np.searchsorted(columns, [start, stop])
            cells = rows[first:last], columns[first:last] - start
            scores[tuple(torch.from_numpy(index).to(self._device) for index in cells)] = -torch.inf
            yield start, scores


class _Kept:
    """The best candidates of each query so far; what comes in is merged when it is as much as what is kept."""

    def __init__(self, queries: int, count: int) -> None:
        self._queries, self._count = queries, count
        none = np.zeros(0, np.int64)
        self._best = none, none, np.zeros(0, np.float32)
        self._waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._waiting_cells = 0
        self.floor = np.full(queries, -np.inf, np.float32)
        """Only a candidate with a higher score can be among the best of a query."""

    def raise_floor(self, floor: np.ndarray) -> None:
        """At least `count` candidates of each query score `floor` or more, and those are still to be added."""
        self.floor = np.nextafter(floor, -np.inf, dtype=np.float32)

    def add(self, queries: np.ndarray, candidates: np.ndarray, scores: np.ndarray) -> None:
        """Take candidates in that come after all before them; of one query in ascending order."""
        self._waiting.append((queries, candidates, scores))
        self._waiting_cells += len(queries)
        if self._waiting_cells >= self._queries * self._count:
            self._merge()

    def result(self) -> Found:
        """The best of all that was added."""
        self._merge()
        queries, candidates, scores = self._best
        found = Found(
            np.full((self._queries, self._count), -1, np.int64),
            np.full((self._queries, self._count), -np.inf, np.float32),
        )
        within = _places_within(queries)
        found.candidates[queries, within], found.scores[queries, within] = candidates, scores
        return found

    def _merge(self) -> None:
        queries, candidates, scores = (np.concatenate(parts) for parts in zip(self._best, *self._waiting, strict=True))
        self._waiting, self._waiting_cells = [], 0
        order = np.argsort((queries << 32) | _descending(scores), kind="stable")
        queries, candidates, scores = queries[order], candidates[order], scores[order]
        within = _places_within(queries)
        full = within == self._count - 1
        self.floor[queries[full]] = np.maximum(self.floor[queries[full]], scores[full])
        best = within < self._count
        self._best = queries[best], candidates[best], scores[best]


class FaissSearch:
    """The faiss library's exact flat index. It holds all candidates in memory, which `BlockSearch` does not."""

    def __init__(self, read: ReadVectors, candidates: int, dimension: int) -> None:
        import faiss

        self._candidates = candidates
        self._index = faiss.IndexFlatIP(dimension)
        for start in range(0, candidates, DEVICE_TILE):
            self._index.add(read(start, min(candidates, start + DEVICE_TILE)))

    def best(self, queries: np.ndarray, left_out: IndexPairs, count: int) -> Found:
        """See `BlockSearch.best`. faiss is asked for as many more as have to be left out, for like queries together."""
        found = Found(np.full((len(queries), count), -1, np.int64), np.full((len(queries), count), -np.inf, np.float32))
        cells = np.sort(left_out[0] * self._candidates + left_out[1])
        more = np.bincount(left_out[0], minlength=len(queries))
        for size in np.unique(np.ceil(np.log2(more + 1))):
            rows = np.flatnonzero(np.ceil(np.log2(more + 1)) == size)
            wanted = min(self._candidates, count + int(more[rows].max()))
            scores, places = self._index.search(queries[rows], wanted)
            kept = places >= 0
            kept &= ~np.isin(rows[:, None] * self._candidates + places, cells)
            order = np.lexsort((places, -scores, ~kept))[:, :count]
            for whole, part, empty in ((found.candidates, places, -1), (found.scores, scores, -np.inf)):
                values = np.where(kept, part, empty)
                whole[rows, : order.shape[1]] = np.take_along_axis(values, order, 1)
        return found


def _lowest_of_best(scores: torch.Tensor, count: int) -> np.ndarray:
    """The `count`-th best score of each row; minus infinity where there are fewer."""
    if scores.shape[1] < count:
        return np.full(len(scores), -np.inf, np.float32)
    return torch.topk(scores, count, dim=1, sorted=True).values[:, -1].cpu().numpy()


def _places(mask: torch.Tensor) -> np.ndarray:
    """Indices of the true cells, in order; numpy finds few among many ten times faster than torch does on a CPU."""
    flat = mask.reshape(-1)
    return np.flatnonzero(flat.numpy()) if flat.device.type == "cpu" else flat.nonzero()[:, 0].cpu().numpy()


def _descending(scores: np.ndarray) -> np.ndarray:
    """Unsigned 32-bit keys, as int64, that ascend as the scores descend."""
    bits = (scores + np.float32(0)).view(np.int32).astype(np.int64)  # + 0: minus zero is zero
    return np.where(bits < 0, bits + (1 << 32), (1 << 31) - 1 - bits)


def _places_within(sorted_keys: np.ndarray) -> np.ndarray:
    """How many equal keys stand before each one."""
    first = np.searchsorted(sorted_keys, sorted_keys)
    return np.arange(len(sorted_keys)) - first
