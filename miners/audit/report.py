"""The report: one HTML file from the figures of an audit, that opens offline and runs nothing.

Every number on the page is taken from the figures by its path and carries that path as `data-figure`. What comes
from the set itself is a stranger's text: the template escapes all of it, control and direction marks are made
visible, and the page's own policy forbids scripts and requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from miners.audit import charts
from miners.audit.gates import figure_at

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
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
REASON_WORDS = {"not_utf8": "not UTF-8", "not_html": "not HTML", "http_status": "HTTP status"}


def render_report(figures: Mapping[str, Any]) -> str:
    """The whole page. `figures` is what `audit_figures` gave, or `audit.json` read back."""
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "words": words}
    return environment.get_template("report.html").render(
        audit=figures,
        figure=_figure_of(figures),
        charts=charts,
        causes=CAUSES,
        kind_names=KIND_NAMES,
    )


def visible(text: str) -> str:
    """The text with control and direction marks as ⟨U+202E⟩, so that none can hide or turn what stands beside it."""
    return _HIDDEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.replace("\r\n", "\n"))


def words(name: str) -> str:
    """A reason or a stage of the ledger as words: `too_few_passages` as "too few passages"."""
    return REASON_WORDS.get(name, name.replace("_", " "))


def number(value: float | None, style: str) -> str:
    """A figure as text: `count` 1,234; `share` 1.2 %; `decimal` 3.1; `bytes` 12.3 MB; a dash for None."""
    if value is None:
        return "–"
    if style == "share":
        return _percent(value)
    if style == "decimal":
        return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"
    if style == "bytes":
        size, unit = next(((s, u) for s, u in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if value >= s), (1, "bytes"))
        return f"{value / size:,.1f} {unit}" if size > 1 else f"{value:,} bytes"
    return f"{value:,}"


def _percent(value: float) -> str:
    percent = value * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    if percent < 0.01:
        return "< 0.01 %"
    if 99.95 <= percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %" if percent >= 1 else f"{percent:.2f} %"


def _figure_of(figures: Mapping[str, Any]) -> Callable[..., Markup]:
    def figure(path: str, style: str = "count") -> Markup:
        value = figure_at(figures, path)
        return Markup('<span class="figure" data-figure="{}" data-style="{}">{}</span>').format(
            path, style, number(value, style)
        )

    return figure


def _template(name: str) -> str:
    return files("miners.audit").joinpath("templates", name).read_text(encoding="utf-8")
