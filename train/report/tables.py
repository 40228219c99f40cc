"""The report's tables: every test under the name of its protocol, and the scores over the batch size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train.evaluation.measured import MODEL
from train.report.inputs import Report, Result, Run


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
class BatchPoint:
    """A model of one batch size and its score."""

    batch: int
    label: str
    cell: Cell


@dataclass(frozen=True)
class Ablation:
    """One test over the batch sizes of several models."""

    name: str
    metric: str
    points: tuple[BatchPoint, ...]


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
    found: dict[tuple[str, str], list[BatchPoint]] = {}
    for result in report.results:
        if result.run is None:
            continue
        for row in result.rows:
            if row["system"] == MODEL and row["scores"]:
                metric, score = next(iter(row["scores"].items()))
                name = " · ".join((row["task"], row["data"], row["protocol"], row["part"], _texts(row)))
                point = BatchPoint(result.run.batch, result.label, cell_of(score))
                found.setdefault((name, metric), []).append(point)
    return [
        Ablation(name, metric, tuple(sorted(points, key=lambda one: (one.batch, one.label))))
        for (name, metric), points in found.items()
        if len({point.batch for point in points}) > 1
    ]


def other_differences(runs: Sequence[Run]) -> list[str]:
    """The recipe's keys, but the batch, in which runs differ: then not the batch alone explains a difference."""
    flat = [_flat(run.recipe) for run in runs]
    names = sorted(set().union(*flat)) if flat else []
    return [name for name in names if name != "batch" and len({repr(one.get(name)) for one in flat}) > 1]


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return found
