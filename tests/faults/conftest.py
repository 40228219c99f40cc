"""The jobs, their input, what they give when nothing happens to them, and file systems to run out of."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.whole_jobs import WholeJob, result, strays, verify, write_crawl, write_repositories


@pytest.fixture(scope="session")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WholeJob]:
    """The jobs by name, in one process each unless a test says otherwise; dedupe reads what mine-code gives."""
    folder = tmp_path_factory.mktemp("faults")
    crawl = write_crawl(folder / "crawl")
    repositories = write_repositories(folder / "repositories")
    web = WholeJob("pipelines.mine_web", f"{crawl}/*", "--resume", ("--keep-rejects",))
    code = WholeJob("pipelines.mine_code", f"{repositories}/*", "--resume")
    mined = folder / "mined"
    assert code.run(mined).status == 0
    dedupe = WholeJob("pipelines.dedupe", str(mined), "--overwrite", ("--shards", "3"))
    return {"mine-web": web, "mine-code": code, "dedupe": dedupe}


@dataclass(frozen=True)
class Uninterrupted:
    """What a job gives when nothing happens to it, and how many changes to the file system that takes."""

    result: dict[str, Any]
    changes: int


@pytest.fixture(scope="session")
def uninterrupted(jobs, tmp_path_factory) -> Callable[[str], Uninterrupted]:
    """`uninterrupted("mine-web")`; each job runs once."""
    done: dict[str, Uninterrupted] = {}

    def run(name: str) -> Uninterrupted:
        if name not in done:
            folder = tmp_path_factory.mktemp("whole")
            count = folder / "count"
            whole = jobs[name].run(folder / "out", fault="count", PAIRMILL_FAULT_COUNT=str(count))
            assert whole.status == 0, whole.err
            assert verify(folder / "out") == 0 and strays(folder / "out") == []
            done[name] = Uninterrupted(result(folder / "out"), int(count.read_text()))
        return done[name]

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`small_disk("size=300k")` gives a folder on a file system of its own with these mount options; root only."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
