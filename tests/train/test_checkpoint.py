"""Checkpoints: whole or not there, the last few and the best kept, what trains and nothing else in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.conftest import code_pairs
from tests.train.test_run import STATIC, metrics
from train import checkpoint
from train.encoders import load_encoder
from train.run import main
from train.validation import validation_of

ORIGIN = checkpoint.Origin(("data",), "tokenizer", "recipe")


class Half(nn.Module):
    """One layer frozen, one trained."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen, self.trained = nn.Linear(3, 3).requires_grad_(False), nn.Linear(3, 2)
        self.register_buffer("seen", torch.zeros(1))


def stepped() -> tuple[Half, torch.optim.Optimizer]:
    model = Half()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model.trained(model.frozen(torch.ones(1, 3))).sum().backward()
    optimizer.step()
    return model, optimizer


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.iterdir())


def test_the_last_few_and_the_best_are_kept(tmp_path):
    model, optimizer = stepped()
    left = []
    for step, score in ((1, 0.2), (2, 0.9), (3, 0.4), (4, 0.9), (5, None), (6, 0.3)):
        checkpoint.save(tmp_path, step, ORIGIN, model, optimizer, keep=2, score=score)
        left.append(steps(tmp_path))
    assert left == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [2, 5, 6]]
    assert checkpoint.best(tmp_path).name == "step-00000002" and checkpoint.score_of(tmp_path / "step-00000002") == 0.9
    assert checkpoint.latest(tmp_path).name == "step-00000006"


def test_what_a_crash_left_is_no_checkpoint_and_goes(tmp_path):
    model, optimizer = stepped()
    (tmp_path / "step-00000009.4711.part").mkdir()
    assert checkpoint.latest(tmp_path) is None
    checkpoint.save(tmp_path, 3, ORIGIN, model, optimizer, keep=2)
    assert steps(tmp_path) == [3]


def test_holds_what_trains_and_brings_it_back(tmp_path):
    model, optimizer = stepped()
    saved = checkpoint.save(tmp_path, 3, ORIGIN, model, optimizer, keep=2)
    assert set(load_file(saved / "weights.safetensors")) == {"trained.weight", "trained.bias", "seen"}
    other, fresh = stepped()
    frozen = other.frozen.weight.clone()
    assert checkpoint.load(saved, other, fresh) == 3
    assert torch.equal(other.trained.weight, model.trained.weight) and torch.equal(other.frozen.weight, frozen)
    for name in ("exp_avg", "exp_avg_sq", "step"):
        assert torch.equal(fresh.state[other.trained.bias][name], optimizer.state[model.trained.bias][name])


def test_weights_of_another_shape_or_choice_are_refused(tmp_path):
    model, optimizer = stepped()
    saved = checkpoint.save(tmp_path, 3, ORIGIN, model, optimizer, keep=2)
    wider, thawed = Half(), Half()
    wider.trained = nn.Linear(3, 4)
    thawed.frozen.requires_grad_(True)
    for other in (wider, thawed):
        with pytest.raises(ValueError, match=r"does not fit this model .*--overwrite"):
            checkpoint.load_weights(saved, other)


def test_the_best_checkpoint_becomes_the_model(make_pair_set, tmp_path):
    """The learning rate first helps and then, far too high, ruins: the best is not the last."""
    pairs = code_pairs(160)
    data = str(make_pair_set(pairs[:120], validation=pairs[120:]))
    more = ["--set", "evaluate=true", "--set", "export=best", "--set", "checkpoint_every=4", "--set", "learning_rate=3"]
    more += ["--set", "vector_learning_rate=3", "--set", "keep_checkpoints=1"]
    assert main(["--data", data, *STATIC, *more, "--steps", "16", "--output", str(tmp_path / "run"), "--quiet"]) == 0
    scores = {line["step"]: line["eval"]["mrr"] for line in metrics(tmp_path / "run") if "eval" in line}
    assert sorted(scores) == [3, 7, 11, 15]
    best = max(scores, key=lambda step: scores[step])
    kept = steps(tmp_path / "run" / "checkpoints")
    assert best < 15 and kept == [best + 1, 16]
    model = load_encoder(tmp_path / "run" / "model")
    assert validation_of(data, "cpu")(model).main == pytest.approx(scores[best])
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert f"| MRR on the validation split | {scores[best]:.4f} |" in card
    assert f"| steps | {best + 1}," in card
    state = json.loads((tmp_path / "run" / "checkpoints" / f"step-{best + 1:08d}" / "state.json").read_text())
    assert state["score"] == scores[best]


def test_measuring_without_a_validation_split_says_so(make_pair_set, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--data", str(make_pair_set(30)), *STATIC, "--set", "evaluate=true", "--output", str(tmp_path / "run")])
    assert "has no rows of split 'validation'" in capsys.readouterr().err
