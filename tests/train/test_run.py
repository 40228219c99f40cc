"""The trainer as a whole: a run killed and resumed, the model folder, and the user's mistakes."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer

import train.training
from tests.train.conftest import pairs_with_negatives
from train.accounting.step_log import MEASURED
from train.encoders import load_encoder
from train.run import main

ROOT = Path(__file__).resolve().parents[2]
STATIC = [
    *("--recipe", "static-cpu", "--device", "cpu", "--set", "batch=32", "--set", "static.dimension=16"),
    *("--set", "static.vocabulary=300", "--set", "checkpoint_every=5"),
]
SMALL = [
    *("--recipe", "small-cpu", "--device", "cpu", "--set", "batch=16", "--set", "small.hidden_size=16"),
    *("--set", "small.vocabulary=300", "--set", "small.intermediate_size=32", "--set", "chunk_tokens=200"),
    *("--set", "checkpoint_every=2"),
]


def metrics(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in MEASURED} for line in lines]


def weights(run: Path) -> dict[str, np.ndarray]:
    return {
        f"{path.parent.name}/{name}": value
        for path in sorted((run / "model").rglob("*.safetensors"))
        for name, value in load_file(path).items()
    }


def assert_same_run(one: Path, other: Path) -> None:
    assert metrics(one) == metrics(other)
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name in first:
        assert np.array_equal(first[name], second[name]), name


def start(*arguments: str | Path, folder: Path) -> subprocess.Popen[str]:
    """The command as a user runs it from a checkout: from any folder, without an install."""
    command = [sys.executable, str(ROOT / "train" / "run.py"), *map(str, arguments)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for_steps(run: Path, steps: int) -> None:
    deadline = time.monotonic() + 300
    file = run / "metrics.jsonl"
    while time.monotonic() < deadline:
        if file.is_file() and len(file.read_text().splitlines()) >= steps:
            return
        time.sleep(0.01)
    raise AssertionError(f"{run} took no {steps} steps in five minutes")


def test_killed_and_resumed_is_bit_for_bit_the_run_that_was_not(make_pair_set, tmp_path):
    data = make_pair_set(400, files=2)
    arguments = ["--data", data, *STATIC, "--steps", "150", "--quiet"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    reference = start(*arguments, "--output", whole, folder=tmp_path)
    process = start(*arguments, "--output", killed, folder=tmp_path)
    wait_for_steps(killed, 23)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (killed / "model").exists()
    assert sorted(path.name for path in (killed / "checkpoints").glob("step-*"))
    with pytest.raises(SystemExit, match="2"):  # needs --resume
        main([*map(str, arguments), "--output", str(killed)])
    resumed = start(*arguments, "--output", killed, "--resume", folder=tmp_path)
    assert resumed.wait() == 0, resumed.communicate()
    assert reference.wait() == 0, reference.communicate()
    assert [line["step"] for line in metrics(killed)] == list(range(150))
    assert_same_run(whole, killed)


@pytest.mark.parametrize("arguments", [STATIC, SMALL], ids=["static", "small"])
def test_resuming_any_encoder_continues_exactly(arguments, make_pair_set, tmp_path, monkeypatch):
    """Dropout, GradCache and the optimizer's state go on where they were."""
    data = ["--data", str(make_pair_set(120)), *arguments, "--steps", "8", "--quiet"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main([*data, "--output", str(whole)]) == 0
    take = train.training._take_step

    def break_at_seven(*values):
        if values[4] == 7:
            raise RuntimeError("the power failed")
        return take(*values)

    monkeypatch.setattr(train.training, "_take_step", break_at_seven)
    assert main([*data, "--output", str(broken)]) == 1
    monkeypatch.setattr(train.training, "_take_step", take)
    assert main([*data, "--output", str(broken), "--resume"]) == 0
    assert_same_run(whole, broken)


def test_sigterm_saves_and_ends_well(make_pair_set, tmp_path):
    run = tmp_path / "run"
    arguments = ["--data", make_pair_set(100), *STATIC, "--steps", "100000", "--output", run]
    process = start(*arguments, folder=tmp_path)
    wait_for_steps(run, 3)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "go on with --resume" in errors
    steps = len(metrics(run))
    assert (run / "checkpoints" / f"step-{steps:08d}" / "weights.safetensors").is_file()


@pytest.mark.parametrize("arguments", [STATIC, SMALL], ids=["static", "small"])
def test_learns_and_writes_a_model_that_sentence_transformers_loads(arguments, make_pair_set, tmp_path, capsys):
    run = tmp_path / "run"
    data = make_pair_set(200)
    assert main(["--data", str(data), *arguments, "--steps", "25", "--output", str(run)]) == 0
    lines = metrics(run)
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert {"step", "loss", "temperature", "masked_share"} <= lines[0].keys()
    assert yaml.safe_load((run / "recipe.yaml").read_text())["steps"] == 25
    assert "25/25" in capsys.readouterr().err
    texts = ["Return the sum of item number 3.", "def add_3(a, b):\n    return a + b + 3\n", ""]
    ours = load_encoder(run / "model").encode(texts, "anchor")
    np.testing.assert_allclose(SentenceTransformer(str(run / "model"), device="cpu").encode(texts), ours, atol=3e-6)
    card = (run / "model" / "README.md").read_text()
    assert yaml.safe_load(card.split("---")[1])["library_name"] == "sentence-transformers"


def test_several_pair_sets(make_pair_set, tmp_path):
    sets = [str(make_pair_set(60)), str(make_pair_set(90))]
    data = [word for name in sets for word in ("--data", name)]
    assert main([*data, *STATIC, "--steps", "6", "--output", str(tmp_path / "run"), "--quiet"]) == 0


def test_a_finished_run_is_not_lost(make_pair_set, tmp_path, capsys):
    run = str(tmp_path / "run")
    arguments = ["--data", str(make_pair_set(60)), *STATIC, "--steps", "2", "--output", run, "--quiet"]
    assert main(arguments) == 0
    before = weights(tmp_path / "run")
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "--overwrite" in capsys.readouterr().err
    for more in (["--resume"], ["--resume", "auto"]):  # what a scheduler that starts a job again does
        assert main([*arguments, *more]) == 0
        assert "is finished" in capsys.readouterr().err
    assert all(np.array_equal(value, before[name]) for name, value in weights(tmp_path / "run").items())
    assert main([*arguments, "--overwrite"]) == 0
    assert len(metrics(tmp_path / "run")) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(["--set", "seed=5"], "another recipe"), (["--data"], "other data")],
)
def test_a_checkpoint_of_something_else_is_refused(change, sentence, make_pair_set, tmp_path, monkeypatch, capsys):
    run = str(tmp_path / "run")
    arguments = ["--data", str(make_pair_set(60)), *STATIC, "--steps", "7", "--output", run, "--quiet"]
    monkeypatch.setattr("train.run.write_model", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(arguments)
    monkeypatch.undo()
    more = [*change, str(make_pair_set(61))] if change == ["--data"] else change
    with pytest.raises(SystemExit) as error:
        main([*arguments, "--resume", *more])
    assert error.value.code == 2
    assert sentence in capsys.readouterr().err
    assert main([*arguments, "--resume-anyway", "--set", "seed=5"]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "nowhere", "--output", "x"], "no finished pair set"),
        (["--data", "SET"], "--output"),
        (["--data", "SET", "--output", "x", "--set", "bach=3"], "nearest is batch"),
        (["--data", "SET", "--output", "x", "--recipe", "static"], "nearest is static-cpu"),
        (["--data", "SET", "--output", "x", "--stepps", "3"], "nearest is --steps"),
        (["--data", "SET", "--output", "x", "--device", "cuda:77"], "no device cuda:77"),
        (["--data", "SET", "--output", "x", "--set", "encoder=base", "--set", "base=./nowhere"], "./nowhere"),
        (["--output", "x"], "--data"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(arguments, sentence, make_pair_set, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = str(make_pair_set(10))
    with pytest.raises(SystemExit) as error:
        main([data if word == "SET" else word for word in arguments])
    told = capsys.readouterr().err.strip().splitlines()
    assert (error.value.code, len(told)) == (2, 1)
    assert sentence in told[0]


def test_a_loss_that_is_not_a_number_names_the_pairs(make_pair_set, tmp_path, monkeypatch, capsys):
    real = train.training.matryoshka_info_nce
    broken = lambda *values, **settings: (real(*values, **settings)[0] * float("nan"), 0.0)  # noqa: E731
    monkeypatch.setattr(train.training, "matryoshka_info_nce", broken)
    data = make_pair_set(40)
    assert main(["--data", str(data), *STATIC, "--output", str(tmp_path / "run"), "--quiet"]) == 1
    told = capsys.readouterr().err
    assert "step 0" in told
    assert sum(len(word.strip(",")) == 32 for word in told.split()) == 20


def test_nothing_trainable_is_an_error(make_pair_set, tmp_path, monkeypatch, capsys):
    running = importlib.import_module("train.run")
    build = running.build_encoder
    monkeypatch.setattr(running, "build_encoder", lambda *values: build(*values).requires_grad_(False))
    with pytest.raises(SystemExit) as error:
        main(["--data", str(make_pair_set(40)), *STATIC, "--output", str(tmp_path / "run"), "--quiet"])
    assert error.value.code == 2
    assert "nothing trainable" in capsys.readouterr().err


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    assert main(list(arguments)) == 0
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_explain_step_prints_the_pairs_that_the_step_takes(make_pair_set, tmp_path, monkeypatch, capsys):
    pairs = pairs_with_negatives(60, each=5)
    data = [word for part in (pairs[:20], pairs[20:]) for word in ("--data", str(make_pair_set(part, files=2)))]
    hard = ["--set", "negatives=2", "--set", "negatives_from=4"]
    taken = []
    real = train.training.texts_of

    def note(rows, step, processes):
        taken.append((rows, step))
        return real(rows, step, processes)

    monkeypatch.setattr(train.training, "texts_of", note)
    assert main([*data, *STATIC, *hard, "--steps", "3", "--quiet", "--output", str(tmp_path / "run")]) == 0
    rows, step = taken[2]
    told = explained(capsys, *data, *STATIC, *hard, "--explain-step", "2")
    assert told[0][0] == "step 2: 32 pairs of docstring_code/python"
    known = {pair.row_id: pair for pair in pairs}
    assert [known[line[0]].anchor_hash for line in told[1:]] == rows.take("anchor_hash", step.rows).tolist()
    for line, chosen in zip(told[1:], step.negatives, strict=True):
        negatives = [known[line[0]].negatives[which] for which in chosen]
        assert line[3:] == [" ".join(text.split()) for text in negatives] and len(chosen) <= 2
    assert explained(capsys, *data, *STATIC, *hard, "--explain-step", "2") == told


def test_where_chooses_the_rows(make_pair_set, tmp_path, capsys):
    data = ["--data", str(make_pair_set(60)), *STATIC]
    told = explained(
        capsys, *data, "--where", 'provenance.symbol in ("add_3", "add_4", "add_5")', "--explain-step", "0"
    )
    assert sorted(line[1].split()[6] for line in told[1:]) == ["3", "4", "5"]
    with pytest.raises(SystemExit):
        main([*data, "--where", 'language = "rust"', "--output", str(tmp_path / "run"), "--quiet"])
    assert "no train row of the data matches" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*data, "--where", 'langage = "rust"', "--output", str(tmp_path / "run"), "--quiet"])
    assert "did you mean language" in capsys.readouterr().err
