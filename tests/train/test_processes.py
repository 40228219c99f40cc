"""Several processes train as one does: real ones, over gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.train.test_run import SMALL, STATIC, metrics, weights
from train.processes import Processes
from train.run import main

SCRIPT = Path(__file__).with_name("worlds.py")


def world(*arguments: object) -> subprocess.CompletedProcess[str]:
    root = str(SCRIPT.parents[2])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


def test_gradients_are_those_of_one_process(tmp_path):
    """GradCache on and off, several chunk sizes, rows sorted or not, every loss, known false negatives across ranks."""
    world("parity", tmp_path / "found")
    for size in (2, 4):
        found = json.loads((tmp_path / f"found.{size}").read_text())
        worst = max(found, key=lambda one: one["gradient"])
        case = worst["case"]
        print(f"{size} processes, {len(found)} cases: largest relative error {worst['gradient']:.1e} in {case}")
        assert worst["gradient"] < 1e-10, case
        assert max(one["loss"] for one in found) < 1e-13
        assert {one["share"] for one in found} == {0.0}


@pytest.mark.parametrize("rows", [0, 1, 7, 12])
def test_shares_are_the_rows_in_order(rows):
    parts = [Processes(rank, 4).share(np.arange(rows)) for rank in range(4)]
    assert np.concatenate(parts).tolist() == list(range(rows))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.slow
def test_a_run_is_the_same_on_three_processes_and_goes_on_with_one(make_pair_set, tmp_path):
    """The same batches, losses to rounding; the checkpoint of three processes is resumed by one."""
    data = make_pair_set(90)
    # Dropout is drawn per process, so a run with it is not the same; all else is.
    plain = ["--set", "static.anchor_dropout=0", "--set", "static.positive_dropout=0", "--set", "chunk_tokens=300"]
    arguments = ["--data", str(data), *STATIC, *plain, "--steps", "10", "--quiet"]
    assert main([*arguments, "--output", str(tmp_path / "one")]) == 0
    world("train", 3, *arguments, "--output", tmp_path / "three")
    one, three = metrics(tmp_path / "one"), metrics(tmp_path / "three")
    assert [line["pairs"] for line in one] == [line["pairs"] for line in three] == [32] * 10
    for name in ("loss", "temperature", "masked_share", "learning_rate"):
        np.testing.assert_allclose([line[name] for line in three], [line[name] for line in one], rtol=2e-5)
    (tmp_path / "three" / "model").rename(tmp_path / "gone")
    last = tmp_path / "three" / "checkpoints" / "step-00000010"
    last.rename(tmp_path / "gone" / "checkpoint")
    assert main([*arguments, "--output", str(tmp_path / "three"), "--resume", "auto"]) == 0
    assert [line["step"] for line in metrics(tmp_path / "three")] == list(range(10))
    for name, value in weights(tmp_path / "one").items():
        np.testing.assert_allclose(weights(tmp_path / "three")[name], value, atol=2e-4)


@pytest.mark.slow
def test_more_processes_than_pairs_of_a_step(make_pair_set, tmp_path):
    """A process without rows takes part in every exchange."""
    data = make_pair_set(3)
    world("train", 4, "--data", data, *SMALL, "--steps", 2, "--quiet", "--output", tmp_path / "run")
    assert [line["pairs"] for line in metrics(tmp_path / "run")] == [3, 3]
