"""Beam's counters after a job are the manifest's ledger, reason by reason."""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines import dedupe, mine_code, mine_job, select_pairs, set_job
from pipelines.running import run_pipeline
from schemas.ledger import FAILURES, REASONS
from schemas.pair import Provenance, make_pair
from schemas.pair_set import read_manifest


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, dict[str, int]]]:
    """The counters of the last job, by stage."""
    ran = []

    @contextmanager
    def keep(*args: object, **given: object):
        with run_pipeline(*args, **given) as pipeline:
            yield pipeline
        ran.append(pipeline.result)

    for module in (mine_job, set_job, dedupe):
        monkeypatch.setattr(module, "run_pipeline", keep)

    def found() -> dict[str, dict[str, int]]:
        stages: dict[str, dict[str, int]] = {}
        for counter in ran[-1].metrics().query()["counters"]:
            name = counter.key.metric
            if name.namespace in STAGE_NAMES:
                stages.setdefault(name.namespace, {})[name.name] = counter.committed
        return stages

    return found


STAGE_NAMES = {name.split("/")[1] for name in REASONS}


def expected(folder: Path) -> dict[str, dict[str, int]]:
    found = {}
    for name, stage in read_manifest(str(folder)).ledger["stages"].items():
        counts = {"read": stage["read"], "kept": stage["kept"], **stage["dropped"], **stage["failed"]}
        found[name] = {what: n for what, n in counts.items() if n}
    return {name: counts for name, counts in found.items() if counts}


def test_no_reason_is_named_twice_in_a_stage():
    for stage, reasons in REASONS.items():
        names = ["read", "kept", *reasons, *FAILURES[stage]]
        assert len(names) == len(set(names)), stage


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_mining(workers, counters, tmp_path):
    for name, text in (("a.py", "def f():\n    return 1\n"), ("b.txt", "no code"), ("c.py", "def g(:\n")):
        (tmp_path / "mill").mkdir(exist_ok=True)
        (tmp_path / "mill" / name).write_text(text)
    (tmp_path / "mill" / "d.py").write_bytes(b"\xff\xff")
    flags = ["--input", str(tmp_path / "mill"), "--output", str(tmp_path / "out"), "--quiet", "--workers", workers]
    assert mine_code.main(flags) == 0
    assert counters() == expected(tmp_path / "out")
    assert counters()["file"]["not_utf8"] == 1 and counters()["file"]["unknown_language"] == 1


def test_dedupe_and_select(counters, make_pair_set, tmp_path):
    pairs = [
        make_pair(
            kind="neighbor_text",
            language="en" if i % 3 else "de",
            anchor=f"the miller of village {i % 40} opens the sluice at dawn",
            positive=f"and wheel {i % 40} begins to turn under the cold water of spring {i % 40}",
            place=("file", i),
            group=f"group{i}",
            provenance=Provenance(),
        )
        for i in range(60)
    ]
    given = str(make_pair_set(pairs, files=2))
    assert dedupe.main(["--input", given, "--output", str(tmp_path / "clean"), "--quiet", "--workers", "1"]) == 0
    assert counters() == expected(tmp_path / "clean") and counters()["exact"]["same_pair"] >= 20
    flags = ["--input", given, "--output", str(tmp_path / "english"), "--quiet", "--workers", "1"]
    assert select_pairs.main([*flags, "--where", 'language = "en"']) == 0
    assert counters() == expected(tmp_path / "english") and counters()["where"]["not_selected"] == 20
