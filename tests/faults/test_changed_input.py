"""An input that vanishes or changes while the job runs is told, and never mixed with what it was."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from tests.faults.whole_jobs import verify, write_crawl, write_repositories, write_warc

AFTER_PLANNING = "swap:job:1"
"""The first change to the output is made when the inputs are listed."""


def failed_records(output, stage: str) -> tuple[dict, list[str]]:
    ledger = json.loads((output / "manifest.json").read_text())["ledger"]
    return ledger["stages"][stage]["failed"], [one["why"] for one in ledger["failures"]]


@pytest.mark.parametrize("vanishes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_crawl_file_costs_itself(jobs, tmp_path, vanishes):
    crawl = write_crawl(tmp_path / "crawl", files=2)
    other = "" if vanishes else str(write_warc(tmp_path / "other.warc.gz", range(50, 60)))
    victim = crawl / "0.warc.gz"
    faults = {"PAIRMILL_FAULT_FILE": str(victim), "PAIRMILL_FAULT_WITH": other}
    job = jobs["mine-web"].reading(f"{crawl}/*")
    done = job.run(tmp_path / "out", fault=AFTER_PLANNING, **faults)
    assert done.status == 0, done.err
    failed, (why,) = failed_records(tmp_path / "out", "record")
    assert failed == {"changed_file": 1}
    assert ("vanished" if vanishes else "was changed while the job ran") in why
    alone = jobs["mine-web"].reading(str(crawl / "1.warc.gz"))
    assert alone.run(tmp_path / "alone").status == 0
    assert verify(tmp_path / "out") == 0
    assert data_id(tmp_path / "out") == data_id(tmp_path / "alone")


def data_id(output) -> str:
    return json.loads((output / "manifest.json").read_text())["data_id"]


@pytest.mark.slow
def test_a_repository_costs_itself(jobs, tmp_path):
    """A folder is told by its files, also where one of them has the size that it had."""
    repositories = write_repositories(tmp_path / "repositories", ("json", "tomllib"))
    victim = repositories / "json" / "decoder.py"
    other = tmp_path / "other.py"
    other.write_bytes(victim.read_bytes().swapcase())
    faults = {"PAIRMILL_FAULT_FILE": str(victim), "PAIRMILL_FAULT_WITH": str(other)}
    job = jobs["mine-code"].reading(f"{repositories}/*")
    done = job.run(tmp_path / "out", fault=AFTER_PLANNING, **faults)
    assert done.status == 0, done.err
    failed, (why,) = failed_records(tmp_path / "out", "file")
    assert failed == {"changed_repository": 1} and "changed, added or deleted" in why
    assert jobs["mine-code"].reading(str(repositories / "tomllib")).run(tmp_path / "alone").status == 0
    assert data_id(tmp_path / "out") == data_id(tmp_path / "alone")


@pytest.mark.slow
@pytest.mark.parametrize("vanishes", [True, False])
def test_a_pair_set_stops_dedupe(jobs, uninterrupted, tmp_path, vanishes):
    """Between two passes, which would otherwise see different rows."""
    mined = tmp_path / "mined"
    shutil.copytree(jobs["dedupe"].input, mined)
    victim = sorted((mined / "data").iterdir())[0]
    other = tmp_path / "other.parquet"
    shutil.copyfile(victim, other)
    time.sleep(0.01)
    other.touch()
    faults = {"PAIRMILL_FAULT_FILE": str(victim), "PAIRMILL_FAULT_WITH": "" if vanishes else str(other)}
    job = jobs["dedupe"].reading(str(mined))
    half = uninterrupted("dedupe").changes // 2
    failed = job.run(tmp_path / "out", fault=f"swap:job:{half}", **faults)
    assert failed.status == 1 and victim.name in failed.sentence
    assert verify(tmp_path / "out") == 1 and not (tmp_path / "out" / "_temp" / "x").exists()
