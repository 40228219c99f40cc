"""Local workers are copies of one process that has loaded what they need, or start anew where there is none."""

import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from ast import literal_eval
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
                asked = json.loads(request.read())
                client.sendall(answer)
            assert asking.wait() == status and asked["WORKER_ID"] == "w1"


def test_a_job_that_is_killed_leaves_no_process(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(
        "import sys, time, apache_beam as beam\n"
        "from apache_beam.options.pipeline_options import PipelineOptions\n"
        "from pipelines.running import run_pipeline\n"
        f"with run_pipeline(PipelineOptions({TWO!r})) as pipeline:\n"
        "    _ = pipeline | beam.Create([1]) | beam.Map(lambda _: (print('at work', flush=True), time.sleep(600)))\n"
    )
    job = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, start_new_session=True)
    assert job.stdout.readline() == b"at work\n"
    everyone = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    ours = [process for process in everyone if session_of(process) == job.pid and process != job.pid]
    assert len(ours) >= 3
    job.kill()
    job.wait()
    gone = threading.Event()
    for _ in range(600):
        if not any(session_of(process) == job.pid for process in ours):
            return
        gone.wait(0.1)
    os.killpg(job.pid, signal.SIGKILL)
    pytest.fail(f"of {shlex.join(map(str, ours))} some still run")


def session_of(process: int) -> int | None:
    try:
        return os.getsid(process)
    except ProcessLookupError:
        return None
