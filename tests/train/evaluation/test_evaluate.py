"""The evaluator as its users meet it: on a small pair set, with a model made here and with wrong arguments."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.train.made_sets import row_of
from train import evaluate
from train.evaluate import main

ROOT = Path(__file__).resolve().parents[3]


def test_the_command_prints_a_table_and_writes_json(pair_set, model, tmp_path, capsys):
    output = tmp_path / "scores.json"
    argv = [str(model), "--tasks", "pair-set", "--data", str(pair_set), "--output", str(output), "--mask-names"]
    assert main([*argv, "--strip_comments", "--device", "cpu"]) == 0
    table = capsys.readouterr().out
    result = json.loads(output.read_text())
    rows = result["rows"]
    assert {row["protocol"] for row in rows} == {"csn-1k", "csn-full", "all-at-once"}
    assert {row["system"] for row in rows} == {"model", "bm25"}
    assert {row["texts"] for row in rows} == {"comments removed", "comments removed, names masked"}
    assert {row["part"] for row in rows} == {"docstring_code/python", "neighbor_text/en", "mean", "all"}
    assert table.count("\n") == len(rows) + 2 and "docstring_code/python" in table
    assert result["tasks"]["pair-set"]["data_id"] and result["tasks"]["pair-set"]["split"] == "test"
    assert result["seed"] == 0 and result["versions"]["bm25s"] and result["model"] == str(model)
    assert any("too few for csn-10k" in note for note in result["notes"])
    for row in rows:
        for score in row["scores"].values():
            assert 0 <= score["low"] <= score["value"] <= score["high"] <= 1
            assert score["group_low"] <= score["value"] <= score["group_high"]
    code = {"part": "docstring_code/python", "protocol": "csn-1k", "system": "model"}
    plain = row_of(rows, texts="comments removed", **code)
    masked = row_of(rows, texts="comments removed, names masked", **code)
    assert plain["items"] == 2000 and plain["items_dropped"] == 5 and plain["details"]["candidates_per_query"] == 1000
    assert plain["scores"]["mrr"]["value"] > masked["scores"]["mrr"]["value"] > 0.02
    # Both words and the number are shared: the number is in no other row, so BM25 must find it.
    bm25 = row_of(rows, texts="comments removed", **code | {"system": "bm25"})
    assert bm25["scores"]["recall@1"]["value"] > 0.99


def test_quiet_prints_the_table_alone(pair_set, model, capsys):
    assert main([str(model), "--tasks=pair-set", f"--data={pair_set}", "--protocol=csn-full", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("task") and out.count("\n") == 9
    assert "encoding" not in err and "note" not in err


def test_embeddings_that_are_not_finite_fail_the_run(pair_set, model, monkeypatch, capsys):
    class Broken:
        def encode(self, texts, side, batch_size=32):
            return np.full((len(texts), 4), np.nan, np.float32)

    monkeypatch.setattr(evaluate, "load_model", lambda *_: Broken())
    assert main([str(model), "--tasks", "pair-set", "--data", str(pair_set)]) == 1
    assert "not finite for 2,045 of 2,045 anchors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["{model}c", "--tasks", "pair-set", "--data", "{set}"], "no model folder .*the nearest is static"),
        (["{set}", "--tasks", "pair-set", "--data", "{set}"], "is no model that sentence-transformers"),
        (["{model}", "--tasks", "pair-sets", "--data", "{set}"], "no task 'pair-sets' .*the nearest is pair-set"),
        (["{model}", "--tasks", ",", "--data", "{set}"], "at least one task: pair-set"),
        (["{model}", "--task", "pair-set", "--data", "{set}"], "no flag --task .*the nearest is --tasks"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--maskname"], "the nearest is --mask-names"),
        (["{model}", "--tasks", "pair-set"], "give it with --data"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}s"], "no folder .*the nearest is clean"),
        (["{model}", "--tasks", "pair-set", "--data", "{model}"], "no finished pair set"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--split", "tests"], "the nearest is test"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--split", "validation"], r"it has train \(1\), test"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--split", "train"], "at most 1 rows of one source"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--protocol", "csn1k"], "the nearest is csn-1k"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--output", "{set}"], "--output .* is not a file"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--output", "{set}/no/x.json"], "--output"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--device", "gpu9"], "no device 'gpu9'"),
        (["{model}", "--tasks", "pair-set", "--data", "{set}", "--seed", "-1"], "--seed"),
        (["{model}", "--data", "{set}", "--rerank", "x.run"], "--rerank changes nothing here: .* retrieval alone"),
        (["{model}", "--beir", "{set}", "--strip-comments"], "read by pair-set, code-search, cosqa alone"),
        (["{model}", "--data", "{set}", "--temp", "x"], "--temp changes nothing here: it is read by --score-pairs"),
        (
            ["{model}", "--score-pairs", "{set}", "--output", "x.parquet", "--split", "test", "--data", "{set}"],
            "--data",
        ),
        (["--report", "{set}", "--data", "{set}"], "--data changes nothing here"),
        (["--compare", "a.json", "b.json", "--data", "{set}"], "--data changes nothing here"),
        (["--compare", "a.json", "{model}"], "static is no result .*json. and is measured now: say what .*--data"),
        (["{model}"], "say what to measure on: --data"),
        (["--data", "{set}"], "name a MODEL"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(argv, words, pair_set, model, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([word.replace("{model}", str(model)).replace("{set}", str(pair_set)) for word in argv])
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert re.search(words, err) and err.count("\n") == 1 and not out


def test_a_damaged_model_is_one_sentence_and_exit_2(pair_set, model, tmp_path, capsys):
    folder = tmp_path / "damaged"
    shutil.copytree(model, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(SystemExit) as stopped:
        main([str(folder), "--tasks", "pair-set", "--data", str(pair_set)])
    assert stopped.value.code == 2 and "cannot be loaded as a model" in capsys.readouterr().err


@pytest.mark.slow
def test_the_script_runs_from_any_folder(tmp_path):
    """Without an install, and with names in the folder that would shadow modules."""
    (tmp_path / "random.py").write_text("raise SystemExit('shadowed')")
    done = subprocess.run(
        [sys.executable, str(ROOT / "train" / "evaluate.py"), "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0 and "--strip-comments" in done.stdout, done.stderr
