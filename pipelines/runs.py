"""One run of a job on one output folder: may it start, what is left of an earlier one, and is that one still alive.

`OUT/_run.json` (run id, config hash) is written once at the start. Where a driver waits for its job, `OUT/_beat.json`
holds a counter that moves every 30 seconds; a second job watches the counter on its own clock before it takes over.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
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
    output: str, config: Mapping[str, Any], *, overwrite: bool, resume: bool = False, resumable: bool = False
) -> Run:
    """Take the output folder for a run with these settings, or raise UsageError with a sentence that says the mend.

    A finished result is refused without `overwrite`; an unfinished one without `resume` (of the same settings only) or
    `overwrite`; a folder with files that no job of ours wrote always.
    """
    finished = storage.exists(storage.join(output, MANIFEST_NAME))
    begun = _read_run(output)
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
        return begun
    if finished or begun is not None:
        storage.delete([storage.join(output, name) for name in OWN_NAMES])
    run = Run(uuid.uuid4().hex, wanted)
    storage.write_atomically(storage.join(output, RUN_NAME), json.dumps(asdict(run)).encode())
    return run


@contextmanager
def heartbeat(output: str, every: float = BEAT_SECONDS) -> Iterator[None]:
    """Show other jobs, for as long as the block runs, that this one is alive."""
    stop = threading.Event()
    path = storage.join(output, BEAT_NAME)

    def beat() -> None:
        counter = 0
        while True:
            counter += 1
            _write_beat(path, counter)
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


def _write_beat(path: str, counter: int) -> None:
    beat = {"counter": counter, "host": socket.gethostname(), "pid": os.getpid()}
    temporary = f"{path}{storage.TEMPORARY_MARK}{os.getpid()}"
    with storage.open_write(temporary) as file:
        file.write(json.dumps(beat).encode())
    storage.replace(temporary, path)


def _read_run(output: str) -> Run | None:
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
    """Raise UsageError if the run that began in this folder still lives; a dead process of this machine is no wait."""
    path = storage.join(output, BEAT_NAME)
    first = _read_beat(path)
    if first is None or (first.get("host") == socket.gethostname() and not _is_alive(first.get("pid"))):
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


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
