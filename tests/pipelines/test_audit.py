"""The whole job on small sets: true figures, whatever the workers; gates; wrong input in one sentence."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pytest

from pipelines.audit import main
from schemas import Provenance, make_pair, read_pair_set

ROOT = Path(__file__).resolve().parents[2]


def planted(n=240):
    """Pairs in two languages; every twelfth is a copy of the one before, and every eighth anchor is the same."""
    pairs = []
    for i in range(n):
        content = i - 1 if i % 12 == 5 else i
        text = "Returns the name." if content % 8 == 0 else f"The anchor of number {content}."
        pairs.append(
            make_pair(
                kind="neighbor_text",
                language="en" if i % 3 else "de",
                anchor=text,
                positive=f"The positive passage of number {content} <script>alert({content})</script>",
                place=("f.warc", i),
                group=f"site{i % 11}.example",
                provenance=Provenance(url=f"https://site{i % 11}.example/{i}", license="CC0-1.0" if i % 2 else None),
            )
        )
    return pairs


@pytest.fixture
def audit(tmp_path):
    """Runs the command on a set; gives its status and the figures, if any were written."""

    def run(folder, *flags, output="report"):
        status = main(["--input", str(folder), "--output", str(tmp_path / output), "--quiet", *flags])
        path = tmp_path / output / "audit.json"
        return status, json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    return run


def test_figures_are_those_of_the_set(make_pair_set, audit, tmp_path):
    folder = make_pair_set(planted(), files=3)
    status, figures = audit(folder)
    assert status == 0
    table = read_pair_set(folder).to_table()
    assert figures["pairs"]["total"] == table.num_rows
    counts = Counter(table["language"].to_pylist())
    assert {entry["name"]: entry["pairs"] for entry in figures["pairs"]["by_language"]} == counts
    pairs = Counter(zip(table["anchor_hash"].to_pylist(), table["positive_hash"].to_pylist(), strict=True))
    assert figures["duplicate_share"] == pytest.approx(1 - len(pairs) / table.num_rows)
    words = next(e for e in figures["lengths"] if (e["side"], e["unit"]) == ("positive", "words"))
    assert words["mean"] == pytest.approx(pc.mean(pc.struct_field(table["signals"], "positive_words")).as_py())
    assert figures["ledger"]["stages"][-1]["kept"] == table.num_rows
    by_id = {row["row_id"]: row for row in table.to_pylist()}
    shown = [row for block in figures["samples"] for row in block["rows"]]
    shown += [row for name in ("anchor", "positive", "pair") for row in figures["repeats"][name]["top"]]
    assert len(shown) > 20
    for row in shown:
        original = by_id[row["row_id"]]
        assert (row["anchor"], row["positive"]) == (original["anchor"], original["positive"])
        assert row["link"] == original["provenance"]["url"]
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html and "&lt;script&gt;" in html


@pytest.mark.slow
def test_workers_and_files_change_nothing(make_pair_set, audit, tmp_path):
    folder = make_pair_set(planted(), files=4)
    _, one = audit(folder, "--workers", "1")
    command = [sys.executable, "-m", "pipelines.audit", "--input", folder, "--output", tmp_path / "second"]
    subprocess.run([*map(str, command), "--workers", "2"], check=True, cwd=ROOT, capture_output=True)
    assert one == json.loads((tmp_path / "second" / "audit.json").read_bytes())
    _, whole = audit(make_pair_set(planted(), files=1), output="third")
    for part in ("pairs", "groups", "lengths", "false_negatives"):
        assert whole[part] == one[part]


def test_evidence_of_dedupe_is_counted(make_pair_set, audit, tmp_path):
    from pipelines.dedupe import main as dedupe

    clean = tmp_path / "clean"
    assert dedupe(["--input", str(make_pair_set(planted())), "--output", str(clean), "--quiet"]) == 0
    status, figures = audit(clean)
    assert status == 0
    assert figures["duplicate_share"] == 0
    dropped = Counter()
    for stage in figures["ledger"]["stages"]:
        dropped.update({entry["name"]: entry["pairs"] for entry in stage["dropped"]})
    removed = Counter()
    for entry in figures["evidence"]["by_rule"]:
        removed[entry["reason"]] += entry["rows"]
        assert len(entry["examples"]) == min(3, entry["rows"])
    assert removed == dropped and removed["same_pair"] == 20
    assert figures["pairs"]["total"] + figures["evidence"]["rows"] == 240


@pytest.mark.slow
def test_another_seed_shows_other_rows(make_pair_set, audit):
    folder = make_pair_set(planted())
    _, one = audit(folder)
    _, two = audit(folder, "--seed", "1", output="second")
    assert one["samples"] != two["samples"]
    assert one["pairs"] == two["pairs"]


def test_gates_decide_the_status(make_pair_set, audit, tmp_path, capsys):
    folder = make_pair_set(planted())
    gates = tmp_path / "gates.yaml"
    gates.write_text("min_pairs: 100\nmin_languages: 2\nmax_duplicate_share: 0.5\n")
    assert audit(folder, "--gates", str(gates))[0] == 0
    gates.write_text("min_pairs: 1000\nmin_languages: 2\nmax_duplicate_share: 0.01\n")
    capsys.readouterr()
    status, figures = audit(folder, "--gates", str(gates), "--overwrite")
    assert status == 1
    assert [gate["gate"] for gate in figures["gates"] if not gate["passed"]] == ["max_duplicate_share", "min_pairs"]
    printed = capsys.readouterr().err
    assert "gate max_duplicate_share failed: 8.3 %, not 1.0 %" in printed
    assert "gate min_pairs failed: 240, not 1,000" in printed


def test_an_empty_set_has_a_report(make_pair_set, audit):
    status, figures = audit(make_pair_set([]))
    assert status == 0
    assert figures["pairs"]["total"] == 0
    assert figures["findings"][0]["level"] == "bad"


def test_one_row_has_a_report(make_pair_set, audit):
    assert audit(make_pair_set(planted(1)))[1]["false_negatives"]["at_16384"] == 0


@pytest.mark.slow
def test_a_set_and_a_report_on_another_file_system(make_pair_set, strict_storage, tmp_path):
    make_pair_set(planted(30), name="strict/set", files=2)
    arguments = ["--input", strict_storage("set"), "--output", strict_storage("report"), "--quiet"]
    assert main(arguments) == 0
    assert main([*arguments, "--overwrite"]) == 0
    assert json.loads((tmp_path / "strict" / "report" / "audit.json").read_bytes())["pairs"]["total"] == 30


def damage_manifest(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"rows": 20', '"rows": 21', 1))


def damage_file(folder):
    [path] = (folder / "data").iterdir()
    path.write_bytes(bytes(path.stat().st_size))


def remove_file(folder):
    [path] = (folder / "data").iterdir()
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "status", "told"),
    [
        (damage_manifest, 2, "was changed after it was written"),
        (remove_file, 2, "is missing"),
        (damage_file, 1, "is no readable Parquet file"),
        (lambda folder: (folder / "manifest.json").unlink(), 2, "is no finished pair set"),
    ],
)
def test_a_broken_set_is_one_sentence(make_pair_set, audit, capsys, damage, status, told):
    folder = make_pair_set(20)
    damage(folder)
    assert audit(folder) == (status, None)
    printed = capsys.readouterr().err
    assert told in printed and printed.count("\n") == 1


def test_wrong_arguments_are_one_sentence(make_pair_set, audit, tmp_path, capsys):
    folder = make_pair_set(20)
    gates = tmp_path / "gates.yaml"
    gates.write_text("max_duplicates: 0.1\n")
    assert audit(folder)[0] == 0
    capsys.readouterr()
    for flags, told in [
        ([], "--overwrite"),
        (["--overwrite", "--gates", str(gates)], "did you mean max_duplicate_share"),
        (["--overwrite", "--gates", "no.yaml"], "no file of gates"),
        (["--overwrite", "--gate", "x"], "--gates"),
        (["--overwrite", "--workers", "0"], "1 or more"),
    ]:
        assert audit(folder, *flags)[0] == 2
        printed = capsys.readouterr().err
        assert told in printed and printed.count("\n") == 1
    assert audit(folder)[1] is not None


def test_a_dry_run_writes_nothing(make_pair_set, audit, capsys):
    assert audit(make_pair_set(20), "--dry-run") == (0, None)
    assert "20 rows" in capsys.readouterr().out
