"""The report's charts as Plotly's data and layout; the page's script draws them. Colours are names of its style sheet.

Labels may be anybody's text, and Plotly reads markup in them: they are escaped here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markupsafe import Markup

from train.report.inputs import Run
from train.report.tables import Ablation

COLORS = ("--accent", "--accent2", "--accent3", "--accent4")
MOST_POINTS = 60
"""Of a line: steps of different sources have losses far apart, which only means over several show as a curve."""
FEWEST_ITEMS = 100
"""Of a part that gets a line in the chart of batch sizes; the table has those with fewer too."""


@dataclass(frozen=True)
class Chart:
    """One chart, and what it shows in words."""

    alt: str
    traces: Sequence[dict[str, Any]]
    layout: dict[str, Any]

    def __html__(self) -> str:
        """The element that the script draws in, with its data beside it as JSON that nothing can close."""
        data = json.dumps({"data": self.traces, "layout": self.layout}, ensure_ascii=False, separators=(",", ":"))
        inert = Markup(data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
        return Markup(
            '<figure class="chart"><div class="plot" role="img" aria-label="{}"></div>'
            '<script type="application/json">{}</script></figure>'
        ).format(self.alt, inert)


def batch_chart(ablation: Ablation) -> Chart:
    """Scores of one test over the batch size on a doubling axis, a line a part, with their intervals."""
    parts = [i for i, items in enumerate(ablation.items) if items >= FEWEST_ITEMS] or range(len(ablation.parts))
    traces = []
    for color, i in enumerate(parts):
        points = [(line.run.batch, cell) for line in ablation.lines if (cell := line.cells[i]) is not None]
        cells = [cell for _, cell in points]
        spread = {
            "type": "data",
            "symmetric": False,
            "array": [(cell.value if cell.high is None else cell.high) - cell.value for cell in cells],
            "arrayminus": [cell.value - (cell.value if cell.low is None else cell.low) for cell in cells],
            "thickness": 1,
        }
        batches, values = [batch for batch, _ in points], [cell.value for cell in cells]
        traces.append(_line(color, ablation.parts[i], batches, values, "lines+markers") | {"error_y": spread})
    batches = sorted({line.run.batch for line in ablation.lines})
    x_axis = {
        "title": {"text": "pairs in a batch"},
        "type": "log",
        "tickvals": batches,
        "ticktext": [f"{batch:,}" for batch in batches],
    }
    y_axis = {"title": {"text": escape(ablation.metric)}, "tickformat": ".0%"}
    return Chart(f"{ablation.metric} over the batch size", traces, {"xaxis": x_axis, "yaxis": y_axis})


def loss_chart(runs: Sequence[Run]) -> Chart | None:
    """The loss of each run over its steps."""
    traces = [
        _line(i, run.folder.name, *_thinned(run.losses), "lines") for i, run in enumerate(runs) if len(run.losses) > 1
    ]
    return _over_steps("Loss over steps", "loss", traces, ".3~g", runs) if traces else None


def score_charts(runs: Sequence[Run]) -> list[Chart]:
    """A chart for each validation metric, a line a run."""
    metrics = dict.fromkeys(metric for run in runs for metric in run.scores)
    return [
        _over_steps(
            f"Validation {metric} over steps",
            f"validation {metric}",
            [
                _line(i, run.folder.name, *_thinned(run.scores[metric]), "lines+markers")
                for i, run in enumerate(runs)
                if metric in run.scores
            ],
            ".3~g",
            runs,
        )
        for metric in metrics
    ]


def pairs_charts(runs: Sequence[Run]) -> list[Chart]:
    """The first validation metric over the pairs seen, where the runs' batches differ: their steps are no measure."""
    metric = next((metric for run in runs for metric in run.scores), None)
    if metric is None or len({run.batch for run in runs}) < 2:
        return []
    traces = [
        _line(
            i,
            run.folder.name,
            *_thinned([(run.seen[step], score) for step, score in run.scores[metric] if step in run.seen]),
            "lines+markers",
        )
        for i, run in enumerate(runs)
        if metric in run.scores
    ]
    y_axis = {"title": {"text": escape(f"validation {metric}")}, "tickformat": ".3~g"}
    x_axis = {"title": {"text": "pairs seen"}, "tickformat": ",~d"}
    return [Chart(f"Validation {metric} over pairs seen", traces, {"xaxis": x_axis, "yaxis": y_axis})]


def _over_steps(alt: str, title: str, traces: list[dict[str, Any]], tick_format: str, runs: Sequence[Run]) -> Chart:
    """Where batches differ, so do the numbers of steps, by as much: their axis is then one of powers."""
    x_axis: dict[str, Any] = {"title": {"text": "step"}, "tickformat": ",~d"}
    if len({run.batch for run in runs}) > 1:
        x_axis |= {"type": "log", "dtick": 1}
    y_axis = {"title": {"text": escape(title)}, "tickformat": tick_format}
    return Chart(alt, traces, {"xaxis": x_axis, "yaxis": y_axis})


def _line(place: int, name: str, x: Sequence[float], y: Sequence[float], mode: str) -> dict[str, Any]:
    color = COLORS[place % len(COLORS)]
    dash = ("solid", "dot", "dash", "dashdot")[place // len(COLORS) % 4]
    text = escape(name, quote=False)
    return {
        "type": "scatter",
        "mode": mode,
        "name": text,
        "x": list(x),
        "y": list(y),
        "line": {"color": color, "width": 2, "dash": dash},
        "marker": {"color": color, "size": 6},
    }


def _thinned(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    """At most some `MOST_POINTS` points, each the mean of as many neighbours."""
    width = -(-len(points) // MOST_POINTS) or 1
    groups = [points[start : start + width] for start in range(0, len(points), width)]
    return [group[-1][0] for group in groups], [sum(y for _, y in group) / len(group) for group in groups]
