"""Known false negatives in a batch: rows of one source that the trainer would have to mask from each other.

Rows i and j are known false negatives of each other when their anchor hashes, their positive hashes or their clusters
are equal, or the anchor hash of one is the positive hash of the other: two pairs (a, b) and (b, c) of one page.
A batch is drawn from one source. The chance that a row with m such partners among the n rows of its source
meets at least one in a batch of B distinct rows is the hypergeometric 1 − C(n−1−m, B−1) / C(n−1, B−1).

Measured on a random sample of rows, the mean of that is an unbiased estimate for any B up to the sample's size:
a random batch of a random sample is a random batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lgamma

import numpy as np

from miners.audit.hashing import combine

BATCHES = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)


@dataclass(frozen=True, slots=True)
class BatchRate:
    """What awaits a row in a batch of `batch` rows of its own source (of all of its rows where it has fewer)."""

    batch: int
    rows_hit: float
    """Share of rows that meet at least one known false negative in their batch."""
    per_row: float
    """Known false negatives that a row meets, on average."""


def partners(anchor: np.ndarray, positive: np.ndarray, cluster: np.ndarray) -> dict[str, np.ndarray]:
    """How many other rows each row is a known false negative of: by each cause alone, and by `any`.

    The columns are uint64 and belong to rows of one source; a row without a cluster has a value of its own.
    """
    same = anchor == positive
    first, second = np.minimum(anchor, positive), np.maximum(anchor, positive)
    sides = np.concatenate([anchor, positive[~same]])
    their_clusters = np.concatenate([cluster, cluster[~same]])
    both = combine(first, second)

    in_cluster = _copies(cluster)
    with_anchor, with_positive = _occurrences(sides, anchor), _occurrences(sides, positive)
    tagged = combine(sides, their_clusters)
    anchor_tagged = _occurrences(tagged, combine(anchor, cluster))
    positive_tagged = _occurrences(tagged, combine(positive, cluster))

    # Inclusion and exclusion over: holds my anchor's text, holds my positive's text, is of my cluster.
    two_sides = with_anchor + with_positive - _copies(both)
    union = two_sides + in_cluster - anchor_tagged - positive_tagged + _copies(combine(both, cluster))
    union = np.where(same, with_anchor + in_cluster - anchor_tagged, union)
    return {
        "any": union - 1,
        "same_anchor": _copies(anchor) - 1,
        "same_positive": _copies(positive) - 1,
        "same_cluster": in_cluster - 1,
    }


def hit_chance(m: np.ndarray, n: int, batch: int) -> np.ndarray:
    """The chance of each row to meet one of its `m` partners in a batch of `batch` of the `n` rows."""
    others, drawn = n - 1, min(batch, n) - 1
    if drawn <= 0:
        return np.zeros(len(m))
    distinct, inverse = np.unique(m, return_inverse=True)
    chances = np.array([_hit(int(k), others, drawn) for k in distinct])
    return chances[inverse]


def batch_rates(
    sources: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    rows: Mapping[str, int],
    cause: str = "any",
) -> list[BatchRate]:
    """The curve over batch sizes, sources weighed by their rows.

    `sources` holds the sampled rows' (anchor, positive, cluster) hashes, `rows` all rows of each source.
    """
    counted = {name: partners(*columns)[cause] for name, columns in sources.items() if len(columns[0])}
    return rates_of(counted, rows)


def rates_of(counted: Mapping[str, np.ndarray], rows: Mapping[str, int]) -> list[BatchRate]:
    """The curve from each source's partner counts."""
    total = sum(rows[name] for name in counted)
    curve = []
    for batch in BATCHES if total else ():
        hit = per_row = 0.0
        for name in sorted(counted):
            m, n, weight = counted[name], len(counted[name]), rows[name] / total
            size = min(batch, n, rows[name])
            hit += weight * float(hit_chance(m, n, size).mean())
            per_row += weight * float(m.mean()) * ((min(batch, rows[name]) - 1) / (n - 1) if n > 1 else 0.0)
        curve.append(BatchRate(batch, hit, per_row))
    return curve


def _hit(m: int, others: int, drawn: int) -> float:
    if m <= 0:
        return 0.0
    if drawn > others - m:
        return 1.0
    missed = lgamma(others - m + 1) + lgamma(others - drawn + 1) - lgamma(others - m - drawn + 1) - lgamma(others + 1)
    return -float(np.expm1(min(missed, 0.0)))


def _copies(values: np.ndarray) -> np.ndarray:
    """For each value, how often it occurs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[inverse]


def _occurrences(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted value, all of which occur, how often it occurs among `values`."""
    distinct, counts = np.unique(values, return_counts=True)
    return counts[np.searchsorted(distinct, wanted)]
