"""Sets of past versions, as their own code wrote them: every reader takes them, and migrate makes them new."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines import audit, dedupe, explain, export, merge_pairs, migrate, remove, select_pairs
from schemas import verify
from schemas.manifest import READABLE_VERSIONS, SCHEMA_VERSION
from schemas.pair import SCHEMA
from schemas.pair_set import read_manifest, read_pair_set

DATA = Path(__file__).parents[1] / "data"
VERSION_1 = DATA / "version_1"
SETS = ("web", "code", "pairs")
# The settings of the small set of dedupe: increments need the same.
SETTINGS = ["--validation-share", "0.25", "--test-share", "0.25", "--split-key", "four", "--quiet"]


def rows_of(folder: Path, split: str | None = None) -> list[dict]:
    return read_pair_set(str(folder), split).to_table().to_pylist()


def migrated(source: Path, output: Path) -> Path:
    assert migrate.main(["--input", str(source), "--output", str(output), "--quiet"]) == 0
    return output


def test_a_set_of_each_past_version_is_here():
    assert [int(path.name.split("_")[1]) for path in sorted(DATA.glob("version_*"))] == list(range(1, SCHEMA_VERSION))
    assert SCHEMA_VERSION - 1 in READABLE_VERSIONS


@pytest.mark.parametrize("name", SETS)
def test_an_old_set_is_whole_and_reads_with_todays_columns(name: str):
    manifest = read_manifest(str(VERSION_1 / name))
    assert manifest.schema_version == 1 and list(verify.faults(str(VERSION_1 / name))) == []
    for path in (VERSION_1 / name / "data").glob("*.parquet"):
        assert "documentation" not in pq.read_schema(path).names
    table = read_pair_set(str(VERSION_1 / name)).to_table()
    assert table.schema.equals(SCHEMA) and table["documentation"].null_count == table.num_rows == sum(
        manifest.splits.values()
    )


@pytest.mark.parametrize("name", SETS)
def test_migrate_keeps_rows_ids_order_and_all_other_files(name: str, tmp_path: Path, capsys):
    source, before = VERSION_1 / name, read_manifest(str(VERSION_1 / name))
    new = migrated(source, tmp_path / "new")
    assert list(verify.faults(str(new))) == []
    manifest = read_manifest(str(new))
    assert (manifest.schema_version, manifest.data_id) == (SCHEMA_VERSION, before.data_id)
    assert (manifest.ledger, manifest.config, manifest.formerly) == (before.ledger, before.config, ())
    assert rows_of(new) == rows_of(source)
    for path in (new / "data").glob("*.parquet"):
        assert pq.read_schema(path).equals(SCHEMA)
    for entry in before.files:
        if entry.folder != "data":
            assert (new / entry.path).read_bytes() == (source / entry.path).read_bytes()
    here = tmp_path / "here"
    shutil.copytree(source, here)
    assert migrate.main(["--input", str(here), "--dry-run"]) == 0
    assert "from schema 1 to 2" in capsys.readouterr().out and read_manifest(str(here)) == before
    assert migrate.main(["--input", str(here), "--quiet"]) == 0
    assert list(verify.faults(str(here))) == [] and rows_of(here) == rows_of(source)
    assert migrate.main(["--input", str(here)]) == 0  # a second time
    assert "nothing was written" in capsys.readouterr().out
    assert migrate.main(["--input", str(here), "--output", str(tmp_path / "again")]) == 2


def test_a_stopped_migration_is_finished(tmp_path: Path, monkeypatch, capsys):
    here = tmp_path / "here"
    shutil.copytree(VERSION_1 / "pairs", here)
    real = migrate.finish_change
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.set_change.delete_unnamed", lambda *_: 1 / 0)
        assert migrate.main(["--input", str(here), "--quiet"]) == 1
    (fault,) = verify.faults(str(here))
    assert "finishes it" in fault and real is migrate.finish_change
    assert remove.main(["--input", str(here), "--quiet"]) == 0
    assert list(verify.faults(str(here))) == [] and read_manifest(str(here)).schema_version == SCHEMA_VERSION


def test_dedupe_takes_old_sets_as_input_and_as_earlier_sets(tmp_path: Path):
    old = [VERSION_1 / name for name in ("web", "code")]
    new = [migrated(path, tmp_path / path.name) for path in old]
    ids = []
    for number, inputs in enumerate((old, new)):
        out = tmp_path / f"out{number}"
        assert dedupe.main(["--input", *map(str, inputs), "--output", str(out), *SETTINGS]) == 0
        assert list(verify.faults(str(out))) == []
        ids.append(read_manifest(str(out)).data_id)
    assert ids[0] == ids[1]
    (tmp_path / "recipe.yaml").write_text("permutations: 32\n")
    flags = ["--existing", str(VERSION_1 / "pairs"), "--recipe", str(tmp_path / "recipe.yaml"), *SETTINGS]
    out = tmp_path / "increment"
    assert dedupe.main(["--input", *map(str, old), "--output", str(out), *flags]) == 0
    assert read_manifest(str(out)).splits == {}  # every row is in the earlier set, or was left out for one that is


@pytest.mark.slow
def test_audit_explain_and_remove_take_an_old_set(tmp_path: Path, capsys):
    for name in SETS:
        report = tmp_path / f"report-{name}"
        assert audit.main(["--input", str(VERSION_1 / name), "--output", str(report), "--quiet"]) in (0, 1)
        assert (report / "report.html").stat().st_size > 1000
    row = rows_of(VERSION_1 / "pairs")[0]
    (evidence,) = (VERSION_1 / "pairs" / "evidence").glob("*.parquet")
    removed = pq.read_table(evidence)["removed_row_id"][0].as_py()
    capsys.readouterr()
    for row_id, told in ((row["row_id"], "kept in"), (removed, "removed")):
        assert explain.main([str(VERSION_1 / "pairs"), row_id, "--input", str(VERSION_1 / "web")]) == 0
        assert told in capsys.readouterr().out
    (tmp_path / "ids").write_text(f"{row['row_id']}\n")
    out = tmp_path / "less"
    flags = ["--ids", str(tmp_path / "ids"), "--output", str(out), "--quiet"]
    assert remove.main(["--input", str(VERSION_1 / "pairs"), *flags]) == 0
    assert list(verify.faults(str(out))) == [] and read_manifest(str(out)).schema_version == 1
    assert rows_of(out) == rows_of(VERSION_1 / "pairs")[1:]
    assert sum(read_manifest(str(migrated(out, tmp_path / "less-new"))).splits.values()) == len(rows_of(out))


def test_select_merge_and_export_take_an_old_set(tmp_path: Path):
    pairs = VERSION_1 / "pairs"
    less = ["--input", str(pairs), "--where", 'kind = "docstring_code"', "--output", str(tmp_path / "less"), "--quiet"]
    assert select_pairs.main(less) == 0
    both = ["--input", str(VERSION_1 / "web"), str(VERSION_1 / "code"), "--output", str(tmp_path / "both"), "--quiet"]
    assert merge_pairs.main(both) == 0
    chosen = [row for row in rows_of(pairs) if row["kind"] == "docstring_code"]
    assert rows_of(tmp_path / "less") == chosen
    old = {row["row_id"] for name in ("web", "code") for row in rows_of(VERSION_1 / name)}
    assert {row["row_id"] for row in rows_of(tmp_path / "both")} <= old
    for name in ("less", "both"):
        assert list(verify.faults(str(tmp_path / name))) == []
        assert read_manifest(str(tmp_path / name)).schema_version == SCHEMA_VERSION
    assert export.main(["--input", str(pairs), "--format", "jsonl", "--output", str(tmp_path / "lines")]) == 0
    lines = [line for path in (tmp_path / "lines").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == len(rows_of(pairs))


def test_a_version_from_the_future_is_refused(tmp_path: Path, capsys):
    here = tmp_path / "here"
    shutil.copytree(VERSION_1 / "code", here)
    path = here / "manifest.json"
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 9'))
    assert migrate.main(["--input", str(here)]) == 2
    assert "install a newer one" in capsys.readouterr().err
