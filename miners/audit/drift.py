"""How far two distributions are apart, and whether chance explains it: measures of drift and tests of significance.

The tests by scipy take every row for a draw of its own. Rows of one domain or repository are not: they were written
alike, and come and go together. `group_p_values` therefore draws groups: under the hypothesis that nothing changed, a
group's rows could as well have come from the other set, so the rows of each group change sides together (those of a
group in both sets are swapped, the others dealt anew), and the statistic is held against what that gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse, stats
from scipy.spatial.distance import jensenshannon

LEAST_EXPECTED = 5
"""Labels that would be expected more rarely are one for the test: below, chi-square is no good (Cochran 1954)."""
_BINS = 256
_PSI_BINS = 10
_BLOCK = 128


def category_drift(rows: np.ndarray, other: np.ndarray) -> dict[str, float | None]:
    """Two sets' rows by label: chi-square with Cramér's V, the Jensen–Shannon divergence in bits, and PSI.

    `p_rows` takes every row for a draw of its own. None where one of the sets is empty.
    """
    if not rows.sum() or not other.sum():
        return dict.fromkeys(("chi_square", "cramers_v", "p_rows", "jensen_shannon", "psi"))
    table = _lumped(np.stack([rows, other]).astype(np.float64))
    p, chi_square = 1.0, 0.0
    if table.shape[1] > 1:
        found = stats.chi2_contingency(table, correction=False)
        p, chi_square = float(found.pvalue), float(found.statistic)
    return {
        "chi_square": chi_square,
        "cramers_v": math.sqrt(chi_square / table.sum()),
        "p_rows": p,
        "jensen_shannon": divergence(rows, other),
        "psi": stability_index(rows, other),
    }


def value_drift(values: np.ndarray, other: np.ndarray) -> dict[str, float | None]:
    """Two sets' values: Kolmogorov–Smirnov, Cliff's delta, Wasserstein in the values' unit, Jensen–Shannon and PSI.

    Cliff's delta, from Mann and Whitney's U, is the chance that a value of the set is above one of the other, less the
    chance that it is below. None where one of the sets has no values.
    """
    if not len(values) or not len(other):
        return dict.fromkeys(("ks", "cliffs_delta", "p_rows", "wasserstein", "jensen_shannon", "psi"))
    ks = stats.ks_2samp(values, other, method="asymp")
    u = stats.mannwhitneyu(values, other, method="asymptotic").statistic
    edges = np.unique(np.quantile(other, np.linspace(0, 1, _PSI_BINS + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(edges, v, side="right"), minlength=len(edges) + 1) for v in (values, other)]
    return {
        "ks": float(ks.statistic),
        "cliffs_delta": float(2 * u / (len(values) * len(other)) - 1),
        "p_rows": float(ks.pvalue),
        "wasserstein": float(stats.wasserstein_distance(values, other)),
        "jensen_shannon": divergence(*counts),
        "psi": stability_index(*counts),
    }


def divergence(rows: np.ndarray, other: np.ndarray) -> float:
    """The Jensen–Shannon divergence in bits: 0 for equal shares, 1 for sets that have no label in common."""
    return max(0.0, float(jensenshannon(rows, other, base=2)) ** 2)


def stability_index(rows: np.ndarray, other: np.ndarray) -> float:
    """The population stability index, Σ (p − q) ln(p/q), with half a row added everywhere so that it is finite."""
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (rows.astype(np.float64), other.astype(np.float64)))
    return float(((p - q) * np.log(p / q)).sum())


@dataclass(frozen=True)
class Feature:
    """What a sampled row may have: its bin, from 0, or -1 for none; `ordered` bins are of values, others labels."""

    bins: np.ndarray
    ordered: bool


def value_bins(values: np.ndarray) -> np.ndarray:
    """The bins of values (NaN: none) for `Feature`, as fine as 256 of equal numbers of rows."""
    known = ~np.isnan(values)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _BINS + 1)[1:-1])) if known.any() else []
    return np.where(known, np.searchsorted(edges, values, side="right"), -1)


def group_p_values(
    groups: np.ndarray, of_other: np.ndarray, features: Sequence[Feature], seed: int, permutations: int
) -> list[float]:
    """The p-value of each feature's difference between the sets, with the group as what chance moves.

    An entry a sampled row: `groups`, the number of its group from 0, and `of_other`, whether it is of the other set.
    The statistic is Kolmogorov–Smirnov's distance of ordered bins, else chi-square.
    """
    if not len(groups):
        return [1.0] * len(features)
    rng, count = np.random.default_rng(seed), int(groups.max()) + 1
    inside = [np.bincount(groups[side], minlength=count) > 0 for side in (~of_other, of_other)]
    shared, single = np.flatnonzero(inside[0] & inside[1]), np.flatnonzero(inside[0] ^ inside[1])
    counted = [_Counted(feature, groups, of_other, count) for feature in features]
    extreme = np.zeros(len(features), np.int64)
    for start in range(0, permutations, _BLOCK):
        size = min(_BLOCK, permutations - start)
        swaps = np.zeros((count, size), np.float32)
        swaps[shared] = rng.integers(0, 2, (len(shared), size))
        dealt = rng.permuted(np.tile(inside[1][single], (size, 1)), axis=1).T
        swaps[single] = dealt != inside[1][single, None]
        extreme += [one.as_extreme(swaps) for one in counted]
    return [float(n) for n in (1 + extreme) / (1 + permutations)]


class _Counted:
    """A feature's rows by bin and group, and its statistic when groups change sides."""

    def __init__(self, feature: Feature, groups: np.ndarray, of_other: np.ndarray, count: int) -> None:
        self._ordered = feature.ordered
        known = feature.bins >= 0
        shape = (int(feature.bins.max(initial=0)) + 1, count)
        cells = feature.bins[known], groups[known]
        both = sparse.csr_matrix((np.where(of_other[known], 1.0, -1.0).astype(np.float32), cells), shape=shape)
        self._moved = both
        self._set = np.bincount(cells[0][~of_other[known]], minlength=shape[0]).astype(np.float64)
        self._total = np.bincount(cells[0], minlength=shape[0]).astype(np.float64)
        self._observed = float(self._statistic(self._set[:, None])[0])

    def as_extreme(self, swaps: np.ndarray) -> int:
        """How many of the columns of `swaps` (groups that change sides) give a statistic as large as the true one."""
        return int((self._statistic(self._set[:, None] + self._moved @ swaps) >= self._observed - 1e-9).sum())

    def _statistic(self, of_set: np.ndarray) -> np.ndarray:
        total = self._total[:, None]
        n, all_rows = of_set.sum(0), self._total.sum()
        size, rest = np.maximum(n, 1), np.maximum(all_rows - n, 1)
        if self._ordered:
            return np.abs(np.cumsum(of_set / size - (total - of_set) / rest, axis=0)).max(0, initial=0.0)
        expected = total * n / max(all_rows, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = (of_set - expected) ** 2 * (1 / expected + 1 / (total - expected))
        return np.nan_to_num(parts, posinf=0.0).sum(0)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for being so many (Holm 1979): the chance of any false alarm stays below the level."""
    order, worst = np.argsort(p_values, kind="stable"), 0.0
    corrected = [0.0] * len(p_values)
    for place, i in enumerate(order.tolist()):
        worst = max(worst, min(1.0, p_values[i] * (len(p_values) - place)))
        corrected[i] = worst
    return corrected


def false_discoveries(p_values: Sequence[float]) -> list[float]:
    """The same by Benjamini and Hochberg (1995): the share of false alarms among the alarms stays below the level."""
    return [float(q) for q in stats.false_discovery_control(p_values)] if len(p_values) else []


def _lumped(table: np.ndarray) -> np.ndarray:
    """The table with the labels that are too rare for the test as one."""
    expected = table.sum(0) * table.sum(1).min() / table.sum()
    rare = expected < LEAST_EXPECTED
    if not rare.any():
        return table
    lumped = np.concatenate([table[:, ~rare], table[:, rare].sum(1, keepdims=True)], axis=1)
    return lumped[:, lumped.sum(0) > 0]


def summary_of(values: np.ndarray) -> dict[str, Any]:
    """Number, mean and quartiles; None where there are no values."""
    names = ("p25", "median", "p75")
    if not len(values):
        return {"rows": 0, "mean": None, **dict.fromkeys(names)}
    quantiles = np.quantile(values, [0.25, 0.5, 0.75])
    return {"rows": len(values), "mean": float(values.mean()), **dict(zip(names, map(float, quantiles), strict=True))}
