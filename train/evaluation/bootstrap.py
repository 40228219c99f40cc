"""Bootstrap intervals of means (Efron and Tibshirani 1993, the percentile interval), of queries or of whole groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95


def resampled_means(values: np.ndarray, seed: Sequence[int], groups: np.ndarray | None = None) -> np.ndarray:
    """Means of `RESAMPLES` samples with replacement: float64 of shape (RESAMPLES, columns).

    `values` has a row a query. With `groups` (an integer or string a query) whole groups are drawn, so that queries
    of one repository, which share their difficulty, do not pass for independent ones. The same `seed` (a few
    non-negative integers) and groups draw the same samples for every system, so that their means can be compared.
    """
    sums, counts = values, np.ones(len(values))
    if groups is not None:
        _, group_of = np.unique(groups, return_inverse=True)
        counts = np.bincount(group_of).astype(np.float64)
        sums = np.stack([np.bincount(group_of, weights=column) for column in values.T], axis=1)
    rng = np.random.default_rng(seed)
    units = len(sums)
    means = np.empty((RESAMPLES, values.shape[1]))
    for sample in range(RESAMPLES):
        drawn = np.bincount(rng.integers(0, units, units), minlength=units)
        means[sample] = drawn @ sums / (drawn @ counts)
    return means


def interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper end, a column each, of the central `LEVEL` of resampled means."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high
