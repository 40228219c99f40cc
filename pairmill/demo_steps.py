"""One step of the demo: a pairmill command, what it leaves, and whether that is there already from an earlier run.

`demo.json` in the demo's folder holds, for each step, the command that was begun, the seconds `spent` on it so far,
and, once it ended well, its `seconds` in all.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

STATE_NAME = "demo.json"


class StepError(Exception):
    """A step failed; the message says which, its exit status and where to go on."""


@dataclass(frozen=True, slots=True)
class Step:
    """A `pairmill` command.

    `run_flags` change how it runs, not what it makes. `output` is what it leaves, and `is_whole` looks at that.
    `continue_flags` let the command go on with what a stopped run of the same command left, and `redo_flags` let it
    replace whatever is there.
    """

    name: str
    argv: tuple[str, ...]
    run_flags: tuple[str, ...]
    output: Path
    is_whole: Callable[[], bool]
    continue_flags: tuple[str, ...] = ()
    redo_flags: tuple[str, ...] = ()


class Runner:
    """Runs steps in order and skips, until the first that has to run, those that an earlier run finished."""

    def __init__(self, folder: Path, execute: Callable[[list[str]], int] | None = None) -> None:
        self._path = folder / STATE_NAME
        self._execute = execute or run_command
        self._steps = _read_state(self._path)
        self._fresh = True

    def run(self, step: Step) -> None:
        """Runs the step or keeps its result. Raises StepError if the command does not end with status 0."""
        before = self._steps.get(step.name, {})
        same = before.get("command") == list(step.argv)
        if self._fresh and same and "seconds" in before and step.is_whole():
            print(f"\n== {step.name}: kept from an earlier run", flush=True)
            return
        self._fresh = False
        unfinished = same and "seconds" not in before and not step.is_whole()
        flags = step.continue_flags if unfinished else step.redo_flags
        flags = flags if step.output.exists() else ()
        spent = before.get("spent", 0.0) if unfinished else 0.0
        self._note(step, spent=spent)
        command = [*step.argv, *step.run_flags, *flags]
        print(f"\n== {step.name}\n$ pairmill {_short(command)}", flush=True)
        begun = time.monotonic()
        try:
            status = self._execute(command)
        finally:
            spent = round(spent + time.monotonic() - begun, 1)
            self._note(step, spent=spent)
        if status != 0:
            raise StepError(f"The step {step.name!r} ended with status {status}; its own sentence stands above.")
        self._note(step, seconds=spent)

    def note_seconds(self, name: str, seconds: float) -> None:
        """Notes the time of something that is no command; the time of the first call stays."""
        self._steps.setdefault(name, {"command": [], "seconds": round(seconds, 1)})

    def seconds(self) -> dict[str, float]:
        """The seconds of each finished step, also of those kept from earlier runs."""
        return {name: value["seconds"] for name, value in self._steps.items() if "seconds" in value}

    def _note(self, step: Step, **seconds: float) -> None:
        self._steps[step.name] = {"command": list(step.argv), **seconds}
        part = self._path.with_name(STATE_NAME + ".part")
        part.write_text(json.dumps({"steps": self._steps}, indent=1), encoding="utf-8")
        part.replace(self._path)


def run_command(argv: list[str]) -> int:
    """The exit status of `pairmill ARGV` in a process of its own.

    Its own, because Beam and torch want different numbers of threads in one environment, and its memory goes with it.
    """
    process = subprocess.Popen([sys.executable, "-m", "pairmill.cli", *argv])
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal interrupts the command as well; it ends in its own way before the demo does.
        try:
            process.wait(timeout=20)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()
        raise


def _short(command: list[str]) -> str:
    """The command as one would type it here: paths below the current folder are relative."""
    here = os.path.join(os.getcwd(), "")
    return shlex.join(part.removeprefix(here) for part in command)


def _read_state(path: Path) -> dict[str, dict]:
    try:
        steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return steps if isinstance(steps, dict) else {}
