"""The portable path, which Flink and Spark share: a graph as its protocol form, sent to a job server.

Beam's own job server stands for theirs; workers are in the process that sent the job, or in a pool of their own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines import dedupe, mine_code
from schemas.pair_set import read_manifest
from schemas.verify import faults

LIMIT = 600
MILL = 'def grind{0}(sack):\n    """Return the weight of what stone {0} has ground."""\n    return sum(sack[{0}:])\n'


@contextmanager
def service(module: str, *flags: str) -> Iterator[subprocess.Popen]:
    """A server of Beam's, ended with all that it started."""
    command = [sys.executable, "-m", f"apache_beam.runners.{module}", *flags]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # a pool starts `python` from there
    with subprocess.Popen(command, start_new_session=True, env=os.environ | {"PATH": path}, **quiet) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(is_so, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + LIMIT
    while not is_so():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("localhost", port)) == 0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """The flags that send a job to the server."""
    folder = tmp_path_factory.mktemp("server")
    flags = ("--port_file", str(folder / "port"), "--staging_dir", str(folder / "staging"))
    with service("portability.local_job_service_main", *flags) as process:
        wait_for((folder / "port").exists, process)
        port = (folder / "port").read_text()
        yield "--runner=PortableRunner", f"--job_endpoint=localhost:{port}", f"--job_server_timeout={LIMIT}"


def same_result(job: str, main, folder: Path, given: tuple[str, ...], runner: tuple[str, ...]) -> None:
    """Send the job to the server, and hold what it gives against the local run, file by file."""
    there, here = folder / "there", folder / "here"
    command = [sys.executable, "-m", f"pipelines.{job}", *given, "--output", str(there), *runner, "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert main([*given, "--output", str(here), "--quiet", "--workers", "1"]) == 0
    ours, theirs = read_manifest(str(here)), read_manifest(str(there))
    assert theirs.data_id == ours.data_id and theirs.ledger == ours.ledger
    assert [(f.path, f.sha256) for f in theirs.files] == [(f.path, f.sha256) for f in ours.files]
    assert not list(faults(str(there))) and sum(theirs.splits.values()) > 0


@pytest.fixture
def mill(tmp_path: Path) -> tuple[str, ...]:
    for number in range(3):
        (tmp_path / f"mill{number}").mkdir()
        (tmp_path / f"mill{number}" / "mill.py").write_text(MILL.format(number))
    return ("--input", f"{tmp_path}/mill*", "--languages", "python", "--filters", "none")


def test_workers_in_the_process_that_sends(tmp_path, mill, server):
    same_result("mine_code", mine_code.main, tmp_path, mill, (*server, "--environment_type=LOOPBACK"))


@pytest.mark.slow
def test_workers_in_a_pool(tmp_path, make_pair_set, server):
    """As beside each of Flink's task managers: the server asks the pool for as many workers as it wants."""
    port = free_port()
    given = ("--input", str(make_pair_set(200, files=2)), "--shards", "3", "--partitions", "2")
    with service("worker.worker_pool_main", f"--service_port={port}") as process:
        wait_for(lambda: answers(port), process)
        outside = (*server, "--environment_type=EXTERNAL", f"--environment_config=localhost:{port}")
        same_result("dedupe", dedupe.main, tmp_path, given, outside)


@pytest.mark.slow
def test_a_job_that_fails_there_is_told(tmp_path, make_pair_set, server):
    given = make_pair_set(40)
    (data,) = (given / "data").iterdir()
    damaged = bytearray(data.read_bytes())
    damaged[4:400] = bytes(396)  # of the same length, so that only reading it tells
    data.write_bytes(damaged)
    flags = ["--input", str(given), "--output", str(tmp_path / "out"), *server, "--environment_type=LOOPBACK"]
    command = [sys.executable, "-m", "pipelines.dedupe", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 1 and "pairmill dedupe failed" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert json.loads((tmp_path / "out" / "progress.json").read_text())["state"] == "failed"
