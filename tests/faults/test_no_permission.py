"""No permission to write: one sentence that names the place, and nothing is left there."""

from __future__ import annotations

import os
import subprocess

import pytest


def test_a_read_only_disk(jobs, small_disk):
    disk = small_disk("size=1m")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    failed = jobs["mine-web"].run(disk / "out")
    assert failed.status == 1
    assert str(disk / "out") in failed.sentence and "Read-only file system" in failed.sentence


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else(jobs, tmp_path):
    """The workers' own user, without any right on the folder."""
    folder = tmp_path / "others"
    folder.mkdir(mode=0o755)
    for name in ("mine-web", "dedupe"):
        try:
            failed = jobs[name].run(folder / "out", user=65534)
        except PermissionError:
            pytest.skip("the Python of this installation cannot be run by other users")
        assert failed.status in (1, 2) and "ermission denied" in failed.sentence
        assert list(folder.iterdir()) == []
