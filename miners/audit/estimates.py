"""A share that was counted in a seeded sample of rows: the share, how many rows were looked at, and its interval."""

from __future__ import annotations

from math import sqrt
from typing import Any

Z95 = 1.959964
"""Of the standard normal distribution, 95 % lies within so many deviations."""


def share_figures(rows: int, looked_at: int, total: int) -> dict[str, Any]:
    """`rows` of the `looked_at` had it; `total` rows were there to draw from.

    `share` with its 95 % interval (Wilson 1927; None where every row was looked at), and `estimated`, the rows that
    it makes of the total.
    """
    share = rows / looked_at if looked_at else 0.0
    return {
        "rows": rows,
        "looked_at": looked_at,
        "share": share,
        "interval": None if looked_at >= total else list(wilson(rows, looked_at)),
        "estimated": rows if looked_at >= total else round(share * total),
    }


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share by E. B. Wilson's score (1927); the whole range where nothing was drawn."""
    if not n:
        return 0.0, 1.0
    share, square = hits / n, Z95 * Z95
    middle = (share + square / (2 * n)) / (1 + square / n)
    margin = Z95 * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    low = 0.0 if hits == 0 else max(0.0, middle - margin)
    return low, 1.0 if hits == n else min(1.0, middle + margin)
