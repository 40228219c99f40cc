"""A run goes on only from the data that it began with: not from a set that rows were taken out of since."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines import remove
from schemas.pair_set import read_manifest, read_pair_set
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
