"""Jobs one after another in one process: what a finished one needed is let go."""

import gc
from pathlib import Path

from pipelines import mine_code


def test_what_the_collector_passes_over_does_not_grow_with_the_jobs(tmp_path: Path):
    (tmp_path / "mill").mkdir()
    (tmp_path / "mill" / "grind.py").write_text("def grind(sack):\n    return sack\n")
    frozen = []
    for number in range(5):
        flags = ["--input", str(tmp_path / "mill"), "--output", str(tmp_path / f"out{number}"), "--workers", "1"]
        assert mine_code.main([*flags, "--quiet"]) == 0
        frozen.append(gc.get_freeze_count())
    gc.unfreeze()
    growth = (frozen[4] - frozen[1]) / 3
    assert growth < 1000, f"each job left {growth:,.0f} objects that are never collected ({frozen})"
