"""The disk full: one sentence, no result; with room again a rerun gives the uninterrupted one."""

from __future__ import annotations

import subprocess

import pytest

from tests.faults.whole_jobs import TEMPORARY_MARK, result, strays, verify


def fill_and_rerun(job, whole, disk, size: str) -> None:
    output = disk(f"size={size}") / "out"
    failed = job.run(output)
    assert failed.status == 1 and "no space is left" in failed.sentence
    assert verify(output) == 1
    assert not [path for path in output.rglob("*") if TEMPORARY_MARK in path.name]
    subprocess.run(["mount", "-o", "remount,size=64m", str(output.parent)], check=True)
    again = job.run(output, job.go_on)
    assert again.status == 0, again.err
    assert verify(output) == 0 and result(output) == whole.result and strays(output) == []


def test_mining(jobs, uninterrupted, small_disk):
    fill_and_rerun(jobs["mine-web"], uninterrupted("mine-web"), small_disk, "60k")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "workers", "size"),
    [
        ("mine-web", 1, "8k"),
        ("mine-web", 2, "60k"),
        ("mine-code", 1, "90k"),
        ("dedupe", 1, "90k"),
        ("dedupe", 1, "180k"),
    ],
)
def test_every_job(jobs, uninterrupted, small_disk, name, workers, size):
    fill_and_rerun(jobs[name].with_workers(workers), uninterrupted(name), small_disk, size)
