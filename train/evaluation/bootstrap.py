"""Bootstrap intervals (Efron and Tibshirani 1993, the percentile interval), of items or of whole groups of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from train.evaluation.measured import MeanOf, Measured
from train.evaluation.summaries import MEAN, SUMMARIES

RESAMPLES = 1000
LEVEL = 0.95


def resampled_means(values: np.ndarray, seed: Sequence[int], groups: np.ndarray | None = None) -> np.ndarray:
    """Means of `RESAMPLES` samples with replacement: float64 of shape (RESAMPLES, columns).

    `values` has a row an item. With `groups` (an integer or string an item) whole groups are drawn, so that queries
    of one repository, which share their difficulty, do not pass for independent ones. The same `seed` (a few
    non-negative integers) and groups draw the same samples for every system, so that their means can be compared.
    """
    sums, counts = values, np.ones(len(values))
    if groups is not None:
        _, group_of = np.unique(groups, return_inverse=True)
        counts = np.bincount(group_of).astype(np.float64)
        sums = np.stack([np.bincount(group_of, weights=column) for column in values.T], axis=1)
    means = np.empty((RESAMPLES, values.shape[1]))
    for sample, drawn in enumerate(_draws(len(sums), seed)):
        times = np.bincount(drawn, minlength=len(sums))
        means[sample] = times @ sums / (times @ counts)
    return means


def resampled(measured: Measured | MeanOf, seed: int, by_group: bool) -> np.ndarray | None:
    """The summaries of `RESAMPLES` samples of the items, or of whole groups: float64 of shape (RESAMPLES, metrics).

    Lists of a mean are drawn apart, and by their items where they have no two groups and others have. None where there
    is nothing to draw from: one item, or no two groups.
    """
    if isinstance(measured, MeanOf):
        parts = [resampled(part, seed, by_group) for part in measured.parts]
        if by_group and any(part is not None for part in parts):
            again = zip(parts, measured.parts, strict=True)
            parts = [resampled(one, seed, by_group=False) if part is None else part for part, one in again]
        whole = [part for part in parts if part is not None]
        return np.mean(whole, axis=0) if len(whole) == len(parts) else None
    if len(measured.items) < 2 or (by_group and not _has_groups(measured)):
        return None
    groups = measured.groups.astype(str) if by_group and measured.groups is not None else None
    draw = [seed, zlib.crc32(f"{measured.data}\n{measured.part}".encode())]
    if measured.summary == MEAN:
        return resampled_means(measured.values, draw, groups)
    return _resampled_summaries(measured, draw, groups)


def _has_groups(measured: Measured) -> bool:
    return measured.groups is not None and len(np.unique(measured.groups.astype(str))) > 1


def _resampled_summaries(measured: Measured, seed: Sequence[int], groups: np.ndarray | None) -> np.ndarray:
    """For what is no mean: the summary of each sample, made from its items again."""
    summarise, values = SUMMARIES[measured.summary], measured.values
    if groups is None:
        return np.stack([summarise(values[drawn]) for drawn in _draws(len(values), seed)])
    group_of = np.unique(groups, return_inverse=True)[1]
    order = np.argsort(group_of, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(group_of[order])) + 1)
    samples = (np.concatenate([members[group] for group in drawn]) for drawn in _draws(len(members), seed))
    return np.stack([summarise(values[sample]) for sample in samples])


def _draws(units: int, seed: Sequence[int]) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield rng.integers(0, units, units)


def interval(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper end, a column each, of the central `LEVEL` of resampled means."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high
