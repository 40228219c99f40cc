"""Jobs one after another in one process: what a finished one needed is let go."""

import gc
from pathlib import Path

import pytest

from pipelines import mine_code


@pytest.mark.slow
def test_what_jobs_leave_does_not_grow(tmp_path: Path):
    (tmp_path / "mill").mkdir()
    (tmp_path / "mill" / "grind.py").write_text("def grind(sack):\n    return sack\n")
    before, left = gc.get_freeze_count(), []
    for number in range(5):
        flags = ["--input", str(tmp_path / "mill"), "--output", str(tmp_path / f"out{number}"), "--workers", "1"]
        assert mine_code.main([*flags, "--quiet"]) == 0
        assert gc.get_freeze_count() <= before, "the collector passes over what a finished job left"
        gc.collect()
        left.append(len(gc.get_objects()))
    growth = (left[4] - left[1]) / 3
    assert growth < 1000, f"each job left {growth:,.0f} objects ({left})"
