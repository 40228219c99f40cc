"""A wall clock that jumps by more than a year, to and fro: the same result, and no living job is taken over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.whole_jobs import ended, result, verify, wait_for


@pytest.mark.slow
def test_two_jobs_under_a_jumping_clock(jobs, uninterrupted, tmp_path):
    output, paused = tmp_path / "out", tmp_path / "paused"
    first = jobs["mine-web"].start(output, fault="clock,pause:job:9", PAIRMILL_FAULT_PAUSED=str(paused))
    wait_for(paused.exists, first)
    second = jobs["mine-web"].run(output, "--overwrite", fault="clock")
    assert second.status == 2 and "another job is writing" in second.sentence
    paused.unlink()
    done = ended(first)
    assert done.status == 0, done.err
    assert verify(output) == 0 and result(output) == uninterrupted("mine-web").result


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mine-web", "mine-code", "dedupe"])
def test_libfaketime(jobs, uninterrupted, tmp_path, name):
    """The same for every library of the process: a day passes in a second, from a start in the past."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed")
    env = {"LD_PRELOAD": str(found[0]), "FAKETIME": "-400d x86400", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    done = jobs[name].run(tmp_path / "out", **env)
    assert done.status == 0, done.err
    assert verify(tmp_path / "out") == 0 and result(tmp_path / "out") == uninterrupted(name).result
