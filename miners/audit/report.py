"""The report: one HTML file from the figures of an audit, that opens offline.

Every number on the page is taken from the figures by its path and carries that path as `data-figure`. What comes
from the set itself is a stranger's text: the templates escape all of it, control and direction marks are made
visible, and the page's own policy allows no request and no script but the two that it names by their hashes: Plotly and
`templates/report.js`, which draws the charts and filters the samples.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from miners.audit import charts
from miners.audit.cards import filter_values, sample_cards, sample_choices, shown_drops
from miners.audit.drops import drop_key
from miners.audit.flow import ledger_flow
from miners.audit.gates import figure_at
from miners.audit.highlight import highlighted
from miners.audit.shown_text import number, prose, visible, words

SECTIONS = (
    ("first", "First look"),
    ("there", "What is there"),
    ("compare", "What changed"),
    ("lengths", "Lengths"),
    ("tokens", "Tokens"),
    ("ledger", "Ledger"),
    ("training", "Repeats and batches"),
    ("found", "What would hurt training"),
    ("people", "What would hurt people"),
    ("fooled", "What would fool an evaluation"),
    ("scores", "Scores"),
    ("samples", "Samples"),
    ("method", "Method"),
)
"""The page's sections in order: `templates/sections/NAME.html`, which begins with `<h2 id="NAME">`, and its name in the
table of contents. A section sees `audit` (the figures), `figure(path, style)`, `charts`, `causes` and `kind_names`, and
the macros of `templates/macros.html`."""
ASKED_FOR = {"compare": "comparison", "scores": "scores", "tokens": "tokens"}
"""Sections that are only there with these figures."""
CAUSES = {
    "any": "any cause",
    "same_anchor": "same anchor",
    "same_positive": "same positive",
    "same_cluster": "same cluster",
}
KIND_NAMES = {
    "neighbor_text": "Neighbour text",
    "docstring_code": "Docstring and function",
    "docstring_class": "Docstring and class",
    "docstring_module": "Docstring and file",
}


def render_report(figures: Mapping[str, Any]) -> str:
    """The whole page. `figures` is what `audit_figures` gave, or `audit.json` read back."""
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "words": words, "prose": prose, "highlighted": highlighted}
    cards = sample_cards(figures)
    scripts = [Markup(text) for text in (get_plotlyjs(), _template("report.js"))]
    return environment.get_template("report.html").render(
        audit=figures,
        sections=[section for section in SECTIONS if figures.get(ASKED_FOR.get(section[0], "set")) is not None],
        style=Markup(_template("report.css")),
        scripts=scripts,
        script_hashes=[_policy_hash(script) for script in scripts],
        figure=_figure_of(figures),
        figure_at=partial(figure_at, figures),
        overlap_chart=_overlap_chart,
        charts=charts,
        causes=CAUSES,
        cards=cards,
        sample_choices=sample_choices(figures),
        filter_values=lambda name: filter_values(cards, name),
        drops=list(shown_drops(figures)),
        drop_key=drop_key,
        ledger_flow=ledger_flow(figures),
        batch_chart=lambda: _batch_chart(figures["false_negatives"]["batches"]),
        kind_names=KIND_NAMES,
        score_chart=_score_chart,
    )


def _figure_of(figures: Mapping[str, Any]) -> Callable[..., Markup]:
    def figure(path: str, style: str = "count") -> Markup:
        value = figure_at(figures, path)
        return Markup('<span class="figure" data-figure="{}" data-style="{}">{}</span>').format(
            path, style, number(value, style)
        )

    return figure


def _batch_chart(batches: Sequence[Mapping[str, float]]) -> charts.Chart | None:
    sizes = [int(b["batch"]) for b in batches]
    return charts.lines(
        [charts.Line(name, sizes, [b[cause] for b in batches]) for cause, name in CAUSES.items()],
        alt="Share of rows that meet a known false negative, over the batch size",
        x_title="rows in the batch (B), all of one source",
        y_title="share of training rows",
        logarithmic=True,
    )


def _score_chart(entry: Mapping[str, Any], name: str) -> charts.Chart | None:
    edges = [(number(b["from"], "decimal"), number(b["to"], "decimal")) for b in entry["score_bins"]]
    bins = [{**b, "name": f"{low} to {high}"} for b, (low, high) in zip(entry["score_bins"], edges, strict=True)]
    return charts.bars(bins, alt=f"Rows by score: {name}")


def _overlap_chart(entry: Mapping[str, Any]) -> charts.Chart | None:
    bins = [{"from": round(100 * b["from"]), "to": round(100 * b["to"]), "pairs": b["rows"]} for b in entry["bins"]]
    unit = "% of the words of the side that has fewer"
    return charts.histogram(bins, entry["rows"], unit=unit, alt="Rows by the lexical overlap of their sides")


def _policy_hash(script: str) -> Markup:
    """The script as the page's policy allows it: by its content, and no other."""
    digest = hashlib.sha256(f"\n{script}\n".encode()).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode()}'")


def _template(name: str) -> str:
    return files("miners.audit").joinpath("templates", name).read_text(encoding="utf-8")
