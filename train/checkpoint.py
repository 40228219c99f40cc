"""Checkpoints: all that a run needs to go on bit for bit, in safetensors and one small JSON file.

RUN/checkpoints/step-00000200/ holds `weights.safetensors` (encoder and temperature), `optimizer.safetensors` and
`state.json`. The saved position is one integer, the number of the next step: batches and random states follow from it.
A checkpoint is written elsewhere first and renamed whole, so one that is there is complete.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_NAME = re.compile(r"step-(\d{8,})")
_STATE, _WEIGHTS, _OPTIMIZER = "state.json", "weights.safetensors", "optimizer.safetensors"


@dataclass(frozen=True)
class Origin:
    """What a checkpoint was made from; a run goes on only from its own."""

    data_ids: tuple[str, ...]
    tokenizer: str
    recipe: str
    """The resolved recipe, as YAML."""


def save(
    folder: Path, step: int, origin: Origin, model: nn.Module, optimizer: torch.optim.Optimizer, keep: int
) -> Path:
    """Writes the checkpoint of the state before step `step`, then deletes all but the last `keep`."""
    target = folder / f"step-{step:08d}"
    part = folder / f"{target.name}.{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_file(
        {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}, part / _WEIGHTS
    )
    save_file(_optimizer_tensors(model, optimizer), part / _OPTIMIZER)
    (part / _STATE).write_text(json.dumps({"step": step, **asdict(origin)}, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    for old in _all(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint, None where there is none."""
    found = _all(folder)
    return found[-1] if found else None


def check_origin(checkpoint: Path, origin: Origin, formerly: Collection[str] = ()) -> None:
    """ValueError, with the mend, where a checkpoint was made from other data, another tokenizer or another recipe.

    `formerly`: the data_ids that the pair sets had before rows were removed from them.
    """
    state = _state(checkpoint)
    saved = Origin(tuple(state["data_ids"]), state["tokenizer"], state["recipe"])
    for name, noun in (("data_ids", "other data"), ("tokenizer", "another tokenizer"), ("recipe", "another recipe")):
        if getattr(saved, name) != getattr(origin, name):
            if name == "data_ids" and not set(saved.data_ids).isdisjoint(formerly):
                noun = "this data as it was before `pairmill remove` took rows out of it"
            raise ValueError(
                f"{checkpoint} was made from {noun}; give what it was made from, "
                "or --overwrite to start again, or --resume-anyway to go on all the same"
            )


def load(checkpoint: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Puts the saved state into model and optimizer; returns the number of the next step."""
    try:
        model.load_state_dict(load_file(checkpoint / _WEIGHTS))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{checkpoint} does not fit this model ({reason}); --overwrite starts again") from None
    _put_optimizer_tensors(load_file(checkpoint / _OPTIMIZER), model, optimizer)
    return int(_state(checkpoint)["step"])


def _all(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if _NAME.fullmatch(path.name))


def _state(checkpoint: Path) -> dict:
    return json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as ``parameter name//state name``; learning rates follow from the step."""
    return {
        f"{name}//{key}": value.detach().cpu().contiguous().clone()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _put_optimizer_tensors(tensors: dict[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    parameters = dict(model.named_parameters())
    for place, value in tensors.items():
        name, key = place.rsplit("//", 1)
        parameter = parameters[name]
        # The count of steps stays where the optimizer made it: fused Adam wants it beside the parameter.
        optimizer.state[parameter][key] = value.to(parameter.device)
