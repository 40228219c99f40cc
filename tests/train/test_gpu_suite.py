"""The suite for a GPU, run through on a CPU at toy size, so that a GPU's hour is not spent on mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = str(ROOT / "benchmarks" / "gpu_suite.sh")


def suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    return subprocess.run([SUITE, *arguments], env=environment, capture_output=True, text=True, cwd="/")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "--pairs"),
        (("--pairs", "nowhere"), "no folder"),
        (("--dry-run", "pear"), "there is no part pear"),
        (("--dryrun",), "there is no flag --dryrun"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(arguments, sentence):
    done = suite(*arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert sentence in done.stderr


@pytest.mark.slow
def test_every_part_runs_dry(tmp_path):
    done = suite("--dry-run", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    found = {path.name.removeprefix("gpu-").removesuffix(".json") for path in tmp_path.iterdir()}
    parts = {"bert-base-128", "bert-base-512", "bert-base-full", "smollm2", "peer"}
    assert found == parts | {"chunks", "memory", "precision", "compile-off", "compile-on"}
    for name in parts:
        metrics = json.loads((tmp_path / f"gpu-{name}.json").read_text())["parts"]["pairmill"]["metrics"]
        assert 0 < metrics["mfu"] <= metrics["hfu"] and 0 <= metrics["data_wait"] <= 1
    chunks = json.loads((tmp_path / "gpu-chunks.json").read_text())["chunks"]
    assert [(one["chunk_tokens"], one["dropout"]) for one in chunks] == [(256, 0.1), (256, 0), (512, 0.1), (512, 0)]
    assert all(0 < one["metrics"]["mfu"] <= one["metrics"]["hfu"] for one in chunks)
    precision = json.loads((tmp_path / "gpu-precision.json").read_text())
    assert precision["losses"].keys() == {"float32", "bfloat16"}
    assert 0 < precision["largest_relative_difference"] < 0.05
    for path in tmp_path.iterdir():
        assert {"command", "versions", "machine", "python"} <= json.loads(path.read_text()).keys()
