"""The report's tables: every test under the name of its protocol, and the scores over the batch size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train.evaluation.measured import MODEL
from train.report.inputs import Report, Result, Run

Rows = dict[str, Mapping[str, Any]]
"""A result's rows of one test, by part."""


@dataclass(frozen=True)
class Cell:
    """A score as a share, with its interval where it has one: over groups, or else over items."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Line:
    """One row of a table."""

    part: str
    texts: str
    system: str
    kind: str
    """``model``, ``baseline`` or ``published``."""
    items: int | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """All rows of one data set under one protocol: what may be compared."""

    task: str
    data: str
    protocol: str
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class BatchLine:
    """A model of one batch size and its scores, a cell a part of the test; None where it was not measured by one."""

    run: Run
    label: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Ablation:
    """One test over the batch sizes of several models, by one metric."""

    task: str
    data: str
    protocol: str
    texts: str
    metric: str
    parts: tuple[str, ...]
    """Languages or sources, and their mean."""
    items: tuple[int, ...]
    """Of each part."""
    lines: tuple[BatchLine, ...]


def cell_of(score: Mapping[str, Any]) -> Cell:
    """The score with the wider of its intervals, as the evaluator's own table has it."""
    ends = ("low", "high") if score.get("group_low") is None else ("group_low", "group_high")
    return Cell(score["value"], *(score.get(end) for end in ends))


def tables(report: Report) -> list[Table]:
    """A table for each task, data set, protocol and list of metrics; a baseline that results share stands once."""
    found: dict[tuple[str, ...], dict[Line, None]] = {}
    for result in report.results:
        for row in result.rows:
            key = (row["task"], row["data"], row["protocol"], *row["scores"])
            found.setdefault(key, {})[_line(row, result)] = None
    return [
        Table(task, data, protocol, tuple(metrics), tuple(_by_part(lines)))
        for (task, data, protocol, *metrics), lines in found.items()
    ]


def _by_part(lines: Iterable[Line]) -> list[Line]:
    """Lines of one part together, in the order in which the parts first come, and its models before all others."""
    lines = list(lines)
    parts = list(dict.fromkeys((line.part, line.texts) for line in lines))
    kinds = ("model", "baseline", "published")
    return sorted(lines, key=lambda line: (parts.index((line.part, line.texts)), kinds.index(line.kind)))


def _line(row: Mapping[str, Any], result: Result) -> Line:
    is_model = row["system"] == MODEL
    published = row.get("published")
    return Line(
        part=row["part"],
        texts=_texts(row),
        system=result.label if is_model else f"{row['system']} ({published})" if published else row["system"],
        kind="model" if is_model else "published" if published else "baseline",
        items=row.get("items"),
        cells=tuple(cell_of(score) for score in row["scores"].values()),
    )


def _texts(row: Mapping[str, Any]) -> str:
    texts = row.get("texts", "")
    return f"{texts}, no leaked items" if row.get("leaked") == "left out" else texts


def ablations(report: Report) -> list[Ablation]:
    """Each test that models of two batch sizes or more were measured by, with its first metric."""
    found: dict[tuple[str, ...], dict[int, Rows]] = {}
    for number, result in enumerate(report.results):
        for row in result.rows if result.run else ():
            if row["system"] == MODEL and row["scores"]:
                test = (row["task"], row["data"], row["protocol"], _texts(row), next(iter(row["scores"])))
                found.setdefault(test, {}).setdefault(number, {})[row["part"]] = row
    made = (
        _ablation(test, [(report.results[number], rows) for number, rows in measured.items()])
        for test, measured in found.items()
    )
    return [one for one in made if len({line.run.batch for line in one.lines}) > 1]


def _ablation(test: tuple[str, ...], measured: Sequence[tuple[Result, Rows]]) -> Ablation:
    task, data, protocol, texts, metric = test
    items = {part: int(row.get("items") or 0) for _, rows in measured for part, row in rows.items()}
    lines = []
    for result, rows in measured:
        cells = tuple(cell_of(rows[part]["scores"][metric]) if part in rows else None for part in items)
        if result.run is not None:
            lines.append(BatchLine(result.run, result.label, cells))
    lines.sort(key=lambda line: line.run.batch)
    return Ablation(task, data, protocol, texts, metric, tuple(items), tuple(items.values()), tuple(lines))


SAME_MODEL = ("keep_checkpoints", "chunk_tokens", "gradcache", "graph_gib", "attention", "compile")
"""Keys of a recipe that change how a model is computed and, but for rounding, not what it becomes."""


def other_differences(runs: Sequence[Run]) -> list[str]:
    """The recipe's keys, but the batch, in which runs differ: then not the batch alone explains a difference."""
    flat = [_flat(run.recipe) for run in runs]
    names = set().union(*flat) - {"batch", *SAME_MODEL}
    if not any(one.get("export") == "best" for one in flat):
        names -= {"checkpoint_every", "evaluate"}
    return sorted(name for name in names if len({repr(one.get(name)) for one in flat}) > 1)


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return found
