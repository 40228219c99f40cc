"""How far a running job is, by the files that its units leave: `OUT/progress.json`, for who looks from outside.

It lies beside the set's files, where neither `verify` nor a reader takes it for part of the set (of what appears as a
whole folder, beside that: `OUT.progress.json`); it is replaced atomically, deleted when the job ends well, and closed
with the cause when it does not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from pipelines import storage
from pipelines.unit_markers import done_units, read_markers
from schemas.ledger import Ledger

PROGRESS_NAME = "progress.json"


def progress_beside(folder: str) -> str:
    """Where the progress is told of a folder that is there only when it is whole."""
    return f"{folder.rstrip('/')}.{PROGRESS_NAME}"


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of a job: how many of its units are done, and how many records these read."""

    name: str
    done: int
    of: int
    records: int


@dataclass(frozen=True)
class Seen:
    """What one look found."""

    steps: tuple[Step, ...]
    ledger: Ledger | None = None
    """Of the units that are done, where they leave one each."""


class Watch(Protocol):
    """Looks at what a job has left so far."""

    def look(self) -> Seen:
        """May raise OSError, where files come and go meanwhile."""
        ...


class MarkerWatch:
    """Of the jobs whose units end with a marker; each marker is read once."""

    def __init__(self, job: str, output: str, steps: Mapping[str, Collection[str]]) -> None:
        """`steps`: the ids of the units of each pass, by its name."""
        self._output, self._ledger = output, Ledger(job)
        self._steps = {name: frozenset(units) for name, units in steps.items()}
        self._records: dict[str, int] = {}

    def look(self) -> Seen:
        """Reads the markers that came since the last look."""
        wanted = frozenset().union(*self._steps.values())
        new = sorted((done_units(self._output) & wanted) - self._records.keys())
        for unit, marker in zip(new, read_markers(self._output, new), strict=True):
            ledger = Ledger.from_json(marker["ledger"])
            self._ledger.add(ledger)
            self._records[unit] = next((stage.read for stage in ledger.stages.values() if stage.read), 0)
        steps = []
        for name, units in self._steps.items():
            done = units & self._records.keys()
            steps.append(Step(name, len(done), len(units), sum(self._records[unit] for unit in done)))
        return Seen(tuple(steps), self._ledger)


@dataclass(frozen=True)
class Expected:
    """The files that a pass leaves: so many, for the units of these numbers and rows where it has one a unit."""

    step: str
    files: int
    rows: Mapping[int, int] = field(default_factory=dict)


class FileWatch:
    """Of a job whose passes leave files `KIND-NUMBER` in one folder, which goes when the job ends."""

    def __init__(self, folder: str, expected: Mapping[str, Expected]) -> None:
        """`expected`: what each pass leaves, by the kind in the files' names."""
        self._folder, self._expected = folder, expected
        self._there: dict[str, set[int]] = {kind: set() for kind in expected}

    def look(self) -> Seen:
        """Counts the files of each kind."""
        for info in storage.list_files(self._folder):
            kind, _, number = storage.last_part(info.path).rpartition("-")
            if kind in self._there and number.isdigit():
                self._there[kind].add(int(number))
        steps = []
        for kind, one in self._expected.items():
            done = self._there[kind]
            steps.append(Step(one.step, len(done), one.files, sum(one.rows.get(number, 0) for number in done)))
        return Seen(tuple(steps))


class PathWatch:
    """Of a job whose units each leave a file of a known name."""

    def __init__(self, steps: Mapping[str, Mapping[str, int]]) -> None:
        """`steps`: by pass the path of what each of its units leaves, and how many rows it reads."""
        self._steps = steps
        self._folders = sorted({path.rpartition("/")[0] for paths in steps.values() for path in paths})

    def look(self) -> Seen:
        """Lists the folders of the files."""
        there = {info.path for folder in self._folders for info in storage.list_files(folder)}
        steps = []
        for name, paths in self._steps.items():
            done = [path for path in paths if path in there]
            steps.append(Step(name, len(done), len(paths), sum(paths[path] for path in done)))
        return Seen(tuple(steps))


@dataclass
class ProgressFile:
    """The file of one run. Rates and times left are of this run, by a clock that does not jump."""

    path: str
    job: str
    run_id: str
    began: float = field(default_factory=time.monotonic)
    first: dict[str, Step] = field(default_factory=dict)
    """What was there when the run began: `--resume`."""
    starts: dict[str, float] = field(default_factory=dict)
    """When the first unit of a step was seen done; until then its time runs from the end of the step before."""

    def value(self, seen: Seen, state: str = "running", why: str = "") -> dict[str, Any]:
        """What the file says; seconds, and records a second."""
        now = time.monotonic()
        stages = {} if seen.ledger is None else {name: n.to_json() for name, n in seen.ledger.stages.items()}
        return {
            "job": self.job,
            "run_id": self.run_id,
            "state": state,
            **({"why": why} if why else {}),
            "updated": datetime.now(UTC).isoformat(timespec="seconds"),
            "elapsed_seconds": round(now - self.began, 1),
            "steps": [self._step(step, now, before) for step, before in _with_before(seen.steps)],
            "stages": stages,
        }

    def write(self, value: Mapping[str, Any]) -> None:
        """Replace the file; a disk that is full must not end the job for this file's sake."""
        try:
            storage.write_over(self.path, json.dumps(value, ensure_ascii=False, indent=1).encode())
        except OSError:
            return

    def _step(self, step: Step, now: float, before: Step | None) -> dict[str, Any]:
        was = self.first.setdefault(step.name, step)
        begun = before is None or before.done >= before.of or step.done > was.done
        start = self.starts.setdefault(step.name, now if before is not None else self.began) if begun else now
        seconds, done = now - start, step.done - was.done
        left = seconds / done * (step.of - step.done) if done and seconds else None
        return {
            "step": step.name,
            "units": step.done,
            "of": step.of,
            "records": step.records,
            "records_per_second": round((step.records - was.records) / seconds, 1) if seconds else None,
            "seconds_left": 0.0 if step.done >= step.of else None if left is None else round(left, 1),
        }


def _with_before(steps: tuple[Step, ...]) -> list[tuple[Step, Step | None]]:
    return list(zip(steps, (None, *steps), strict=False))
