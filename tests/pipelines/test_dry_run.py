"""`--dry-run` of every job: all fields are printed, nothing is written, and the estimate is near what the job does."""

from __future__ import annotations

import io
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipelines import audit, dedupe, export, migrate, mine_code, mine_web, remove, select_pairs
from pipelines.dry_runs import estimate
from pipelines.dry_runs.estimate import Sample, Taken, take_sample
from schemas.pair_set import read_manifest
from tests.conftest import code_pairs

MakePairSet = Callable[..., Path]
SENTENCE = "The miller of village {0} opens the sluice at dawn, and wheel {1} begins to turn under the cold water."
FIELDS = re.compile(
    r"input: (?P<files>[\d,]+) \w+.*, (?P<megabytes>[\d,.]+) MB.*; (?P<units>[\d,]+) units\n"
    r"sample: (?P<pieces>[\d,]+) pieces \(seed 0\), [\d.]+% of the input, [\d,.]+ s of one core\n"
    r"estimate: (?:at least )?[\d.]+ core-hours \([\d.]+ to [\d.]+\); .+ \(.+ to .+\) "
    r"with (?P<workers>\d+) workers here\n"
    r"output: (?:at least )?(?P<rows>[\d,]+) rows \((?P<low>[\d,]+) to (?P<high>[\d,]+)\), [\d,.]+ MB \(.+ to .+\)\n"
    r"ranges: .+\n"
)


@pytest.fixture(autouse=True)
def short_samples(monkeypatch):
    """A second is enough for small input; the default of the function is read when it is made."""
    monkeypatch.setattr(take_sample, "__defaults__", (0.5,))


def planned(job: object, capsys, *arguments: object, output: Path | None = None) -> dict[str, int]:
    """The numbers of the plan that the job prints; nothing is at its output afterwards."""
    flags = ["--output", str(output)] if output else []
    assert job.main([*map(str, arguments), *flags, "--dry-run"]) == 0
    told = capsys.readouterr().out
    found = FIELDS.search(told)
    assert found and told.endswith("nothing was written\n"), told
    assert output is None or not output.exists()
    return {name: int(float(value.replace(",", ""))) for name, value in found.groupdict().items()}


def write_crawl(path: Path, numbers: range) -> Path:
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        for number in numbers:
            rng = random.Random(number)
            lines = (SENTENCE.format(number, rng.randrange(10**9)) + SENTENCE.format(rng.random(), i) for i in range(6))
            body = "".join(f"<p>{line}</p>" for line in lines)
            head = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
            page = io.BytesIO(f"<html><body><main>{body}</main></body></html>".encode())
            url = f"http://www.site{number % 9}.org/{number}"
            writer.write_record(writer.create_warc_record(url, "response", payload=page, http_headers=head))
    return path


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc"])
def test_mine_web(name: str, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr("pipelines.dry_runs.crawl_windows.WINDOW_BYTES", 20_000)
    crawl = write_crawl(tmp_path / name, range(300))
    plan = planned(mine_web, capsys, "--input", crawl, output=tmp_path / "out")
    assert mine_web.main(["--input", str(crawl), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    rows = sum(read_manifest(tmp_path / "out").splits.values())
    assert rows / 2 < plan["rows"] < rows * 2
    assert (plan["files"], plan["units"], plan["workers"]) == (1, 1, 1)


def test_mine_code_on_this_code(tmp_path: Path, capsys):
    root = Path(mine_code.__file__).parents[1]
    repositories = tmp_path / "repositories"
    for name in ("schemas", "miners/contamination"):
        shutil.copytree(root / name, repositories / Path(name).name, ignore=shutil.ignore_patterns("__pycache__"))
    inputs = sorted(repositories.iterdir())
    plan = planned(mine_code, capsys, "--input", *inputs, output=tmp_path / "out")
    assert mine_code.main(["--input", *map(str, inputs), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    rows = sum(read_manifest(tmp_path / "out").splits.values())
    assert rows / 3 < plan["rows"] < rows * 3 and plan["units"] == 2
    again = planned(mine_code, capsys, "--input", *inputs, "--workers", 3, output=tmp_path / "more")
    assert again["workers"] == 3


def test_jobs_on_pair_sets(tmp_path: Path, capsys, make_pair_set: MakePairSet):
    source = make_pair_set(code_pairs(400), files=3)
    plan = planned(dedupe, capsys, "--input", source, output=tmp_path / "out")
    assert 200 < plan["rows"] <= 400 and plan["files"] == 3
    flags = ["--input", source, "--where", 'language = "python"']
    assert planned(select_pairs, capsys, *flags, output=tmp_path / "out")["rows"] == 400
    plan = planned(export, capsys, "--input", source, "--format", "beir", output=tmp_path / "out")
    assert plan["rows"] == 400 and plan["workers"] == 1
    flags = ["--input", source, "--format", "jsonl", "--where", 'language = "go"']
    assert planned(export, capsys, *flags, output=tmp_path / "out")["rows"] == 0
    assert audit.main(["--input", str(source), "--output", str(tmp_path / "out"), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "core-hours" in told and "do not grow" in told and not (tmp_path / "out").exists()
    (tmp_path / "repos").write_text("owner/repo3\n")
    before = sorted(path for path in source.rglob("*"))
    plan = planned(remove, capsys, "--input", source, "--repos", tmp_path / "repos")
    assert plan["files"] == 3  # each holds a row of it
    assert sorted(path for path in source.rglob("*")) == before
    old = Path(__file__).parents[1] / "data" / "version_1" / "code"
    assert planned(migrate, capsys, "--input", old)["rows"] == 26


def test_what_cannot_be_sampled_says_so(tmp_path: Path, capsys):
    (tmp_path / "list").write_text("owner/name\n")
    flags = ["--output", str(tmp_path / "out"), "--dry-run"]
    assert mine_code.main(["--repos", str(tmp_path / "list"), *flags]) == 0
    told = capsys.readouterr().out
    assert "is to be cloned first" in told and "not estimated" in told and "1 units" in told
    for job in (mine_web, mine_code, dedupe):
        assert job.main(["--input", str(tmp_path / "missing.warc"), *flags]) == 2
        assert "missing.warc" in capsys.readouterr().err
    (tmp_path / "empty.warc.gz").write_bytes(b"")
    assert mine_web.main(["--input", str(tmp_path / "empty.warc.gz"), *flags]) == 0
    assert "nothing to take a sample of" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_is_a_sample_without_rows(tmp_path: Path, capsys):
    (tmp_path / "noise.warc.gz").write_bytes(random.Random(1).randbytes(50_000))
    assert planned(mine_web, capsys, "--input", tmp_path / "noise.warc.gz", output=tmp_path / "out")["rows"] == 0


def test_estimates_scale_and_their_range_holds_the_ratio():
    amount, seconds = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 5.0, 5.0, 8.0])
    sample = Sample(amount, seconds, amount * 10, amount * 100, start=0.0, is_least=False)
    middle, low, high = sample.scaled(sample.seconds, 100.0)
    assert middle == pytest.approx(200.0) and 166 < low <= middle <= high < 251
    assert sample.scaled(sample.rows, 100.0) == pytest.approx((1000.0, 1000.0, 1000.0))
    two = Sample(amount[:2], seconds[:2], amount[:2], amount[:2], start=0.0, is_least=False)
    assert two.scaled(two.rows, 30.0) == pytest.approx((30.0, 15.0, 60.0))


def test_a_sample_ends_with_the_input_and_leaves_out_what_was_cut_short():
    gave = [Taken(5, 1, 10), Taken(4, 1, 10), Taken(9, 1, 10, is_least=True), Taken(2, 1, 10)]
    sample = take_sample([lambda _, one=one: one for one in gave], 11.0, 10.0)
    assert sample.amount.tolist() == [5.0, 4.0, 2.0] and not sample.is_least
    assert take_sample([lambda _, one=one: one for one in gave], 9.0, 10.0).amount.tolist() == [5.0, 4.0]
    assert take_sample([lambda _: gave[2]], 9.0, 10.0).is_least
    assert take_sample([], 9.0) is None


def test_pieces_follow_from_the_seed():
    assert estimate.weighted([1, 0, 5], 3, 20) == estimate.weighted([1, 0, 5], 3, 20)
    assert set(estimate.weighted([1, 0, 5], 3, 200)) == {0, 2} and estimate.weighted([0, 0], 3, 5) == []
