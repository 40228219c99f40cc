"""How the values of a list of items become one number a metric: a mean, or what is no mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Summary = Callable[[np.ndarray], np.ndarray]
"""(items, columns) -> (metrics,)."""

MEAN = "mean"
CORRELATIONS = "correlations"
F1 = "F1"


def column_means(values: np.ndarray) -> np.ndarray:
    """The mean of each column."""
    return values.mean(0)


def correlations(values: np.ndarray) -> np.ndarray:
    """Spearman's (ties share their mean rank) and Pearson's correlation of the two columns, by scipy; 0 where a column
    is constant, for then nothing is known of the other."""
    from scipy.stats import rankdata

    def pearson(x: np.ndarray, y: np.ndarray) -> float:
        if not np.ptp(x) or not np.ptp(y):
            return 0.0
        x, y = x - x.mean(), y - y.mean()
        return float(x @ y / np.sqrt((x @ x) * (y @ y)))

    first, second = values.T
    return np.array([pearson(rankdata(first), rankdata(second)), pearson(first, second)])


def f1(values: np.ndarray) -> np.ndarray:
    """F1 of label 1; the columns are the true and the predicted label. 0 where neither holds a 1."""
    true, said = values.T == 1
    found = (true & said).sum()
    return np.array([2 * found / max(true.sum() + said.sum(), 1)])


SUMMARIES: dict[str, Summary] = {MEAN: column_means, CORRELATIONS: correlations, F1: f1}
"""By the names that results are written with, so that `--compare` can resample them again."""
