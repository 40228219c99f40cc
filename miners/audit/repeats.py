"""Repeats of pairs, anchors, positives and groups: how many, how often, and which ones most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from miners.audit.place import Place
from miners.audit.summary import Summary
from miners.audit.value_counts import ValueCounts
from schemas.pair import SPLITS

TOP = 10


@dataclass(frozen=True, slots=True)
class Top:
    """One value that occurs often: its rows (an estimate where the set is sampled), and a row that has it."""

    rows: int
    place: Place


def top_values(rows: np.ndarray, values: np.ndarray, rate: float, least: int = 2) -> list[Top]:
    """The `TOP` most frequent of the rows' `values` with at least `least` sampled rows, most frequent first."""
    distinct, first, counts = np.unique(values, return_index=True, return_counts=True)
    order = np.lexsort((distinct, -counts))[:TOP]
    tops = []
    for i in order:
        if counts[i] >= least:
            row = rows[first[i]]
            place = Place(int(row["key"]), int(row["file"]), int(row["row"]))
            tops.append(Top(round(int(counts[i]) / rate), place))
    return tops


def repeat_figures(counts: ValueCounts, rows: int) -> dict[str, Any]:
    """Distinct values, and the rows that repeat one; of a share of the values, scaled up to `rows`.

    `extra` rows would go if one row of each value were kept; `repeated_rows` share their value with another row.
    """
    each = counts.rows_of_each()
    seen = int(each.sum())
    scale = 1.0 if counts.rate >= 1 or not seen else rows / seen
    repeated = each[each > 1]
    return {
        "distinct": round(len(each) * scale),
        "extra": round((seen - len(each)) * scale),
        "extra_share": (seen - len(each)) / seen if seen else 0.0,
        "repeated_rows": round(int(repeated.sum()) * scale),
        "repeated_share": int(repeated.sum()) / seen if seen else 0.0,
        "largest": int(each.max()) if seen else 0,
        "copies": [
            {"from": low, "to": high, "values": round(n * scale), "rows": round(held * scale)}
            for low, high, n, held in _copies(each)
        ],
    }


def shared_between_splits(summary: Summary) -> dict[str, int]:
    """Groups, and texts of either side, that occur in more than one split; sampled counts are scaled up."""
    shared = {}
    for name, parts in {"groups": ("group",), "sides": ("anchor", "positive")}.items():
        both = ValueCounts(1.0, len(SPLITS))
        for part in parts:
            both.merge(summary.counts_of(part))
        both.compact()
        n = int(((both.counts > 0).sum(axis=1) > 1).sum()) if len(both.values) else 0
        shared[name] = round(n / summary.config.rate)
    return shared


def cluster_figures(summary: Summary) -> dict[str, Any] | None:
    """Clusters of near-duplicates that were left together; None before dedupe, and of a sampled set."""
    if not summary.clustered or summary.config.rate < 1:
        return None
    clusters = summary.counts_of("cluster")
    counts = clusters.rows_of_each()
    shared = counts[counts > 1]
    return {
        "shared": len(shared),
        "rows": int(shared.sum()),
        "rows_share": int(shared.sum()) / summary.rows,
        "largest": int(counts.max()),
        "in_several_splits": int(((clusters.counts > 0).sum(axis=1) > 1).sum()),
    }


def _copies(each: np.ndarray) -> list[tuple[int, int, int, int]]:
    """(from, to, values, rows) for 1, 2, 3–4, 5–8, … copies; `to` is inclusive."""
    bands = []
    low = high = 1
    while len(each) and low <= each.max():
        inside = each[(each >= low) & (each <= high)]
        bands.append((low, high, len(inside), int(inside.sum())))
        low, high = high + 1, high * 2
    return bands
