"""What a person sees of a local run: a bar while units are done, and the ledger as a table at the end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from pipelines.contamination_table import print_contamination
from pipelines.set_files import load_result
from pipelines.unit_markers import done_units
from schemas.ledger import stages_of

_LOOK_SECONDS = 0.5


class Progress:
    """Shows, on a terminal, how many of a mine job's units are done, by the markers that they leave."""

    def __init__(self, title: str, output: str, units: int, *, quiet: bool) -> None:
        self._title, self._output, self._units = title, output, units
        self._shown = not quiet and sys.stderr.isatty()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        if self._shown:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._shown:
            self._thread.join()

    def _watch(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("units"))
        with Bar(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
            task = bar.add_task(self._title, total=self._units)
            while not self._stop.wait(_LOOK_SECONDS):
                bar.update(task, completed=self._done())
            bar.update(task, completed=self._done())

    def _done(self) -> int:
        return len(done_units(self._output))


def print_ledger(output: str, *, quiet: bool) -> None:
    """The result's ledger: a table on a terminal, plain lines elsewhere, one closing line with `quiet`."""
    manifest = load_result(output)
    if manifest is None:
        print(f"the job was handed to its runner; the result will be in {output}")
        return
    if not quiet:
        _print_stages(manifest.ledger)
        print_contamination(manifest.ledger["notes"], is_terminal=sys.stdout.isatty())
    for line in manifest.warnings:
        print(f"warning: {line}", file=sys.stderr)
    rows = ", ".join(f"{split} {n:,}" for split, n in manifest.splits.items()) or "no rows"
    print(f"{output}: {rows} (data_id {manifest.data_id})")


def _print_stages(ledger: Mapping[str, Any]) -> None:
    stages = [(name, ledger["stages"][name]) for name in stages_of(ledger["job"], ledger["stages"])]
    if not sys.stdout.isatty():
        for name, stage in stages:
            print(f"{name}: read {stage['read']:,}, kept {stage['kept']:,}, {_reasons(stage)}")
        return
    table = Table(title=f"ledger of {ledger['job']}")
    for column in ("stage", "read", "kept", "dropped and failed"):
        table.add_column(column, justify="right" if column in ("read", "kept") else "left")
    for name, stage in stages:
        table.add_row(name, f"{stage['read']:,}", f"{stage['kept']:,}", _reasons(stage))
    Console().print(table)


def _reasons(stage: Mapping[str, Any]) -> str:
    lost = {**stage["dropped"], **{f"{reason} (failed)": n for reason, n in stage["failed"].items()}}
    largest_first = sorted(lost.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason} {n:,}" for reason, n in largest_first) or "nothing lost"
