"""Score rows as tables in plain characters, one a task: values in percent, intervals beside the first metric."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from train.evaluation.rows import LEFT_OUT, ScoreRow

NAMES = ("task", "data", "protocol", "part", "texts", "system", "items")


def format_tables(rows: Sequence[ScoreRow]) -> str:
    """A table for each run of rows with the same task and metrics, an empty line between two."""
    tables = [_table(list(group)) for _, group in groupby(rows, key=lambda row: (row.task, tuple(row.scores)))]
    return "\n\n".join(tables)


def _table(rows: Sequence[ScoreRow]) -> str:
    metrics = list(rows[0].scores)
    lines = [[*NAMES, metrics[0], "95 %", *metrics[1:]]]
    for row in rows:
        first, *others = (_percent(row.scores[name].value) for name in metrics)
        ends = row.scores[metrics[0]].ends
        between = "-" if ends is None else f"{_percent(ends[0])}..{_percent(ends[1])}"
        lines.append([*_names(row), first, between, *others])
    return aligned(lines, left=len(NAMES) - 1)


def _names(row: ScoreRow) -> list[str]:
    items = "-" if row.published else f"{row.items:,}"
    system = f"{row.system} (published)" if row.published else row.system
    texts = f"{row.texts}, no leaked items" if row.leaked == LEFT_OUT else row.texts
    return [row.task, row.data, row.protocol, row.part, texts, system, items]


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def aligned(lines: Sequence[Sequence[str]], left: int) -> str:
    """Cells in columns of equal width; the first `left` columns stand at the left."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
