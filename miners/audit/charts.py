"""The report's charts: figures in, Plotly specifications out; a template draws one by `{{ charts.bars(…) }}`.

Each function gives a `Chart`, or None of nothing (so that a template can say what is missing). The page carries Plotly
(https://plotly.com/javascript/, MIT) and draws every chart with real axes and numbers on hover. Colours are roles
(`ACCENTS`, `DROPPED`, `FAILED`, …: variables of `templates/report.css`, an opacity after a slash) that become colours
in the page, which knows whether it is light or dark. Labels may be a stranger's text: they are escaped here, as Plotly
reads markup in them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markupsafe import Markup

from miners.audit.shown_text import number, visible

ACCENTS = ("--accent", "--accent2", "--accent3", "--accent4")
KEPT, DROPPED, FAILED, FAINT = "--accent", "--accent2", "--bad", "--soft"
LABEL_CHARS = 36


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart of the page: Plotly traces and layout, its height in pixels, and what it shows, for who cannot see."""

    alt: str
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    height: int = 250

    def __html__(self) -> str:
        """The element that the page's script draws in; its specification beside it as JSON, which nothing can close."""
        spec = json.dumps({"data": self.traces, "layout": self.layout}, ensure_ascii=False, separators=(",", ":"))
        inert = Markup(spec.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
        return Markup(
            '<figure class="chart"><div class="plot" role="img" aria-label="{}" style="height:{}px"></div>'
            '<script type="application/json">{}</script></figure>'
        ).format(visible(self.alt), self.height, inert)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of `lines`: its name, points, and, where they were estimated, the interval about each."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A node of `flow`: its label, what hovering says, and the key that a click on it hands to the page."""

    label: str
    color: str
    hover: str = ""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A stream of `flow` from one node to another, by their places; a click on it hands `key` to the page."""

    source: int
    target: int
    width: float
    color: str
    hover: str
    key: str | None = None


def histogram(bins: Sequence[Mapping[str, int]], total: int, *, unit: str, alt: str) -> Chart | None:
    """Bars of equal width, one a bin (`from` inclusive, `to` exclusive, `pairs`), as high as its share of `total`.

    The axis is labelled with the bins' edges in `unit`, so that it is true of bins that grow.
    """
    if not bins or not total:
        return None
    ranges = [str(b["from"]) if b["to"] - b["from"] == 1 else f"{b['from']:,}–{b['to'] - 1:,}" for b in bins]
    trace = {
        "type": "bar",
        "x": list(range(len(bins))),
        "y": [b["pairs"] / total for b in bins],
        "customdata": [[text, f"{b['pairs']:,}"] for text, b in zip(ranges, bins, strict=True)],
        "hovertemplate": f"%{{customdata[0]}} {_text(unit)}<br>%{{customdata[1]}} pairs, %{{y:.3~%}}<extra></extra>",
        "marker": {"color": ACCENTS[0]},
    }
    step = max(1, -(-len(bins) // 9))
    edges = range(0, len(bins), step)
    x_axis = {
        "title": {"text": _text(unit)},
        "tickvals": [i - 0.5 for i in edges],
        "ticktext": [f"{bins[i]['from']:,}" for i in edges],
        "ticks": "outside",
        "showgrid": False,
        "zeroline": False,
    }
    y_axis = {"title": {"text": "share of pairs"}, "tickformat": ".2~%", "rangemode": "tozero"}
    return Chart(alt, [trace], {"xaxis": x_axis, "yaxis": y_axis, "bargap": 0.06})


def bars(
    entries: Sequence[Mapping[str, Any]],
    *,
    alt: str,
    label: str = "name",
    value: str = "pairs",
    style: str = "count",
    x_title: str = "pairs",
    blank: str = "not stated",
) -> Chart | None:
    """Lying bars, one an entry, in their order from the top; `style` is that of `shown_text.number` for the values."""
    if not entries:
        return None
    names = [blank if entry[label] is None else str(entry[label]) for entry in entries]
    values = [entry[value] or 0 for entry in entries]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": list(range(len(entries))),
        "x": values,
        "customdata": [[_text(name), number(v, style)] for name, v in zip(names, values, strict=True)],
        "hovertemplate": f"%{{customdata[0]}}<br><b>%{{customdata[1]}}</b> {_text(x_title)}<extra></extra>",
        "marker": {"color": ACCENTS[0]},
    }
    y_axis = {
        "tickvals": list(range(len(entries))),
        "ticktext": [_short(name) for name in names],
        "autorange": "reversed",
        "automargin": True,
        "showgrid": False,
    }
    x_axis = {"title": {"text": _text(x_title)}, "rangemode": "tozero", "tickformat": _tick_format(style)}
    return Chart(alt, [trace], {"xaxis": x_axis, "yaxis": y_axis, "bargap": 0.25}, height=80 + 24 * len(entries))


def lines(
    series: Sequence[Line],
    *,
    alt: str,
    x_title: str,
    y_title: str,
    style: str = "share",
    logarithmic: bool = False,
) -> Chart | None:
    """Lines with a point at each x and, where given, a band for the interval; `logarithmic` doubles x at even steps."""
    known = [line for line in series if len(line.x)]
    if not known:
        return None
    traces: list[dict[str, Any]] = []
    for i, line in enumerate(known):
        color = ACCENTS[i % len(ACCENTS)]
        if line.low is not None and line.high is not None:
            traces.append(_band(line, f"{color}/0.18"))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": _text(line.name),
                "x": list(line.x),
                "y": list(line.y),
                "customdata": [_point_text(line, k, style) for k in range(len(line.x))],
                "hovertemplate": "<b>%{customdata}</b><extra>%{fullData.name}</extra>",
                "line": {"color": color, "width": 3 if i == 0 else 2, "dash": "solid" if i == 0 else "dot"},
                "marker": {"color": color, "size": 6},
            }
        )
    x_axis: dict[str, Any] = {"title": {"text": _text(x_title)}}
    if logarithmic:
        ticks = list(known[0].x)[:: max(1, len(known[0].x) // 6)]
        x_axis |= {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:,}" for tick in ticks]}
    y_axis = {"title": {"text": _text(y_title)}, "rangemode": "tozero", "tickformat": _tick_format(style)}
    layout = {"xaxis": x_axis, "yaxis": y_axis, "hovermode": "x unified", "showlegend": len(known) > 1}
    return Chart(alt, traces, layout, height=320)


def flow(nodes: Sequence[Node], links: Sequence[Link], *, alt: str, height: int = 420) -> Chart | None:
    """Streams from node to node, from the left to the right (Sankey)."""
    if not links:
        return None
    trace = {
        "type": "sankey",
        "arrangement": "snap",
        "hoverlabel": {"align": "left"},
        "textfont": {"color": "--ink"},
        "node": {
            "label": [_lines(node.label) for node in nodes],
            "align": "left",
            "color": [node.color for node in nodes],
            "customdata": [[_lines(node.hover or node.label), node.key] for node in nodes],
            "hovertemplate": "%{customdata[0]}<extra></extra>",
            "pad": 28,
            "thickness": 12,
            "line": {"width": 0},
        },
        "link": {
            "source": [link.source for link in links],
            "target": [link.target for link in links],
            "value": [link.width for link in links],
            "color": [f"{link.color}/0.35" for link in links],
            "customdata": [[_lines(link.hover), link.key] for link in links],
            "hovertemplate": "%{customdata[0]}<extra></extra>",
        },
    }
    return Chart(alt, [trace], {"margin": {"l": 8, "r": 8, "t": 12, "b": 12}}, height=height)


def _band(line: Line, color: str) -> dict[str, Any]:
    low, high = list(line.low or ()), list(line.high or ())
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*line.x, *reversed(line.x)],
        "y": [*low, *reversed(high)],
        "fill": "toself",
        "fillcolor": color,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _point_text(line: Line, at: int, style: str) -> str:
    text = number(line.y[at], style)
    if line.low is not None and line.high is not None:
        text += f" (95 %: {number(line.low[at], style)} to {number(line.high[at], style)})"
    return _text(text)


def _tick_format(style: str) -> str:
    return {"share": ".2~%", "decimal": ".3~g"}.get(style, ",~d")


def _text(text: str) -> str:
    return escape(visible(text), quote=False)


def _lines(text: str) -> str:
    return "<br>".join(map(_text, text.split("\n")))


def _short(text: str) -> str:
    return _text(text if len(text) <= LABEL_CHARS else f"{text[: LABEL_CHARS - 1]}…")
