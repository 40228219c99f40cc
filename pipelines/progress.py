"""What is said of a run: how far it is while units are done, and the ledger as a table at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from pipelines import log_json, storage
from pipelines.contamination_table import print_contamination
from pipelines.finish import Job
from pipelines.live_progress import PROGRESS_NAME, ProgressFile, Seen, Watch
from pipelines.set_files import load_result
from schemas.ledger import stages_of
from schemas.manifest import Manifest

LOOK_SECONDS = 1.0
REMOTE_LOOK_SECONDS = 15.0
"""Each look lists files, and elsewhere that is a request."""
LOGGED_SECONDS = 10.0


class Progress:
    """Says how far a job is for as long as the block runs: a bar on a terminal, a file, lines of `--log-json`."""

    def __init__(self, job: Job, watch: Watch, *, quiet: bool, path: str | None = None) -> None:
        """`path`: where the file is to lie; in the job's output where none is given."""
        self._title, self._output, self._watch, self._is_quiet = job.name, job.output, watch, quiet
        self._file = ProgressFile(path or storage.join(job.output, PROGRESS_NAME), job.name, job.run.run_id)
        self._seen = Seen(())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="progress", daemon=True)
        self._every = LOOK_SECONDS if storage.is_local(job.output) else REMOTE_LOOK_SECONDS

    def __enter__(self) -> Progress:
        log_json.bind(self._file.run_id)
        log_json.event("started", f"{self._title} works on {self._output}", output=self._output)
        self._look()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            storage.delete([self._file.path])
            return
        self._look("interrupted" if kind is KeyboardInterrupt else "failed", str(error))

    def _work(self) -> None:
        shown = not self._is_quiet and sys.stderr.isatty() and not log_json.is_on()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("units"))
        logged = time.monotonic()
        with Bar(
            *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), disable=not shown
        ) as bar:
            task = bar.add_task(self._title)
            while True:
                steps = self._seen.steps
                bar.update(task, completed=sum(step.done for step in steps), total=sum(step.of for step in steps))
                if self._stop.wait(self._every):
                    return
                value = self._look()
                if not self._is_quiet and time.monotonic() - logged >= LOGGED_SECONDS:
                    logged = time.monotonic()
                    log_json.event("progress", **{name: value[name] for name in ("elapsed_seconds", "steps", "stages")})

    def _look(self, state: str = "running", why: str = "") -> dict[str, Any]:
        with suppress(OSError):  # what comes and goes meanwhile is seen at the next look
            self._seen = self._watch.look()
        value = self._file.value(self._seen, state, why)
        self._file.write(value)
        return value


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
        log_json.warn(f"warning: {line}")
    _log_ledger(manifest)
    rows = ", ".join(f"{split} {n:,}" for split, n in manifest.splits.items()) or "no rows"
    print(f"{output}: {rows} (data_id {manifest.data_id})")


def _log_ledger(manifest: Manifest) -> None:
    """What a person reads in the tables, and each listed failure with its place."""
    ledger = manifest.ledger
    for failure in ledger["failures"] if log_json.is_on() else ():
        log_json.warn(f"{failure['reason']}: {failure['where']}: {failure['why']}", **failure)
    for name, stage in ledger["stages"].items():
        log_json.event("stage", f"{name}: read {stage['read']:,}, kept {stage['kept']:,}", stage=name, **stage)
    log_json.event("finished", splits=manifest.splits, data_id=manifest.data_id, notes=ledger["notes"])


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
