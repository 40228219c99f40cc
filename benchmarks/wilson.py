"""The interval of a share that was counted, as the benchmarks print it."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Wilson's 95 % interval of part / whole; all there is where nothing was counted."""
    if not whole:
        return 0.0, 1.0
    interval = binomtest(part, whole).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
