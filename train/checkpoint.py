"""Checkpoints: all that a run needs to go on bit for bit, in safetensors and one small JSON file.

RUN/checkpoints/step-00000200/ holds `weights.safetensors` (what trains: frozen weights are read from the base again),
`optimizer.safetensors` and `state.json`. The saved position is one integer, the number of the next step: batches and
random states follow from it, at any number of processes. A checkpoint is written elsewhere first and renamed whole, so
one that is there is complete. The last few are kept, and the one whose score was highest.
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
    folder: Path,
    step: int,
    origin: Origin,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    keep: int,
    score: float | None = None,
) -> Path:
    """Writes the checkpoint of the state before step `step`, then deletes all but the last `keep` and the best."""
    target = folder / f"step-{step:08d}"
    part = folder / f"{target.name}.{os.getpid()}.part"
    for broken in folder.glob("step-*.part"):
        shutil.rmtree(broken, ignore_errors=True)
    part.mkdir(parents=True)
    save_file({name: _on_host(value) for name, value in _trained(model).items()}, part / _WEIGHTS)
    save_file(_optimizer_tensors(model, optimizer), part / _OPTIMIZER)
    state = {"step": step, "score": score, **asdict(origin)}
    (part / _STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    part.replace(target)
    for old in set(_all(folder)[:-keep]) - {best(folder)}:
        shutil.rmtree(old, ignore_errors=True)
    return target


def best(folder: Path) -> Path | None:
    """The checkpoint with the highest score, the earliest of equals; None where none has one."""
    scored = [(_state(path).get("score"), path) for path in _all(folder)]
    known = [(score, path) for score, path in scored if score is not None]
    return max(known, key=lambda item: item[0])[1] if known else None


def score_of(checkpoint: Path) -> float | None:
    """What was measured when it was written."""
    return _state(checkpoint).get("score")


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
    load_weights(checkpoint, model)
    _put_optimizer_tensors(load_file(checkpoint / _OPTIMIZER), model, optimizer)
    return int(_state(checkpoint)["step"])


def load_weights(checkpoint: Path, model: nn.Module) -> int:
    """Puts the saved weights into the model; returns the number of steps that made them.

    ValueError where they are not those that the model trains.
    """
    saved, wanted = load_file(checkpoint / _WEIGHTS), _trained(model)
    odd = sorted(saved.keys() ^ wanted.keys()) or [name for name in wanted if saved[name].shape != wanted[name].shape]
    if odd:
        raise ValueError(f"{checkpoint} does not fit this model ({odd[0]} differs); --overwrite starts again")
    model.load_state_dict(saved, strict=False)
    return int(_state(checkpoint)["step"])


def _trained(model: nn.Module) -> dict[str, Tensor]:
    """The state that training changes: all of it but frozen parameters."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def _on_host(value: Tensor) -> Tensor:
    return value.detach().cpu().contiguous().clone()


def _all(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if _NAME.fullmatch(path.name))


def _state(checkpoint: Path) -> dict:
    return json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as ``parameter name//state name``; learning rates follow from the step."""
    return {
        f"{name}//{key}": _on_host(value)
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
