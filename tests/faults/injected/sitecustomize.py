"""Imported by every Python process whose PYTHONPATH begins with this folder: faults, as PAIRMILL_FAULT says.

`kill:ROLE:N` and `pause:ROLE:N` strike before the Nth time that a process of the role (`job`, or `worker` of several
processes) creates, renames or deletes something below PAIRMILL_FAULT_FOLDER; `swap:ROLE:N` replaces the file
PAIRMILL_FAULT_FILE then, or deletes it where PAIRMILL_FAULT_WITH is empty; `count` writes down how often that
happens. `clock` makes the wall clock jump. Several faults stand with commas between.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "open")
BY_CLOCK = {"heartbeat", "_beat", "progress"}
"""Threads and files: what is written every so many seconds is no moment that can be found again."""
JUMPS = (0.0, 400 * 86_400.0, -400 * 86_400.0, 3600.0, -7.0)


def role() -> str:
    """What this process is: the job, a worker of it or what workers are copied from, or another (a parsing process)."""
    line = " ".join(sys.orig_argv)
    if "sdk_worker_main" in line or "pipelines.worker_source" in line:
        return "worker"
    return "job" if " pipelines." in line else "other"


def is_change(event: str, args: tuple, folder: str) -> bool:
    """Whether an audit event changes something below the folder."""
    if event not in CHANGES or not isinstance(args[0], str):
        return False
    if event == "open" and not (isinstance(args[1], str) and set(args[1]) & set("wxa+")):
        return False
    return os.path.abspath(args[0]).startswith(folder)


class Strike:
    """Does something once, before the Nth change; the beat, which comes by the clock, is not counted."""

    def __init__(self, number: int, folder: str, act: Callable[[], None]) -> None:
        self.number, self.folder, self.act = number, folder, act
        self.seen = 0
        self._busy = threading.local()

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        self._busy.on = True
        try:
            yield
        finally:
            self._busy.on = False

    def __call__(self, event: str, args: tuple) -> None:
        if getattr(self._busy, "on", False) or threading.current_thread().name in BY_CLOCK:
            return
        with self._unseen():
            if is_change(event, args, self.folder) and not BY_CLOCK & set(re.split(r"[/.]", args[0])):
                self.seen += 1
                if self.seen == self.number:
                    self.act()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pause() -> None:
    """Say that the moment has come, and wait until the file that says so is gone."""
    path = os.environ["PAIRMILL_FAULT_PAUSED"]
    open(path, "w").close()
    while os.path.exists(path):
        time.sleep(0.02)


def swap() -> None:
    path, other = os.environ["PAIRMILL_FAULT_FILE"], os.environ["PAIRMILL_FAULT_WITH"]
    if os.path.exists(path):
        os.replace(other, path) if other else os.remove(path)


def jump() -> None:
    """The wall clock goes forward and back by more than a year from one look to the next."""
    true_time, looks = time.time, iter(range(1 << 62))
    time.time = lambda: true_time() + JUMPS[next(looks) % len(JUMPS)]


def count(folder: str) -> None:
    """Write, at the end of the job, how many changes it made."""
    import atexit

    strike = Strike(-1, folder, kill)
    sys.addaudithook(strike)

    def tell() -> None:
        seen = strike.seen
        with open(os.environ["PAIRMILL_FAULT_COUNT"], "w") as file:
            file.write(str(seen))

    atexit.register(tell)


def install(fault: str) -> None:
    kind, _, rest = fault.partition(":")
    folder = os.path.abspath(os.environ.get("PAIRMILL_FAULT_FOLDER", "/nowhere"))
    if kind == "clock" and role() != "other":
        jump()
    elif kind == "count" and role() == "job":
        count(folder)
    elif kind in ("kill", "pause", "swap"):
        whose, _, number = rest.partition(":")
        if role() == whose:
            sys.addaudithook(Strike(int(number), folder, {"kill": kill, "pause": pause, "swap": swap}[kind]))


for each in os.environ.get("PAIRMILL_FAULT", "").split(","):
    install(each)
