"""The trainer and its token cache take sets of past versions as they take today's: the same rows, the same model."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from pipelines import migrate
from train.run import main

OLD = Path(__file__).parents[1] / "data" / "version_1" / "pairs"
STATIC = [
    *("--recipe", "static-cpu", "--device", "cpu", "--set", "batch=8", "--set", "static.dimension=8"),
    *("--set", "static.vocabulary=300", "--steps", "4", "--quiet"),
]


def test_training_on_a_version_1_set_is_training_on_the_migrated_one(tmp_path: Path):
    new = tmp_path / "new"
    assert migrate.main(["--input", str(OLD), "--output", str(new), "--quiet"]) == 0
    weights = []
    for data in (OLD, new):
        run = tmp_path / f"run-{data.name}"
        assert main(["--data", str(data), *STATIC, "--output", str(run)]) == 0
        files = sorted((run / "model").rglob("*.safetensors"))
        weights.append(
            {f"{path.parent.name}/{name}": value for path in files for name, value in load_file(path).items()}
        )
        shutil.rmtree(run)
    assert weights[0] and weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        assert np.array_equal(value, weights[1][name]), name
