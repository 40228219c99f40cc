"""SIGKILL at any moment: nothing half-written passes verify, and a rerun gives the uninterrupted result, cleaned up."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.faults.whole_jobs import ended, group_of, result, strays, verify, wait_for

JOBS = ("mine-web", "mine-code", "dedupe")
ONE_IS_QUICK = ["mine-web", *(pytest.param(name, marks=pytest.mark.slow) for name in JOBS[1:])]
GONE_SECONDS = 30


def moments(name: str, changes: int, count: int) -> list[int]:
    """Seeded moments, one in each of `count` equal stretches of the changes that the job makes to its folder."""
    rng = random.Random(name)
    return [1 + int((i + rng.random()) * changes / count) for i in range(count)]


def kill(job, whole, output, moment: int, *flags: str) -> None:
    """Kill the job before that change; what it leaves is no pair set, or a whole one."""
    killed = job.run(output, *flags, fault=f"kill:job:{moment}")
    assert killed.status == -signal.SIGKILL, (moment, killed.err)
    if (output / "manifest.json").exists():
        assert verify(output) == 0 and result(output) == whole.result, moment
    else:
        assert verify(output) == 1, moment


def finish(job, whole, output, *flags: str) -> None:
    """Run it to its end: the same result, and nothing beside it."""
    last = job.run(output, *flags)
    assert last.status == 0, last.err
    assert verify(output) == 0 and result(output) == whole.result
    assert strays(output) == []


@pytest.mark.parametrize("name", ONE_IS_QUICK)
def test_killed_twice(jobs, uninterrupted, tmp_path, name):
    """At the first moment, then in the rerun at the second, which lies before the end of what is left to do."""
    job, whole = jobs[name], uninterrupted(name)
    first, _, last = moments(name, whole.changes, 3)
    kill(job, whole, tmp_path / "out", first)
    kill(job, whole, tmp_path / "out", last - first, job.go_on)
    finish(job, whole, tmp_path / "out", job.go_on)


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_killed_at_many_moments(jobs, uninterrupted, tmp_path, name):
    job, whole = jobs[name], uninterrupted(name)
    for moment in sorted({1, whole.changes, *moments(name, whole.changes, 12)}):
        output = tmp_path / f"out{moment}"
        kill(job, whole, output, moment)
        finish(job, whole, output, job.go_on)


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_killed_by_the_clock(jobs, uninterrupted, tmp_path, name):
    """As above, at moments of time: in the middle of a write too."""
    job, whole, rng = jobs[name], uninterrupted(name), random.Random(f"{name} by time")
    began = time.monotonic()
    assert job.run(tmp_path / "whole").status == 0
    seconds = time.monotonic() - began
    for number in range(10):
        output = tmp_path / f"out{number}"
        process = job.start(output)
        time.sleep(seconds * rng.uniform(0.3, 1.0))
        process.kill()
        status = ended(process).status
        assert status in (0, -signal.SIGKILL)
        flags = () if not output.exists() else (job.go_on,)
        finish(job, whole, output, *flags)


@pytest.mark.slow
def test_no_worker_outlives_a_killed_job(jobs, uninterrupted, tmp_path):
    """A worker that went on would write into the folder that the rerun has taken."""
    output, paused = tmp_path / "out", tmp_path / "paused"
    job, whole = jobs["mine-web"].with_workers(2), uninterrupted("mine-web")
    process = job.start(output, fault="pause:worker:3", PAIRMILL_FAULT_PAUSED=str(paused))
    wait_for(paused.exists, process)
    process.kill()
    assert ended(process).status == -signal.SIGKILL
    wait_for(lambda: not group_of(process), seconds=GONE_SECONDS)
    finish(job, whole, output, "--resume")
