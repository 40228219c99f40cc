"""Local workers are copies of one process that has loaded what they need, or start anew where there is none."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from ast import literal_eval
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import ask_for_worker, forked_workers
from pipelines.running import run_pipeline

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are copies on Linux alone")
TWO = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
LOADED = "_loaded_by_the_tests"


def load() -> None:
    setattr(logging, LOADED, os.getpid())


def fail_to_load() -> None:
    raise OSError("the model is not there")


def tell(item: str) -> tuple[int, int, int | None, str]:
    return os.getpid(), os.getppid(), getattr(logging, LOADED, None), os.environ.get("TOLD_LATE", "")


def run(folder: Path, prepare=load) -> list[tuple[int, int, int | None, str]]:
    """What the workers say of themselves, who write it each to a file of its own."""

    def write(item: str) -> None:
        folder.joinpath(item).write_text(repr(tell(item)))

    with run_pipeline(PipelineOptions(TWO), prepare=prepare) as pipeline:
        items = pipeline | beam.Create([str(number) for number in range(20)]) | beam.Reshuffle()
        _ = items | beam.Map(write)
    return [literal_eval(path.read_text()) for path in folder.iterdir()]


def test_workers_are_copies_of_one_process_that_has_loaded_everything_once(tmp_path):
    told = run(tmp_path)
    workers, parents, loaded, _ = (set(values) for values in zip(*told, strict=True))
    assert len(told) == 20 and len(workers) == 2
    assert len(parents) == 1 and loaded == parents and not workers & parents
    assert os.getpid() not in parents


def test_nothing_stays_when_the_job_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    said = tmp_path / "said"
    said.mkdir()
    processes = {process for told in run(said) for process in told[:2]}
    assert not [process for process in processes if Path(f"/proc/{process}").exists()]
    assert not list(tmp_path.glob("pairmill-workers-*"))


def test_the_environment_is_that_of_when_the_worker_starts(tmp_path, monkeypatch):
    start = forked_workers._start_source

    def start_and_change(*args):
        source = start(*args)
        monkeypatch.setenv("TOLD_LATE", "yes")
        return source

    monkeypatch.setattr(forked_workers, "_start_source", start_and_change)
    assert {told[3] for told in run(tmp_path)} == {"yes"}


def test_a_worker_that_cannot_be_copied_starts_anew(tmp_path, monkeypatch):
    def start_nothing(*_):
        return subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)

    monkeypatch.setattr(forked_workers, "_start_source", start_nothing)
    assert {told[2] for told in run(tmp_path)} == {None}


def test_a_folder_whose_name_is_too_long_for_a_socket_is_no_failure(tmp_path, monkeypatch):
    long = tmp_path / ("long" * 40)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr("tempfile.tempdir", None)
    said = tmp_path / "said"
    said.mkdir()
    assert {told[2] for told in run(said)} == {None}


def test_what_cannot_be_loaded_ahead_is_the_workers_own_matter(tmp_path):
    assert {told[2] for told in run(tmp_path, prepare=fail_to_load)} == {None}


@pytest.mark.parametrize(("answer", "status"), [(b"0", 0), (b"3", 3), (b"-9", 137), (b"", 1)])
def test_the_command_ends_as_the_copy_does(answer, status, tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "source"))
        listener.listen()
        listener.settimeout(60)
        command = [sys.executable, "-I", "-S", ask_for_worker.__file__, str(tmp_path / "source")]
        with subprocess.Popen(command, env={"WORKER_ID": "w1"}) as asking:
            client, _ = listener.accept()
            with client, client.makefile("rb") as request:
                asked = json.loads(request.readline())
                client.sendall(answer)
            assert asking.wait() == status and asked["WORKER_ID"] == "w1"


JOB = """
import sys, time, apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from pipelines.running import run_pipeline

def prepare():
    time.sleep(float(sys.argv[1]))

with run_pipeline(PipelineOptions(sys.argv[2:]), prepare=prepare) as pipeline:
    print("begun", flush=True)
    _ = pipeline | beam.Create([1]) | beam.Map(lambda _: (print("at work", flush=True), time.sleep(600)))
"""


def start_job(folder: Path, seconds: int) -> subprocess.Popen:
    """A job in a session of its own, whose workers take so long to load, and then work for ten minutes."""
    script = folder / "job.py"
    script.write_text(JOB)
    command = [sys.executable, str(script), str(seconds), *TWO]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background may ignore it
    )


@pytest.mark.slow
def test_a_job_that_is_killed_leaves_no_process(tmp_path):
    job = start_job(tmp_path, 0)
    assert job.stdout.readline() + job.stdout.readline() == b"begun\nat work\n"
    assert len(session_of(job)) >= 4
    job.kill()
    assert_all_end(job)


@pytest.mark.parametrize("seconds", [0, 3])
def test_ctrl_c_while_the_workers_load_or_start_ends_the_job_at_once(tmp_path, seconds):
    job = start_job(tmp_path, seconds)
    assert job.stdout.readline() == b"begun\n"
    wait_until(lambda: any("ask_for_worker" in line for line in session_of(job)))
    os.killpg(job.pid, signal.SIGINT)
    assert_all_end(job, seconds=100)  # Beam may not end by itself: see pipelines.interrupting


def assert_all_end(job: subprocess.Popen, seconds: int = 60) -> None:
    try:
        wait_until(lambda: job.poll() is not None and not session_of(job), seconds)
    finally:
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and is_of(job, int(process.name)):
                os.kill(int(process.name), signal.SIGKILL)
        job.wait()


def wait_until(is_so: Callable[[], bool], seconds: int = 60) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not within {seconds} seconds"
        time.sleep(0.05)


def session_of(job: subprocess.Popen) -> list[str]:
    """The command lines of the processes of a job, zombies left out."""
    lines = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and is_of(job, int(process.name)):
            with contextlib.suppress(OSError):
                lines.append((process / "cmdline").read_text().replace("\0", " "))
    return [line for line in lines if line]


def is_of(job: subprocess.Popen, process: int) -> bool:
    try:
        return os.getsid(process) == job.pid
    except ProcessLookupError:
        return False
