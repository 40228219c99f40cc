"""What is imported is a pair set like any other: explain, dedupe and audit take it."""

import json

import pyarrow.dataset as ds
import pytest

from pipelines import storage
from pipelines.audit import main as audit
from pipelines.dedupe import main as dedupe
from pipelines.explain import main as explain
from pipelines.import_pairs import main
from pipelines.set_files import load_manifest
from schemas.verify import faults


@pytest.fixture
def imported(supervised_files, tmp_path):
    supervised_files.msmarco(60)
    supervised_files.snli_json()
    table = supervised_files.write("own.csv", ["anchor,positive", 'a question,"an answer\nin two lines"', "short"])
    output = tmp_path / "imported"
    inputs = [supervised_files.folder / "ms", supervised_files.folder / "snli_1.0", table]
    assert main(["--input", *map(str, inputs), "--output", str(output), "--quiet"]) == 0
    return output


def test_explain_says_file_and_line(imported, capsys):
    rows = {row["anchor"]: row for row in ds.dataset(imported / "data").to_table().to_pylist()}
    for anchor, place in (
        ("what is 0", "qrels.train.tsv, line 1"),
        ("a question", "own.csv, line 2"),
        ("Children smiling and waving at camera", "snli_1.0_train.jsonl, line 6"),
    ):
        assert explain([str(imported), rows[anchor]["row_id"]]) == 0
        assert place in capsys.readouterr().out


def test_dedupe_and_audit_take_it(imported, tmp_path, capsys):
    clean = tmp_path / "clean"
    assert dedupe(["--input", str(imported), "--output", str(clean), "--quiet"]) == 0
    assert list(faults(str(clean))) == []
    manifest = json.loads((clean / "manifest.json").read_text())
    assert [parent["job"] for parent in manifest["parents"]] == ["import"]
    kept = ds.dataset(clean / "data").to_table(columns=["kind", "negatives"]).to_pylist()
    assert {row["kind"] for row in kept} == {"query_passage", "nli", "text_pair"}
    assert any(len(row["negatives"]) == 4 for row in kept)
    assert audit(["--input", str(clean), "--output", str(tmp_path / "report"), "--quiet"]) in (0, 1)
    figures = json.loads((tmp_path / "report" / "audit.json").read_text())
    assert "not_sampled" in json.dumps(figures) or "no_gold_label" in json.dumps(figures)


@pytest.mark.slow
def test_another_file_system_gives_the_same_rows(supervised_files, strict_storage, tmp_path):
    supervised_files.msmarco(8, packed=".gz")
    supervised_files.beir()
    supervised_files.snli_json()
    local = str(supervised_files.folder)
    assert main(["--input", local, "--output", str(tmp_path / "local"), "--quiet"]) == 0
    there = strict_storage("in")
    for path in supervised_files.folder.rglob("*"):
        if path.is_file():
            with storage.open_write(f"{there}/{path.relative_to(local)}") as file:
                file.write(path.read_bytes())
    output = strict_storage("out")
    assert main(["--input", there, "--output", output, "--temp", strict_storage("temp"), "--quiet"]) == 0
    manifests = [load_manifest(folder) for folder in (str(tmp_path / "local"), output)]
    assert (
        manifests[0].data_id == manifests[1].data_id and manifests[0].ledger["stages"] == manifests[1].ledger["stages"]
    )
    assert not storage.walk(strict_storage("temp"))
