"""The geometry of the report's charts: figures in, positions of bars, lines and ticks out; the template draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log2, log10
from typing import Any

WIDTH, HEIGHT = 520, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 8, 34
_INNER_WIDTH, _INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM


def histogram(bins: Sequence[Mapping[str, int]], total: int) -> dict[str, Any] | None:
    """Bars of equal width, one a bin, as high as the bin's share of `total`; None of nothing."""
    if not bins or not total:
        return None
    top = nice_ceiling(max(b["pairs"] for b in bins) / total)
    width = _INNER_WIDTH / len(bins)
    bars = []
    for i, b in enumerate(bins):
        share = b["pairs"] / total
        height = _INNER_HEIGHT * share / top
        bars.append(
            {
                "index": i,
                "x": round(LEFT + i * width + 0.5, 1),
                "y": round(TOP + _INNER_HEIGHT - height, 1),
                "width": round(max(width - 1, 1), 1),
                "height": round(height, 1),
                "range": str(b["from"]) if b["to"] - b["from"] == 1 else f"{b['from']:,}–{b['to'] - 1:,}",
                "share": share,
            }
        )
    step = max(1, -(-len(bins) // 8))
    x_ticks = [
        {"x": round(LEFT + i * width, 1), "label": f"{b['from']:,}"} for i, b in enumerate(bins) if i % step == 0
    ]
    return {"bars": bars, "x_ticks": x_ticks, "y_ticks": _share_ticks(top)}


def batch_curve(batches: Sequence[Mapping[str, float]], causes: Sequence[str]) -> dict[str, Any] | None:
    """One line a cause over batch sizes on a logarithmic axis; None of nothing."""
    if not batches:
        return None
    top = nice_ceiling(max(max(b[cause] for cause in causes) for b in batches) or 0.01)
    low, high = log2(batches[0]["batch"]), log2(batches[-1]["batch"])

    def at(batch: float, share: float) -> tuple[float, float]:
        x = LEFT + _INNER_WIDTH * (log2(batch) - low) / (high - low)
        return round(x, 1), round(TOP + _INNER_HEIGHT * (1 - share / top), 1)

    lines = []
    for cause in causes:
        points = [(*at(b["batch"], b[cause]), i) for i, b in enumerate(batches)]
        lines.append({"cause": cause, "path": " ".join(f"{x},{y}" for x, y, _ in points), "points": points})
    x_ticks = [{"x": at(b["batch"], 0)[0], "label": f"{b['batch']:,}"} for b in batches[::2]]
    return {"lines": lines, "x_ticks": x_ticks, "y_ticks": _share_ticks(top)}


def nice_ceiling(value: float) -> float:
    """The least of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `value`; at most 1 for shares of 1."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def _share_ticks(top: float) -> list[dict[str, Any]]:
    return [
        {"y": round(TOP + _INNER_HEIGHT * (1 - part), 1), "label": f"{top * part * 100:.4g} %"} for part in (0, 0.5, 1)
    ]
