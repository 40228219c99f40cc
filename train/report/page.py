"""The page: tables and charts in one HTML file without a request; no script but the two that its policy names."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from train.evaluation.measured import AS_WRITTEN
from train.report.charts import batch_chart, loss_chart, pairs_charts, score_charts
from train.report.inputs import Report
from train.report.tables import ablations, other_differences, tables

PAGE_NAME = "report.html"


def render(report: Report) -> str:
    """The whole page. What comes from files is a stranger's text and is escaped."""
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f}"
    scripts = [Markup(text) for text in (get_plotlyjs(), _template("report.js"))]
    found = ablations(report)
    compared = [result.run for result in report.results if result.run is not None] if found else []
    return environment.get_template("report.html").render(
        report=report,
        tables=tables(report),
        ablations=[(one, batch_chart(one)) for one in found],
        other_differences=other_differences(compared),
        loss_chart=loss_chart(report.runs),
        curves=[*score_charts(report.runs), *pairs_charts(report.runs)],
        batches_differ=len({run.batch for run in report.runs}) > 1,
        as_written=AS_WRITTEN,
        notes=list(dict.fromkeys(note for result in report.results for note in result.notes)),
        style=Markup(_template("report.css")),
        scripts=scripts,
        script_hashes=[_policy_hash(script) for script in scripts],
    )


def write_page(report: Report, path: Path) -> None:
    """Writes the page, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(render(report), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _policy_hash(script: str) -> Markup:
    """The script as the page's policy allows it: by its content."""
    digest = hashlib.sha256(f"\n{script}\n".encode()).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode()}'")


def _template(name: str) -> str:
    return files("train.report").joinpath("templates", name).read_text(encoding="utf-8")
