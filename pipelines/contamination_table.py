"""The table of contamination, a line a benchmark: noted in the ledger, and printed at the end of dedupe."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from schemas.ledger import Ledger

_PREFIX = "contamination/"
COLUMNS = {
    "texts": "texts",
    "texts_found": "found",
    "texts_commonplace": "commonplace",
    "rows_equal": "rows equal",
    "rows_overlapping": "rows overlapping",
    "rows_of_repositories": "rows of repositories",
    "rows_spared": "rows spared",
}
"""Names of the counts, and their headings. Found texts are in rows that may have gone before for another reason."""


def note_contamination(ledger: Ledger, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Note the counts of each benchmark, also those of none found."""
    for benchmark, row in counts.items():
        for name in COLUMNS:
            ledger.note(f"{_PREFIX}{benchmark}/{name}", row[name])


def contamination_counts(notes: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Benchmark → counts, from a ledger's notes; empty where nothing was looked for."""
    table: dict[str, dict[str, int]] = {}
    for name, n in notes.items():
        if name.startswith(_PREFIX):
            benchmark, count = name.removeprefix(_PREFIX).rsplit("/", 1)
            table.setdefault(benchmark, {})[count] = n
    return table


def print_contamination(notes: Mapping[str, int], *, is_terminal: bool) -> None:
    """A table on a terminal, plain lines elsewhere; nothing where nothing was looked for."""
    counts = contamination_counts(notes)
    if not counts:
        return
    if not is_terminal:
        for benchmark, row in counts.items():
            print(f"contamination of {benchmark}: " + ", ".join(f"{COLUMNS[name]} {row[name]:,}" for name in COLUMNS))
        return
    table = Table(title="contamination")
    table.add_column("benchmark")
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right")
    for benchmark, row in counts.items():
        table.add_row(benchmark, *(f"{row[name]:,}" for name in COLUMNS))
    Console().print(table)
