"""Whole jobs as their users start them, on small real input, and what holds of a folder whatever happened to it."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

TEMPORARY_MARK = ".tmp-"
ROOT = Path(__file__).parents[2]
INJECTED = Path(__file__).parent / "injected"
STDLIB = Path(sysconfig.get_path("stdlib"))
LIMIT = 300
"""Seconds after which a job counts as hanging."""
OF_A_RUN = ("run_id", "created", "manifest_sha256")
"""What differs in the manifests of two runs that give the same set."""


@dataclass(frozen=True)
class WholeJob:
    """One of the jobs with its input; every call starts a process of its own group."""

    module: str
    input: str
    go_on: str
    """The flag of a rerun of an unfinished result."""
    flags: tuple[str, ...] = ()
    workers: int = 1

    def with_workers(self, workers: int) -> WholeJob:
        """The same job in so many processes."""
        return replace(self, workers=workers)

    def reading(self, pattern: str) -> WholeJob:
        """The same job on another input."""
        return replace(self, input=pattern)

    def start(
        self, output: Path, *flags: str, fault: str = "", user: int | None = None, **env: str
    ) -> subprocess.Popen[str]:
        """Start it, with a fault of `injected.sitecustomize` in its processes, as another user where one is given."""
        own = ["--input", self.input, "--output", str(output), "--workers", str(self.workers), "--quiet"]
        path = os.pathsep.join([str(INJECTED), str(ROOT)])
        faults = {"PAIRMILL_FAULT": fault, "PAIRMILL_FAULT_FOLDER": str(output), "PYTHONPATH": path}
        return subprocess.Popen(
            [sys.executable, "-m", self.module, *own, *self.flags, *flags],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | faults | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            user=user,
            preexec_fn=_heed_interrupts,
        )

    def run(self, output: Path, *flags: str, fault: str = "", user: int | None = None, **env: str) -> Ended:
        """Start it and wait for its end."""
        return ended(self.start(output, *flags, fault=fault, user=user, **env))


def _heed_interrupts() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Ended:
    """How a job ended; a negative status is the signal that ended it."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line that it left on stderr."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for the process; one that hangs is killed with all of its group, and that is a failure."""
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Ended(process.returncode, out, err)


def wait_for(is_so: Callable[[], Any], process: subprocess.Popen[str] | None = None, seconds: float = LIMIT) -> Any:
    """What `is_so` gives once that is true; an AssertionError when it never is, or the process ends before."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def group_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of a job's group that live, whoever their parent is by now."""
    found = []
    for one in psutil.process_iter():
        try:
            if os.getpgid(one.pid) == process.pid and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def verify(folder: Path) -> int:
    """The exit status of `pairmill verify`."""
    from schemas.verify import main

    return main([str(folder), "--quiet"])


def result(folder: Path) -> dict[str, Any]:
    """The manifest without what differs between two runs."""
    manifest = json.loads((folder / "manifest.json").read_text())
    return {name: value for name, value in manifest.items() if name not in OF_A_RUN}


def strays(folder: Path) -> list[str]:
    """What lies in the folder of a finished result and does not belong to it."""
    manifest = json.loads((folder / "manifest.json").read_text())
    named = {"manifest.json", "README.md", "_run.json"} | {entry["path"] for entry in manifest["files"]}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - named
    return sorted(path for path in found if not (path.startswith("units/") and path.endswith(".json")))


def write_crawl(folder: Path, files: int = 4, pages: int = 6) -> Path:
    """WARC files of small pages; no two texts are alike."""
    folder.mkdir(parents=True)
    for number in range(files):
        write_warc(folder / f"{number}.warc.gz", range(number * pages, (number + 1) * pages))
    return folder


def write_warc(path: Path, numbers: range) -> Path:
    sentence = "The miller of village {0} opens the sluice at dawn, and wheel {1} begins to turn under the cold water."
    head = [("Content-Type", "text/html; charset=utf-8")]
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for n in numbers:
            body = "".join(f"<p>{sentence.format(n, i)} {sentence.format(n + 1, i)}</p>" for i in range(4))
            writer.write_record(
                writer.create_warc_record(
                    f"http://www.site{n % 5}.org/{n}",
                    "response",
                    payload=io.BytesIO(f"<html><body><main>{body}</main></body></html>".encode()),
                    http_headers=StatusAndHeaders("200 OK", head, protocol="HTTP/1.1"),
                    warc_headers_dict={"WARC-Date": "2024-05-06T07:08:09Z"},
                )
            )
    return path


def write_repositories(folder: Path, names: Sequence[str] = ("json", "tomllib", "wsgiref")) -> Path:
    """Packages of the standard library, each a repository."""
    for name in names:
        shutil.copytree(STDLIB / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
