"""What a run writes of its steps, held against counts made apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.train.test_run import SMALL, STATIC
from train.accounting.late_values import LateValues
from train.accounting.step_log import LINE
from train.loss import Tally, info_nce
from train.run import main


def lines_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_every_figure_of_every_step_is_in_its_line_in_tensorboard_and_in_the_curves(make_pair_set, tmp_path):
    run = tmp_path / "run"
    more = ["--steps", "5", "--quiet", "--set", "gradcache=full", "--output", str(run)]
    assert main(["--data", str(make_pair_set(60)), *SMALL, *more]) == 0
    lines = lines_of(run)
    for line in lines:
        assert line.keys() == LINE.keys()
        assert all(value is not None for value in line.values())
        # A forward is a third of forward and backward, and only the last chunk's is not repeated.
        assert 1 < line["hfu"] / line["mfu"] < 4 / 3
        assert 0 < line["real_token_share"] <= 1 and 0 <= line["accuracy"] <= 1 and 0 <= line["data_wait"] <= 1
        assert line["gradient_norm"] > 0 and line["mfu"] > 0 and line["peak_memory_mib"] > 50
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    for name in ("loss", "accuracy", "mfu", "data_wait", "loss_by_source/docstring_code/python"):
        found = [(event.step, event.value) for event in events.Scalars(name)]
        wanted = [(line["step"], line[name.split("_by_source")[0]]) for line in lines]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert (run / "model" / "loss.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "(loss.png)" in (run / "model" / "README.md").read_text()


def test_the_documentation_explains_every_figure():
    text = (Path(__file__).resolve().parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    assert [name for name in LINE if f"`{name}`" not in text] == []


def test_a_bag_has_no_matrix_products(make_pair_set, tmp_path):
    run = tmp_path / "run"
    arguments = ["--data", str(make_pair_set(60)), *STATIC, "--steps", "3", "--quiet", "--output", str(run)]
    assert main(arguments) == 0
    assert {(line["mfu"], line["hfu"]) for line in lines_of(run)} == {(None, None)}


def test_accuracy_counts_anchors_whose_own_positive_is_first():
    torch.manual_seed(0)
    x, y, tally = torch.randn(70, 8), torch.randn(70, 8), Tally()
    y[:20] = x[:20]
    info_nce(x, y, torch.tensor(5.0), tally=tally, block=16)
    cosine = torch.nn.functional.normalize(x) @ torch.nn.functional.normalize(y).T
    assert int(tally.first) == int((cosine.argmax(1) == torch.arange(70)).sum()) >= 20


def test_values_of_a_cpu_come_at_once_and_in_order():
    late: LateValues[int] = LateValues(torch.device("cpu"))
    for number in range(3):
        late.put(number, {"loss": torch.tensor(float(number))})
    assert [(label, values["loss"]) for label, values, _ in late.take()] == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert list(late.take(wait=True)) == []
