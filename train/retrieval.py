"""Exact retrieval, scored: blocks of a score matrix in, the rank of each query's right answer out, and the metrics.

Every rank is pessimistic: a wrong candidate whose score ties with the right one stands before it, and so does one
whose score is not a number. A model that gives every text the same embedding therefore ranks last, not first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from train.known_pairs import IndexPairs

TIE = 1e-6
"""Scores nearer than this are ties: two equal candidates may differ in the last bits of a float32 product."""

BLOCK_BYTES = 64 << 20
"""Bytes of float32 scores held at a time."""

METRICS = ("mrr", "recall@1", "recall@5", "recall@10", "ndcg@10")

ScoreBlock = Callable[[int, int], torch.Tensor]
"""(start, stop) of the queries -> a new float32 tensor of their scores against every candidate."""


class Relevance(Protocol):
    """What is known of each query's candidates."""

    def block(self, start: int, stop: int) -> tuple[IndexPairs, IndexPairs]:
        """The right candidates and those to leave out, as (query - start, candidate) indices."""
        ...


@dataclass(frozen=True)
class Ranks:
    """The outcome of one search under one relevance; an entry a query."""

    rank: np.ndarray
    """int64, from 1: the place of the best right candidate."""
    known: np.ndarray
    """int64: how many candidates are right or left out, so stand in nobody's way; at least 1."""


def ranks_of(score_block: ScoreBlock, queries: int, candidates: int, relevances: Sequence[Relevance]) -> list[Ranks]:
    """Ranks over all candidates under each of the relevances; scores are computed once, in blocks that fit.

    Raises ValueError for a query that has no right candidate: it has no rank.
    """
    step = max(1, BLOCK_BYTES // (4 * max(1, candidates)))
    parts: list[list[Ranks]] = [[] for _ in relevances]
    for start in range(0, queries, step):
        stop = min(queries, start + step)
        scores = score_block(start, stop)
        for relevance, found in zip(relevances, parts, strict=True):
            right, left_out = relevance.block(start, stop)
            missing = np.setdiff1d(np.arange(stop - start), right[0])
            if missing.size:
                raise ValueError(f"query {start + missing[0]} has no right candidate; leave it out of the queries")
            found.append(_block_ranks(scores.clone(), right, left_out))
    return [
        Ranks(np.concatenate([part.rank for part in found]), np.concatenate([part.known for part in found]))
        for found in parts
    ]


def _block_ranks(scores: torch.Tensor, right: IndexPairs, left_out: IndexPairs) -> Ranks:
    rows, columns = (torch.from_numpy(index).to(scores.device) for index in right)
    out_rows, out_columns = (torch.from_numpy(index).to(scores.device) for index in left_out)
    best = torch.full((len(scores),), -torch.inf, dtype=scores.dtype, device=scores.device)
    best.scatter_reduce_(0, rows, scores[rows, columns], "amax")
    scores[out_rows, out_columns] = -torch.inf
    scores[rows, columns] = -torch.inf
    # All but those below, rather than those at least as good: a NaN on either side then counts against the model.
    ahead = scores.shape[1] - count_true(scores < (best - TIE)[:, None])
    return Ranks(1 + ahead, count_true(scores == -torch.inf))


def count_true(mask: torch.Tensor) -> np.ndarray:
    """The true cells of each row, int64; numpy counts them ten times faster than torch does on a CPU."""
    return np.count_nonzero(mask.numpy(), axis=1) if mask.device.type == "cpu" else mask.sum(1).cpu().numpy()


def cosine_blocks(queries: np.ndarray, candidates: np.ndarray, device: str = "cpu") -> ScoreBlock:
    """Cosine similarities of embeddings (float32, a row a text) by float32 matrix products; a zero row scores 0."""
    q = torch.nn.functional.normalize(torch.from_numpy(queries).to(device), dim=1)
    c = torch.nn.functional.normalize(torch.from_numpy(candidates).to(device), dim=1)
    return lambda start, stop: q[start:stop] @ c.T


def metric_values(ranks: np.ndarray) -> np.ndarray:
    """One row a query and one column a metric of `METRICS`, from ranks that start at 1.

    A query has one right answer (copies of it count as it), so the ideal DCG is 1 and recall@k is 0 or 1.
    nDCG: Järvelin and Kekäläinen 2002, with log2(rank + 1).
    """
    gain = 1 / np.log2(ranks + 1)
    columns = [1 / ranks, ranks <= 1, ranks <= 5, ranks <= 10, np.where(ranks <= 10, gain, 0.0)]
    return np.stack(columns, axis=1).astype(np.float64)
