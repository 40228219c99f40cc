"""Score rows as tables in plain characters, one a task: values in percent, intervals beside the first metric."""

from __future__ import annotations

from collections.abc import Sequence

from train.evaluation.rows import LEFT_OUT, ScoreRow

NAMES = ("task", "data", "protocol", "part", "texts", "system", "items")


def format_tables(rows: Sequence[ScoreRow]) -> str:
    """A table for each task and its metrics, an empty line between two. Lines of one test stand together: ours, ours
    without leaked items, and what was published."""
    measured = [row for row in rows if not row.published]
    tables: dict[tuple[str, ...], list[ScoreRow]] = {}
    for row in measured:
        tables.setdefault((row.task, *row.scores), []).append(row)
    for group in tables.values():
        tests = {_test(row): None for row in group}
        group += [row for row in rows if row.published and _test(row) in tests]
        order = {test: place for place, test in enumerate(tests)}
        group.sort(key=lambda row: order[_test(row)])
    return "\n\n".join(_table(group) for group in tables.values())


def _test(row: ScoreRow) -> tuple[str, ...]:
    return row.task, row.data, row.protocol, row.part, row.texts


def _table(rows: Sequence[ScoreRow]) -> str:
    metrics = list(rows[0].scores)
    lines = [[*NAMES, metrics[0], "95 %", *metrics[1:]]]
    for row in rows:
        first, *others = (percent(row.scores[name].value) if name in row.scores else "-" for name in metrics)
        ends = row.scores[metrics[0]].ends if metrics[0] in row.scores else None
        between = "-" if ends is None else f"{percent(ends[0])}..{percent(ends[1])}"
        lines.append([*_names(row), first, between, *others])
    return aligned(lines, left=len(NAMES) - 1)


def _names(row: ScoreRow) -> list[str]:
    system = f"{row.system} ({row.published})" if row.published else row.system
    texts = f"{row.texts}, leaked items left out" if row.leaked == LEFT_OUT else row.texts
    return [row.task, row.data, row.protocol, row.part, texts, system, f"{row.items:,}"]


def percent(value: float) -> str:
    """A fraction in percent, to a tenth."""
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
