"""Sets that rows were taken out of: a run of the set as it was does not go on, and what is made of them is whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines import remove
from schemas.pair_set import read_manifest, read_pair_set
from schemas.verify import faults
from train import hard_negatives
from train.run import main

STATIC = [
    *("--recipe", "static-cpu", "--device", "cpu", "--set", "batch=16", "--set", "static.dimension=8"),
    *("--set", "static.vocabulary=300", "--set", "checkpoint_every=2", "--steps", "6", "--quiet"),
]


def test_resuming_on_a_set_that_rows_were_removed_from_is_refused_with_the_mend(make_pair_set, tmp_path: Path, capsys):
    data, run = make_pair_set(60), str(tmp_path / "run")
    arguments = ["--data", str(data), *STATIC, "--output", run]
    assert main(arguments) == 0
    shutil.rmtree(tmp_path / "run" / "model")  # as a run that was stopped before its end
    before = read_manifest(data).data_id
    ids = read_pair_set(data).to_table(columns=["row_id"])["row_id"].to_pylist()
    (tmp_path / "ids").write_text(f"{ids[3]}\n")
    assert remove.main(["--input", str(data), "--ids", str(tmp_path / "ids"), "--quiet"]) == 0
    capsys.readouterr()
    with pytest.raises(SystemExit) as error:
        main([*arguments, "--resume"])
    told = capsys.readouterr().err.strip()
    assert error.value.code == 2 and len(told.splitlines()) == 1
    assert "this data as it was before `pairmill remove` took rows out of it" in told and "--overwrite" in told
    assert main([*arguments, "--overwrite"]) == 0
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert read_manifest(data).data_id in card and before not in card


def test_hard_negatives_carry_the_list_and_go_with_the_text_that_they_repeat(make_pair_set, tmp_path: Path):
    data, out, asked = make_pair_set(40), tmp_path / "more", tmp_path / "ids"
    rows = read_pair_set(data).to_table(columns=["row_id", "positive"]).to_pylist()
    asked.write_text(f"{rows[0]['row_id']}\n")
    assert remove.main(["--input", str(data), "--ids", str(asked), "--quiet"]) == 0
    arguments = ["--input", str(data), "--output", str(out), "--method", "bm25", "--count", "3", "--quiet"]
    assert hard_negatives.main(arguments) == 0
    assert not list(faults(str(out))) and (out / "removed" / "list.parquet").is_file()

    def negatives() -> set[str]:
        lists = read_pair_set(out).to_table(columns=["negatives"])["negatives"].to_pylist()
        return {text for texts in lists for text in texts}

    gone = next(row for row in rows[1:] if row["positive"] in negatives())
    asked.write_text(f"{gone['row_id']}\n")
    assert remove.main(["--input", str(out), "--ids", str(asked), "--quiet"]) == 0
    assert not list(faults(str(out))) and gone["positive"] not in negatives()
    assert read_manifest(out).ledger["stages"]["removal"]["dropped"] == {"id": 1}
