"""What the evaluator's and the search's command lines name: a device, a model, a pair set's folder."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError

from schemas.manifest import MANIFEST_NAME
from train.command_line import nearest
from train.encoders import TextEncoder, load_encoder


def device_named(name: str | None) -> str:
    """The device, or the best there is where none is named; ValueError for one that is not there."""
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"there is no device {name!r} here; leave --device out, or say cpu") from None
    return name


def check_pair_set_folder(folder: str, flag: str) -> None:
    """ValueError for a local folder that is not there; a URI is left to Arrow."""
    if "://" in folder or Path(folder).is_dir():
        return
    raise ValueError(
        f"there is no folder {folder}{_nearest_path(folder)}; {flag} takes a folder with a {MANIFEST_NAME}"
    )


def load_model(model: str, device: str) -> TextEncoder:
    """The encoder of a folder or a hub name; ValueError, in one sentence, where there is none."""
    looks_local = model.startswith((".", "/", "~")) or model.count("/") != 1 or Path(model).parent.is_dir()
    if looks_local and not Path(model).exists():
        raise ValueError(f"there is no model folder {model}{_nearest_path(model)}")
    try:
        return load_encoder(model, device)
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"{model} cannot be loaded as a model: {why[:300]}") from error


def _nearest_path(path: str) -> str:
    parent = Path(path).resolve().parent
    return nearest(Path(path).name, os.listdir(parent)) if parent.is_dir() else ""
