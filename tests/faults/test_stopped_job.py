"""Ctrl-C and SIGTERM: one sentence, status 130 and 143, nothing half-written, and the job goes on where it was."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.whole_jobs import TEMPORARY_MARK, ended, group_of, result, strays, verify, wait_for


def stop_and_rerun(job, whole, tmp_path, number: int, fault: str = "", *, whole_group: bool = False) -> None:
    """Stop it there, by default in the middle of its changes to the folder, and run it to its end."""
    fault = fault or f"pause:job:{whole.changes // 2}"
    output, paused = tmp_path / "out", tmp_path / "paused"
    process = job.start(output, fault=fault, PAIRMILL_FAULT_PAUSED=str(paused))
    wait_for(paused.exists, process)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    stopped = ended(process)
    assert stopped.status == 128 + number and "interrupted" in stopped.sentence
    wait_for(lambda: not group_of(process))
    paused.unlink(missing_ok=True)
    assert verify(output) == 1 and not (output / "_beat.json").exists()
    if "worker" not in fault:
        assert not [path for path in output.rglob("*") if TEMPORARY_MARK in path.name]
    again = job.run(output, job.go_on)
    assert again.status == 0, again.err
    assert verify(output) == 0 and result(output) == whole.result and strays(output) == []


def test_sigterm(jobs, uninterrupted, tmp_path):
    stop_and_rerun(jobs["mine-web"], uninterrupted("mine-web"), tmp_path, signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["mine-web", "mine-code", "dedupe"])
def test_every_job(jobs, uninterrupted, tmp_path, name, number):
    stop_and_rerun(jobs[name], uninterrupted(name), tmp_path, number)


@pytest.mark.slow
@pytest.mark.parametrize("whole_group", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_with_workers(jobs, uninterrupted, tmp_path, number, whole_group):
    """A terminal sends Ctrl-C to the workers too, and so does who stops a group."""
    job, whole = jobs["mine-web"].with_workers(2), uninterrupted("mine-web")
    stop_and_rerun(job, whole, tmp_path, number, "pause:worker:3", whole_group=whole_group)
