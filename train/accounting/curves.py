"""loss.png: the curves of a run, drawn from its metrics, where the package matplotlib is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

NAME = "loss.png"
MISSING = f"the package matplotlib is not installed, so the model's folder has no {NAME}; metrics.jsonl has the figures"
_SMOOTHED_OVER = 50
"""Parts of a run, each of whose means is a point of the smooth line."""


def draw_curves(lines: Iterable[Mapping[str, Any]], target: Path) -> str:
    """Writes the picture of a run's metrics; returns what is missing where it cannot, else nothing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return MISSING
    lines = list(lines)
    steps, scores = [line for line in lines if "loss" in line], [line for line in lines if "eval" in line]
    if not steps:
        return ""
    figure = Figure(figsize=(9, 7), layout="constrained")
    loss, accuracy, temperature, rate = figure.subplots(2, 2, sharex=True).ravel()
    for name, panel in (("loss", loss), ("accuracy", accuracy)):
        for source in sorted({line["source"] for line in steps}):
            own = [line for line in steps if line["source"] == source and line.get(name) is not None]
            _smooth(panel, own, name, source)
    loss.set(title="loss, by source", yscale="log")
    accuracy.set(title="in-batch accuracy, by source; validation MRR dashed", ylim=(0, 1))
    if scores:
        accuracy.plot([s["step"] for s in scores], [s["eval"]["mrr"] for s in scores], "k--", label="validation MRR")
    accuracy.legend(fontsize="small")
    for name, panel in (("temperature", temperature), ("learning_rate", rate)):
        panel.plot([line["step"] for line in steps], [line[name] for line in steps])
        panel.set(title=name.replace("_", " "), xlabel="step")
    figure.savefig(target, dpi=110)
    return ""


def _smooth(panel: object, lines: list[dict], name: str, label: str) -> None:
    """Every value faintly, and the means of consecutive parts of the run."""
    at, values = np.array([line["step"] for line in lines]), np.array([line[name] for line in lines])
    (faint,) = panel.plot(at, values, alpha=0.25, linewidth=0.8)
    parts = np.array_split(np.arange(len(at)), min(_SMOOTHED_OVER, len(at)))
    panel.plot([at[p].mean() for p in parts], [values[p].mean() for p in parts], color=faint.get_color(), label=label)
