"""Two jobs on one output folder: the second refuses, whatever its flags, and the first does not notice."""

from __future__ import annotations

import pytest

from tests.faults.whole_jobs import WholeJob, ended, result, strays, verify, wait_for


def refuse_beside(job, whole, tmp_path, flags: tuple[str, ...]) -> None:
    output, paused = tmp_path / "out", tmp_path / "paused"
    first = job.start(output, fault="pause:job:8", PAIRMILL_FAULT_PAUSED=str(paused))
    wait_for(paused.exists, first)
    for flag in flags:
        second = job.run(output, *([flag] if flag else []))
        told = "another job is writing" if flag else "holds an unfinished result"
        assert second.status == 2 and told in second.sentence
    paused.unlink()
    done = ended(first)
    assert done.status == 0, done.err
    assert verify(output) == 0 and result(output) == whole.result and strays(output) == []


def test_mining(jobs, uninterrupted, tmp_path):
    refuse_beside(jobs["mine-web"], uninterrupted("mine-web"), tmp_path, ("--resume",))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mine-web", "mine-code", "dedupe"])
def test_every_job(jobs, uninterrupted, tmp_path, name):
    flags = ("", "--overwrite") if name == "dedupe" else ("", "--overwrite", "--resume")
    refuse_beside(jobs[name], uninterrupted(name), tmp_path, flags)


@pytest.mark.slow
def test_audits(jobs, tmp_path):
    """Their temporary files lie in one folder: the second must not delete the first one's."""
    audit = WholeJob("pipelines.audit", jobs["dedupe"].input, "--overwrite")
    output, paused = tmp_path / "out", tmp_path / "paused"
    first = audit.start(output, fault="pause:job:8", PAIRMILL_FAULT_PAUSED=str(paused))
    wait_for(paused.exists, first)
    there = {path for path in output.rglob("*") if path.name not in ("_beat.json", "progress.json")}
    for flags in ((), ("--overwrite",)):
        second = audit.run(output, *flags)
        assert second.status == 2 and "another job is writing" in second.sentence
    assert there <= set(output.rglob("*"))
    paused.unlink()
    done = ended(first)
    assert done.status == 0, done.err
    assert sorted(path.name for path in output.iterdir()) == ["audit.json", "report.html"]


@pytest.mark.slow
def test_two_that_start_together(jobs, uninterrupted, tmp_path):
    """One gives the result, the other refuses."""
    for turn in range(3):
        output = tmp_path / f"out{turn}"
        both = [jobs["mine-web"].start(output) for _ in range(2)]
        ends = [ended(process) for process in both]
        assert sorted(end.status for end in ends) == [0, 2], ends
        assert verify(output) == 0 and result(output) == uninterrupted("mine-web").result and strays(output) == []
