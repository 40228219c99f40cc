"""The tests of a comparison: which labels, lengths and signals changed by more than chance, and how much.

The labels' counts are of all rows; p-values, lengths and signals come from the sampled rows of both sets. Lengths and
signals are tested kind by kind, so that a change of the kinds' shares is not taken for one of the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.audit.compared_rows import LABELS, LENGTHS, CompareConfig
from miners.audit.drift import (
    Feature,
    false_discoveries,
    group_p_values,
    holm,
    summary_of,
    value_bins,
    value_drift,
)

LEVEL = 0.05
DRIFT, LARGE_DRIFT = 0.1, 0.25
"""Of the population stability index: below the first nothing to speak of, from the second on another population
(Siddiqi, Credit Risk Scorecards, 2006)."""
LEAST_ROWS = 30
"""Signals that fewer sampled rows of a kind have, in either set, are not tested."""
CURVE_POINTS = 24
Entries = list[dict[str, Any]]


def tested_changes(
    labels: Entries, sample: pa.Table, other: pa.Table, config: CompareConfig
) -> tuple[Entries, Entries]:
    """The labels' entries with p-values, and an entry a kind and signal; all are corrected together.

    `p` is by groups, `p_holm` is that for as many tests, `q` the false discovery rate, `verdict` what follows.
    """
    both = pa.concat_tables([sample, other], promote_options="default").combine_chunks()
    of_other = np.arange(both.num_rows) >= sample.num_rows
    groups = _codes(both.column("group"))
    signals, features = _signal_figures(both, of_other)
    features = [_label_feature(both, entry["name"]) for entry in labels] + features
    entries = [*labels, *signals]
    ps = group_p_values(groups, of_other, features, config.seed, config.permutations)
    for entry, p, corrected, q in zip(entries, ps, holm(ps), false_discoveries(ps), strict=True):
        entry |= {"p": p, "p_holm": corrected, "q": q, "verdict": verdict(corrected, entry["psi"])}
    return labels, signals


def verdict(p: float, psi: float | None) -> str:
    """`same` where chance explains it, else by how far the populations are apart: `slight`, `drift`, `large drift`."""
    if p >= LEVEL or psi is None:
        return "same"
    return "slight" if psi < DRIFT else "drift" if psi < LARGE_DRIFT else "large drift"


def _label_feature(both: pa.Table, name: str) -> Feature:
    return Feature(_codes(both.column(name)), ordered=False)


def _signal_figures(both: pa.Table, of_other: np.ndarray) -> tuple[Entries, Sequence[Feature]]:
    names = [name for name in both.column_names if name not in {"key", "group", *LABELS}]
    kinds = np.array(both.column("kind").to_pylist(), object)
    entries: Entries = []
    features: list[Feature] = []
    for name in names:
        values = pc.fill_null(both.column(name).cast(pa.float64()), np.nan).to_numpy()
        for kind in sorted(set(kinds)):
            mine = np.where(kinds == kind, values, np.nan)
            known = ~np.isnan(mine)
            sides = mine[known & ~of_other], mine[known & of_other]
            if min(map(len, sides)) < LEAST_ROWS:
                continue
            entries.append({"kind": kind, "name": name, "unit": _unit(name), **_side_figures(*sides)})
            features.append(Feature(value_bins(mine), ordered=True))
    return entries, features


def _side_figures(values: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    points = np.unique(np.quantile(np.concatenate([values, other]), np.linspace(0, 1, CURVE_POINTS)))
    curves = [np.searchsorted(np.sort(side), points, side="right") / len(side) for side in (values, other)]
    return {
        "set": summary_of(values),
        "other": summary_of(other),
        **value_drift(values, other),
        "curve": [
            {"value": float(x), "share": float(a), "other_share": float(b)}
            for x, a, b in zip(points, *curves, strict=True)
        ],
    }


def _unit(name: str) -> str | None:
    """Of lengths; other signals have none."""
    return {"chars": "characters", "words": "words"}[name.split("_")[1]] if name in LENGTHS else None


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Names as numbers from 0; no name is one too."""
    return column.combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy().astype(np.int64)
