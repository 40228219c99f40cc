"""Tokens cut on Beam are the trainer's, byte for byte, and the trainer takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.token_cache import main
from schemas.token_cache import ARRAYS, INDEX_NAME
from tests.train.conftest import pairs_with_negatives
from tests.train.test_run import SMALL
from train.run import main as train

LENGTHS = ["--anchor-length", "64", "--positive-length", "128", "--negatives", "2"]
RECIPE = [*SMALL, "--set", "negatives=2", "--steps", "1", "--quiet"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_bytes_are_the_trainers_and_are_used_by_it(make_pair_set, tmp_path, capsys):
    data = str(make_pair_set(pairs_with_negatives(50, 3), files=3))
    tokenizer, beams, run = tmp_path / "tokenizer.json", tmp_path / "tokens", tmp_path / "run"
    assert train(["--data", data, *RECIPE, "--output", str(run)]) == 0
    assert train(["--data", data, *RECIPE, "--write-tokenizer", str(tokenizer)]) == 0
    printed = capsys.readouterr().out.split()
    assert [word.replace("FOLDER", str(beams)) for word in printed[2:]] == [
        *("--input", data, "--tokenizer", str(tokenizer), *LENGTHS, "--output", str(beams)),
    ]
    command = ["--input", data, "--tokenizer", str(tokenizer), *LENGTHS, "--output", str(beams)]
    assert main(command) == 0
    made = contents(beams)
    assert made == contents(run / "tokens")
    assert {name.split("/")[1] for name in made} == {*(f"{name}.bin" for name in ARRAYS), INDEX_NAME}
    assert main(command) == 0
    assert "is there already" in capsys.readouterr().out

    index = next(beams.rglob(INDEX_NAME))
    before = index.stat().st_mtime_ns
    assert train(["--data", data, *RECIPE, "--tokens", str(beams), "--output", str(tmp_path / "other")]) == 0
    assert index.stat().st_mtime_ns == before and not (tmp_path / "other" / "tokens").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (["--tokenizer", "README.md"], "no tokenizer.json"),
        (["--anchor-length", "0"], "1 or more"),
        (["--input", "nothing"], "nothing"),
    ],
)
def test_mistakes_are_one_sentence(change, sentence, make_pair_set, tmp_path, capsys):
    command = ["--input", str(make_pair_set(3)), "--tokenizer", "none", *LENGTHS, "--output", str(tmp_path / "out")]
    assert main([*command, *change]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
