"""What a command and all of its children cost: CPU seconds, wall seconds, and the peak of their memory together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SAMPLED_EVERY = 0.25
"""Seconds. Adding up the pages of large processes takes ten milliseconds of a processor that the command may want."""


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    cpu: float
    wall: float
    peak_mb: float
    """Resident memory of the whole tree, sampled; pages that processes share count once (PSS)."""
    output: str
    stolen: float
    """See `stolen_share`."""


def run(command: Sequence[str], **environment: str) -> Cost:
    """Run a command to its end. Raises RuntimeError with what it said where it fails."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphans come to us, so that their CPU is counted
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin, times = time.monotonic(), processor_times()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment}
    ) as process:
        peak = [0.0]
        watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
        watcher.start()
        output = process.stdout.read() if process.stdout else ""
        process.wait()
        watcher.join()
    wall, stolen = time.monotonic() - begin, stolen_share(times)
    _reap_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, wall, peak[0], output, stolen)


def processor_times() -> tuple[int, int]:
    """What all processors of the machine have been busy with since it started, and what its host kept from them."""
    user, nice, system, _, _, irq, soft_irq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return user + nice + system + irq + soft_irq, steal


def stolen_share(since: tuple[int, int]) -> float:
    """Of the processor time that was asked for since `processor_times` gave that, the share that the host gave to
    others: a virtual machine is not idle where this is not near 0, and its CPU seconds and speeds are not its own.
    """
    busy, stolen = (now - before for now, before in zip(processor_times(), since, strict=True))
    return stolen / max(1, busy + stolen)


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], tree_mb(process.pid))
        time.sleep(SAMPLED_EVERY)


def tree_mb(root: int) -> float:
    """Resident memory of a process and all below it; pages that they share count once (PSS)."""
    return sum(map(_resident_mb, tree_of(root)))


def tree_open_files(root: int) -> int:
    """Open file descriptors of a process and all below it."""
    count = 0
    for pid in tree_of(root):
        with contextlib.suppress(OSError):
            count += len(os.listdir(f"/proc/{pid}/fd"))
    return count


def tree_of(root: int) -> set[int]:
    """The process ids of a process and all below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return tree


def _resident_mb(pid: int) -> float:
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
    return 0.0


def _reap_orphans() -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            time.sleep(0.05)
