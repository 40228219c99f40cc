"""A remote git repository: one commit of it, fetched into a scratch folder that goes when the reader is closed.

There is no checkout: objects come over and are read from the store, so no hook, filter, submodule or LFS file is ever
touched. The only protocols are those that the caller allows, redirects included; no prompt can appear.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from miners.code.repository import UnreadableError, strip_suffix
from miners.code.repository_git import SAFE_SETTINGS, GitRepository, environment, name_of_remote

PROTOCOLS = ("https", "ssh", "http", "git", "file")
TRIES = 3
FIRST_WAIT = 1.0
"""Seconds before the second try; four times as many before each later one."""
STALL_SECONDS = 30
"""Without a byte for so long over HTTP, a try has failed."""
_LOOK_SECONDS = 0.1
_TAIL = 2000
_SETTINGS = (
    *SAFE_SETTINGS,
    *("credential.helper=", "submodule.recurse=false", "fetch.recurseSubmodules=false", "protocol.version=2"),
    *("gc.auto=0", "maintenance.auto=false", "transfer.unpackLimit=1", "pack.threads=1"),
    "core.bigFileThreshold=16m",  # larger objects are streamed, so that one does not fill the memory
    *("http.lowSpeedLimit=1", f"http.lowSpeedTime={STALL_SECONDS}"),
)
_FINAL = re.compile(
    r"couldn't find remote ref|not our ref|not found|not allowed|[Aa]uthentication failed|could not read Username"
    r"|does not appear to be a git repository|Permission denied|unadvertised object|invalid refspec"
    r"|Host key verification failed|not supported or disabled|returned error: 4(?!29)\d\d"
)
"""What no second try mends."""
_STALLED = re.compile(r"Operation too slow|timed out", re.IGNORECASE)


@dataclass(frozen=True)
class CloneLimits:
    """How long a clone may take with all its tries, how much it may bring, and over what."""

    seconds: float = 600.0
    max_bytes: int = 2 << 30
    protocols: tuple[str, ...] = ("https", "ssh")

    def __post_init__(self) -> None:
        unknown = sorted(set(self.protocols) - set(PROTOCOLS))
        if unknown or not self.protocols:
            raise ValueError(f"there is no clone protocol {unknown}; there are {', '.join(PROTOCOLS)}")
        if self.seconds <= 0 or self.max_bytes <= 0:
            raise ValueError("a clone needs some seconds and some bytes; give limits above 0")


class CloneError(UnreadableError):
    """A repository that did not come over; `reason` is a failure of mine-code/file."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class ClonedRepository(GitRepository):
    """The commit that `revision` names at `url` (None: its HEAD). Raises CloneError.

    `scratch` is the folder in which its own is made (None: the system's), and from which `close` deletes it.
    """

    def __init__(self, url: str, revision: str | None, limits: CloneLimits, scratch: str | None = None) -> None:
        if scratch is not None:
            os.makedirs(scratch, exist_ok=True)
        self._scratch = tempfile.mkdtemp(prefix="pairmill-clone-", dir=scratch)
        try:
            fetch(url, revision or "HEAD", self._scratch, limits)
            name = name_of_remote(url) or strip_suffix(os.path.basename(url.rstrip("/")))
            super().__init__(self._scratch, "FETCH_HEAD", name, url)
        except UnreadableError as error:
            self.close()
            raise error if isinstance(error, CloneError) else CloneError("clone_failed", str(error)) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End what reads the clone, and delete it."""
        super().close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def fetch(
    url: str, revision: str, folder: str, limits: CloneLimits, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Bring one commit of `url` into the empty `folder` as FETCH_HEAD of a bare repository. Raises CloneError."""
    if url.startswith("-") or revision.startswith("-"):
        raise CloneError("clone_failed", "a URL or a revision that begins with a dash is none")
    deadline = time.monotonic() + limits.seconds
    _run(["init", "--quiet", "--bare", "--template=", folder], folder, limits, deadline)
    wait = FIRST_WAIT
    for left in reversed(range(TRIES)):
        try:
            arguments = ["--depth=1", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance", "--quiet"]
            _run(["-C", folder, "fetch", *arguments, "--", url, revision], folder, limits, deadline)
            return
        except CloneError as error:
            is_final = error.reason == "clone_too_large" or _FINAL.search(str(error))
            if not left or is_final or time.monotonic() + wait >= deadline:
                raise
        sleep(wait)
        wait *= 4


def _run(arguments: list[str], folder: str, limits: CloneLimits, deadline: float) -> None:
    """One git command in a process group of its own, killed at the deadline or when `folder` is too large."""
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                ["git", "--no-pager", *settings, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=_environment(limits),
                start_new_session=True,
            )
        except OSError as error:
            raise CloneError("clone_failed", f"git does not run here: {error}") from None
        try:
            status = _watch(process, folder, limits, deadline)
        finally:
            _kill(process)
        if status:
            cause = _tail(errors) or f"git ended with status {status}"
            raise CloneError("clone_timeout" if _STALLED.search(cause) else "clone_failed", cause)


def _watch(process: subprocess.Popen, folder: str, limits: CloneLimits, deadline: float) -> int:
    status = None
    while status is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(_LOOK_SECONDS)
        if _size(folder) > limits.max_bytes:
            raise CloneError("clone_too_large", f"is more than {limits.max_bytes:,} bytes")
        if status is None and time.monotonic() > deadline:
            raise CloneError("clone_timeout", f"did not end within {limits.seconds:g} s")
    return status


def _size(folder: str) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total


def _kill(process: subprocess.Popen) -> None:
    """End git and its helpers; after a good end there is nobody left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(errors: BinaryIO) -> str:
    errors.seek(0, os.SEEK_END)
    errors.seek(max(0, errors.tell() - _TAIL))
    return " ".join(errors.read().decode("utf-8", "replace").split())


def _environment(limits: CloneLimits) -> dict[str, str]:
    return environment() | {
        "GIT_ALLOW_PROTOCOL": ":".join(limits.protocols),
        "GIT_ASKPASS": "",  # set and empty: git asks nobody, not even by SSH_ASKPASS
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    }
