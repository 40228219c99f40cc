"""One run of a job on one output folder: may it start, what is left of an earlier one, and is that one still alive.

`OUT/_run.json` (run id, config hash) is written once at the start. Where a driver waits for its job, `OUT/_beat.json`
holds its process and a counter that moves every 30 seconds. A second job on the same machine asks whether the process
lives; on another machine it watches the counter on its own monotonic clock before it takes over. No wall clock counts.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines import storage
from pipelines.live_progress import PROGRESS_NAME
from pipelines.options import UsageError
from schemas.attribution import ATTRIBUTION_NAME
from schemas.manifest import (
    CARD_NAME,
    CHANGE_FOLDER,
    FILE_FOLDERS,
    JOURNAL_NAME,
    MANIFEST_NAME,
    RUN_NAME,
    UNITS_FOLDER,
    config_hash,
    no_manifest,
)

BEAT_NAME = "_beat.json"
BEAT_SECONDS = 30.0
TEMPORARY_FOLDER = "_temp"
OWN_NAMES = (
    MANIFEST_NAME,
    CARD_NAME,
    ATTRIBUTION_NAME,
    RUN_NAME,
    BEAT_NAME,
    PROGRESS_NAME,
    UNITS_FOLDER,
    CHANGE_FOLDER,
    TEMPORARY_FOLDER,
    *FILE_FOLDERS,
)


@dataclass(frozen=True, slots=True)
class Run:
    """The identity of a run: what the folder's manifest will carry."""

    run_id: str
    config_hash: str


def start_run(
    output: str,
    config: Mapping[str, Any],
    *,
    overwrite: bool,
    resume: bool = False,
    resumable: bool = False,
    temp: str | None = None,
) -> Run:
    """Take the output folder for a run with these settings, or raise UsageError with a sentence that says the mend.

    A finished result is refused without `overwrite`; an unfinished one without `resume` (of the same settings only) or
    `overwrite`; a folder with files that no job of ours wrote always. What an earlier run left under temporary names
    is deleted, also below `temp`, where the job's temporary files are not in the output.
    """
    with _alone(output):
        return _take(output, config, overwrite, resume, resumable, temp)


@contextmanager
def folder_taken(folder: str) -> Iterator[None]:
    """Keep a folder that is to hold no new pair set (a report, a set that changes where it lies) for the block's job.

    Other jobs are shown for as long that this one is alive. Raises UsageError where another one is.
    """
    with _alone(folder):
        refuse_living_run(folder)
        _write_beat(folder, 0)
    with heartbeat(folder):
        yield


def is_finished(output: str, config: Mapping[str, Any]) -> bool:
    """Whether the folder holds the finished result of a run with these settings: nothing is left to resume."""
    if not storage.exists(storage.join(output, MANIFEST_NAME)):
        return False
    begun = read_run(output)
    return begun is not None and begun.config_hash == config_hash(config)


def _take(
    output: str, config: Mapping[str, Any], overwrite: bool, resume: bool, resumable: bool, temp: str | None
) -> Run:
    finished = storage.exists(storage.join(output, MANIFEST_NAME))
    begun = read_run(output)
    if storage.is_local(output) and os.path.exists(output) and not os.path.isdir(output):
        raise UsageError(f"{output} is a file; name a folder for the result")
    if finished and not overwrite:
        raise UsageError(f"{output} holds a finished result; give --overwrite to replace it, or another --output")
    if not finished and begun is None:
        _refuse_foreign_files(output)
    if begun is not None and not finished:
        if not overwrite and storage.exists(storage.join(output, CHANGE_FOLDER, JOURNAL_NAME)):
            raise no_manifest(output, is_changing=True)
        if not (overwrite or resume):
            offer = "--resume to go on with it or " if resumable else ""
            raise UsageError(f"{output} holds an unfinished result; give {offer}--overwrite to start anew")
        refuse_living_run(output)
    wanted = config_hash(config)
    if resume and begun is not None and not overwrite:
        if begun.config_hash != wanted:
            raise UsageError(
                f"{output} was begun with other settings or inputs; give the same ones to --resume, or --overwrite"
            )
        delete_temporary(output)
        _write_beat(output, 0)
        return begun
    if finished or begun is not None:
        storage.delete([storage.join(output, name) for name in OWN_NAMES])
    delete_temporary(output)
    if begun is not None and temp is not None:
        storage.delete([storage.join(temp, begun.run_id)])
    run = Run(uuid.uuid4().hex, wanted)
    try:
        storage.write_atomically(storage.join(output, RUN_NAME), json.dumps(asdict(run)).encode())
    except FileExistsError:
        raise UsageError(f"another job began to write to {output} just now; name another --output") from None
    _write_beat(output, 0)
    return run


@contextmanager
def _alone(output: str) -> Iterator[None]:
    """One job at a time looks at a local folder and takes it; where there are no locks, the block runs as it is."""
    if not storage.is_local(output) or (os.path.exists(output) and not os.path.isdir(output)):
        yield
        return
    os.makedirs(output, exist_ok=True)
    handle = os.open(output, os.O_RDONLY)
    try:
        with suppress(ImportError, OSError):
            import fcntl  # not on every system

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def delete_temporary(output: str) -> None:
    """Files that were being written when an earlier run died."""
    for folder in ("", UNITS_FOLDER, *FILE_FOLDERS):
        for info in storage.list_files(storage.join(output, folder) if folder else output):
            name, mark, _ = storage.last_part(info.path).partition(storage.TEMPORARY_MARK)
            if mark and (folder or name in OWN_NAMES):
                storage.delete([info.path])


@contextmanager
def heartbeat(output: str, every: float = BEAT_SECONDS) -> Iterator[None]:
    """Show other jobs, for as long as the block runs, that this one is alive."""
    stop = threading.Event()
    path = storage.join(output, BEAT_NAME)

    def beat() -> None:
        counter = 0
        while True:
            counter += 1
            with suppress(OSError):  # a full disk: the work itself will say so
                _write_beat(output, counter)
            if stop.wait(every):
                return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        storage.delete([path])


def _write_beat(output: str, counter: int) -> None:
    beat = {"counter": counter, "place": _place(), "pid": os.getpid(), "started": _started(os.getpid())}
    storage.write_over(storage.join(output, BEAT_NAME), json.dumps(beat).encode())


def _place() -> str:
    """Where process ids mean the same as here: this boot of this machine, and this container of it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # no Linux
        return socket.gethostname()


def _started(pid: int) -> str | None:
    """What tells a process from a later one of the same id: when it started, in ticks since boot; None if unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def read_run(output: str) -> Run | None:
    """The run that began in this folder; None where none did. Raises UsageError."""
    path = storage.join(output, RUN_NAME)
    if not storage.exists(path):
        return None
    try:
        return Run(**json.loads(storage.read_bytes(path)))
    except (ValueError, TypeError):
        raise UsageError(f"{path} is damaged; give another --output, or delete the folder") from None


def _refuse_foreign_files(output: str) -> None:
    found = [info.path for info in storage.list_files(output)]
    if storage.is_local(output) and os.path.isdir(output):
        found = [entry.path for entry in os.scandir(output)]
    foreign = [path for path in found if storage.TEMPORARY_MARK not in path]
    if foreign:
        name = os.path.basename(foreign[0])
        raise UsageError(f"{output} holds files that are no result of pairmill ({name}); name an empty folder")


def refuse_living_run(
    output: str, wait: float = BEAT_SECONDS * 1.2, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Raise UsageError if the run that began in this folder still lives; only one of another machine takes a wait."""
    path = storage.join(output, BEAT_NAME)
    first = _read_beat(path)
    if first is None:
        return
    if first.get("place") == _place():
        if _is_alive(first):
            raise UsageError(
                f"another job is writing to {output} (process {first.get('pid')}); wait for it, stop it, or name "
                "another --output"
            )
        return
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        sleep(1.0)
        now = _read_beat(path)
        if now is None:
            return
        if now.get("counter") != first.get("counter"):
            raise UsageError(f"another job is writing to {output}; wait for it, stop it, or name another --output")


def _read_beat(path: str) -> dict[str, Any] | None:
    try:
        return json.loads(storage.read_bytes(path)) if storage.exists(path) else None
    except (OSError, ValueError):
        return None


def _is_alive(beat: Mapping[str, Any]) -> bool:
    """Whether the process of a beat of this machine lives, and is not this one."""
    pid = beat.get("pid")
    if not isinstance(pid, int) or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, as another user's
    return _started(pid) == beat.get("started")
