"""progress.json: there while a job works, always whole, gone when it ends well, closed with the cause if it fails."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines import audit, dedupe, export, mine_code, progress, remove
from pipelines.exports import lines
from pipelines.exports.rows import Rows, RowsWatch
from pipelines.live_progress import PROGRESS_NAME, Expected, FileWatch, MarkerWatch, ProgressFile, Seen, Step
from schemas.pair import Pair, Provenance, make_pair
from schemas.pair_set import read_manifest, read_pair_set
from schemas.verify import faults


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs look often."""
    monkeypatch.setattr(progress, "LOOK_SECONDS", 0.02)


@contextmanager
def reading(output: Path, name: str = PROGRESS_NAME) -> Iterator[list[dict]]:
    """Everything that whoever looks at the file sees meanwhile; a torn file would be no JSON."""
    seen, stop = [], threading.Event()

    def look() -> None:
        while not stop.is_set():
            try:
                value = json.loads((output / name).read_bytes())
            except FileNotFoundError:
                continue
            if not seen or seen[-1] != value:
                seen.append(value)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def repositories(folder: Path, count: int) -> str:
    for number in range(count):
        (folder / f"mill{number}").mkdir(parents=True)
        body = "    total = 0\n    for grain in sack:\n        total += grain.weight\n    return total\n"
        text = f'def grind{number}(sack):\n    """Return the weight of what stone {number} has ground."""\n{body}'
        (folder / f"mill{number}" / "mill.py").write_text(text)
    return str(folder / "*")


def test_a_mine_job(looks, tmp_path):
    given, out = repositories(tmp_path / "repos", 12), tmp_path / "out"
    with reading(out) as seen:
        assert mine_code.main(["--input", given, "--output", str(out), "--workers", "1", "--quiet"]) == 0
    manifest = read_manifest(str(out))
    assert {value["run_id"] for value in seen} == {manifest.run_id} and {v["state"] for v in seen} == {"running"}
    (steps,) = zip(*(value["steps"] for value in seen), strict=True)
    assert steps[0]["units"] == 0 and {step["of"] for step in steps} == {12}
    done = [step["units"] for step in steps]
    assert done == sorted(done) and done[-1] >= 1
    for value, step in zip(seen, steps, strict=True):
        assert value["stages"]["file"]["read"] == step["records"] == step["units"]
    assert not (out / PROGRESS_NAME).exists()


def pair_of(number: int) -> Pair:
    return make_pair(
        kind="neighbor_text",
        language="en",
        anchor=f"stone {number} turns",
        positive=f"flour {number} falls",
        place=("file", number),
        group="one group",
        provenance=Provenance(),
    )


def test_an_audit(looks, tmp_path, make_pair_set):
    given, out = str(make_pair_set([pair_of(i) for i in range(40)], files=4)), tmp_path / "out"
    with reading(out) as seen:
        assert audit.main(["--input", given, "--output", str(out), "--workers", "1", "--quiet"]) == 0
    assert {value["job"] for value in seen} == {"audit"} and {value["state"] for value in seen} == {"running"}
    for value in seen:
        assert [(step["step"], step["of"]) for step in value["steps"]] == [("rows", 4), ("near-duplicates", 4)]
    done = [value["steps"][0]["records"] for value in seen]
    assert done == sorted(done) and done[-1] > 0
    assert sorted(path.name for path in out.iterdir()) == ["audit.json", "report.html"]


def test_a_removal(looks, tmp_path, make_pair_set):
    pairs = [pair_of(i) for i in range(40)]
    folder, ids = make_pair_set(pairs, files=4), tmp_path / "ids.txt"
    ids.write_text(pairs[7].row_id)
    with reading(folder) as seen:
        assert remove.main(["--input", str(folder), "--ids", str(ids), "--workers", "1", "--quiet"]) == 0
    assert {value["job"] for value in seen} == {"remove"}
    assert [(step["step"], step["of"]) for step in seen[0]["steps"]] == [("find", 4), ("write", 4)]
    assert not (folder / PROGRESS_NAME).exists() and not list(faults(str(folder)))


def test_an_export(looks, tmp_path, make_pair_set, monkeypatch):
    """It lies beside the folder, which appears when all of it is written."""
    given = str(make_pair_set([pair_of(i) for i in range(40)], validation=[pair_of(i) for i in range(40, 47)]))
    flags = ["--input", given, "--output", str(tmp_path / "out"), "--format", "jsonl", "--quiet"]
    with reading(tmp_path, "out.progress.json") as seen:
        assert export.main(flags) == 0
    assert {value["job"] for value in seen} == {"export"} and {value["state"] for value in seen} == {"running"}
    assert [(step["step"], step["of"]) for step in seen[0]["steps"]] == [("train", 40), ("validation", 7)]
    assert not list(tmp_path.glob("out.*"))
    monkeypatch.setattr(lines, "_lines", lambda values: 1 / 0)
    assert export.main([*flags, "--overwrite"]) == 1
    left = json.loads((tmp_path / "out.progress.json").read_bytes())
    assert left["state"] == "failed" and "division" in left["why"] and left["steps"][0]["records"] == 0
    monkeypatch.undo()
    assert export.main([*flags, "--overwrite"]) == 0 and not list(tmp_path.glob("out.*"))


def test_rows_of_an_export_count_once_they_are_written(make_pair_set):
    rows = Rows(str(make_pair_set([pair_of(i) for i in range(40)])), ("train",))
    watch = RowsWatch(rows, {"train": 40})
    written = rows.batches("train", ["row_id"])
    size = next(written).num_rows
    assert watch.look().steps == (Step("train", 0, 40, 0),)
    assert size + sum(batch.num_rows for batch in written) == 40
    assert watch.look().steps == (Step("train", 40, 40, 40),)


def test_it_is_no_part_of_a_set(make_pair_set):
    folder = make_pair_set([pair_of(1)])
    before = read_pair_set(str(folder)).to_table()
    (folder / PROGRESS_NAME).write_text("{}")
    assert not list(faults(str(folder))) and read_pair_set(str(folder)).to_table() == before


def test_a_job_that_fails_says_why_and_the_next_one_begins_anew(looks, tmp_path, make_pair_set, capsys):
    given, out = str(make_pair_set([pair_of(i) for i in range(20)])), tmp_path / "out"
    flags = ["--input", given, "--output", str(out), "--workers", "1", "--quiet"]
    assert dedupe.main([*flags, "--validation-share", "0.99", "--test-share", "0.0"]) != 0
    said = capsys.readouterr().err
    left = json.loads((out / PROGRESS_NAME).read_bytes())
    assert left["state"] == "failed" and left["why"] in said and "--split-key" in left["why"]
    steps = {step["step"]: step for step in left["steps"]}
    assert list(steps) == ["scan", "match", "verify", "route"]
    assert dedupe.main([*flags, "--overwrite"]) == 0
    assert not (out / PROGRESS_NAME).exists()


def test_rates_and_time_left_are_of_this_run():
    file = ProgressFile("out/progress.json", "mine-web", "r")
    file.value(Seen((Step("mine-web", 50, 100, 5000),)))
    file.starts["mine-web"] -= 10.0
    (now,) = file.value(Seen((Step("mine-web", 60, 100, 6000),)))["steps"]
    assert now["seconds_left"] == pytest.approx(40, rel=0.05)  # 10 units took 10 seconds, and 40 are left
    assert now["records_per_second"] == pytest.approx(100, rel=0.05)
    (ended,) = file.value(Seen((Step("mine-web", 100, 100, 10_000),)))["steps"]
    assert ended["seconds_left"] == 0.0


def test_a_step_counts_from_the_end_of_the_one_before():
    file = ProgressFile("out/progress.json", "dedupe", "r")
    _, second = file.value(Seen((Step("scan", 1, 2, 10), Step("match", 0, 4, 0))))["steps"]
    assert second["records_per_second"] is None and second["seconds_left"] is None
    file.value(Seen((Step("scan", 2, 2, 20), Step("match", 0, 4, 0))))
    assert file.starts["match"] > file.starts["scan"]


def test_files_that_went_again_stay_counted(tmp_path):
    watch = FileWatch(str(tmp_path), {"offsets": Expected("scan", 2, {0: 7, 1: 9}), "facts": Expected("match", 3)})
    for name in ("offsets-000000", "offsets-000001.tmp-abc", "facts-000002", "rows-000000"):
        (tmp_path / name).touch()
    assert watch.look().steps == (Step("scan", 1, 2, 7), Step("match", 1, 3, 0))
    shutil.rmtree(tmp_path)
    assert watch.look().steps == (Step("scan", 1, 2, 7), Step("match", 1, 3, 0))


def test_markers_of_other_units_do_not_count(tmp_path):
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "stranger.json").write_text("{}")
    assert MarkerWatch("mine-web", str(tmp_path), {"mine-web": ["mine"]}).look().steps == (Step("mine-web", 0, 1, 0),)
