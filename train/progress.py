"""Progress of a run: a bar with loss, speed and time left on a terminal, plain lines elsewhere, nothing if quiet."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 10.0


class Meter:
    """One task of known length; a context manager. All goes to standard error."""

    def __init__(self, title: str, total: int, *, done: int = 0, quiet: bool = False) -> None:
        self._title, self._total, self._first, self._quiet = title, total, done, quiet
        self._started = self._told = time.monotonic()
        self._bar: Progress | None = None
        if not quiet and sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(title, total=total, completed=done, note="")

    def __enter__(self) -> Meter:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def at(self, done: int, note: str = "") -> None:
        """`done` of the total are done."""
        if self._bar:
            self._bar.update(self._task, completed=done, note=note)
            return
        now = time.monotonic()
        if self._quiet or (now - self._told < _SECONDS_BETWEEN_LINES and done < self._total):
            return
        self._told = now
        left = (now - self._started) / max(done - self._first, 1) * (self._total - done)
        print(f"{self._title} {done:,}/{self._total:,}  {note}  {_clock(left)} left", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
