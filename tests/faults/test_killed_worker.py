"""kill -9 of a worker or of the process that parses: the job fails with one sentence, or does without the process."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.whole_jobs import ended, group_of, result, strays, verify, wait_for


def fail_and_rerun(job, whole, output, moment: int) -> None:
    failed = job.run(output, fault=f"kill:worker:{moment}")
    assert failed.status == 1 and "a worker process was killed" in failed.sentence
    assert verify(output) == 1
    again = job.run(output, job.go_on)
    assert again.status == 0, again.err
    assert verify(output) == 0 and result(output) == whole.result and strays(output) == []


def test_a_worker(jobs, uninterrupted, tmp_path):
    fail_and_rerun(jobs["mine-web"].with_workers(2), uninterrupted("mine-web"), tmp_path / "out", 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mine-code", "dedupe"])
def test_a_worker_of_other_jobs(jobs, uninterrupted, tmp_path, name):
    fail_and_rerun(jobs[name].with_workers(2), uninterrupted(name), tmp_path / "out", 2)


@pytest.mark.slow
def test_the_parsing_process(jobs, uninterrupted, tmp_path):
    """A file is tried again in a fresh one, so that the result is the same."""
    output, paused, whole = tmp_path / "out", tmp_path / "paused", uninterrupted("mine-code")
    fault = f"pause:job:{whole.changes // 2}"
    process = jobs["mine-code"].start(output, fault=fault, PAIRMILL_FAULT_PAUSED=str(paused))
    wait_for(paused.exists, process)
    parsing = [one for one in group_of(process) if "miners.code.parsing_child" in one.cmdline()]
    assert parsing
    for one in parsing:
        os.kill(one.pid, signal.SIGKILL)
    paused.unlink()
    done = ended(process)
    assert done.status == 0, done.err
    assert verify(output) == 0 and result(output) == whole.result
