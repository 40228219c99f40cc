"""Reading a base: a Hugging Face folder or hub name, a model folder of an earlier run, or quantised GGUF weights.

Code of a model's author is never run, and weights are read as safetensors, or GGUF, which holds numbers alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from train.model_folder import read_settings

PACKAGE = "package:"


@dataclass(frozen=True)
class Base:
    """Where transformers finds a base, and what an earlier run of ours says of it."""

    path: str
    gguf_file: str | None = None
    settings: dict[str, Any] | None = None
    """The encoder's settings where it is a model folder of ours."""


def find_base(name: str) -> Base:
    """What a recipe's `base` means. ValueError where it names a package's file that is not there.

    `package:NAME/FILE` is a file in an installed Python package, so that a base can come from a package registry.
    """
    if name.startswith(PACKAGE):
        name = _package_file(name)
    path = Path(name)
    if path.suffix == ".gguf":
        return Base(str(path.parent), path.name)
    settings = read_settings(path) if path.is_dir() else None
    if settings is None:
        return Base(name)
    if settings["encoder"] != "transformer":
        raise ValueError(f"{name} holds a {settings['encoder']} encoder, which is no base; name a Transformer's folder")
    routes = sorted(path.glob("query_*_Transformer"))
    return Base(str(routes[0] if routes else path), settings=settings)


def read_tokenizer(base: Base) -> PreTrainedTokenizerFast:
    """The base's tokenizer. ValueError where there is none, or none with a `tokenizer.json`."""
    where = base.gguf_file or base.path
    try:
        tokenizer = AutoTokenizer.from_pretrained(base.path, trust_remote_code=False, **_gguf(base))
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ValueError(f"{where} holds no tokenizer that transformers reads ({_first_line(error)})") from None
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(f"the tokenizer of {where} has no tokenizer.json; convert it with transformers first")
    return tokenizer


def read_model(base: Base) -> PreTrainedModel:
    """The base's weights in float32, without a head. ValueError where there are none in safetensors or GGUF."""
    settings = {"trust_remote_code": False, "dtype": torch.float32, **_gguf(base)}
    if not base.gguf_file:
        settings["use_safetensors"] = True
    try:
        model = AutoModel.from_pretrained(base.path, **settings)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ValueError(
            f"{base.gguf_file or base.path} holds no model in safetensors that transformers reads "
            f"({_first_line(error)})"
        ) from None
    # Training needs no cache of keys and values.
    model.config.use_cache = False
    return model


def _gguf(base: Base) -> dict[str, str]:
    return {"gguf_file": base.gguf_file} if base.gguf_file else {}


def _package_file(name: str) -> str:
    package, _, file = name.removeprefix(PACKAGE).partition("/")
    found = util.find_spec(package) if package.isidentifier() else None
    folders = list(found.submodule_search_locations or ()) if found else []
    for folder in folders:
        path = Path(folder) / file
        if path.is_file():
            return str(path)
    missing = f"the package {package} has no file {file}" if folders else f"there is no package {package} here"
    raise ValueError(
        f"the base {name} cannot be read: {missing}; install it "
        f"(pip install --no-deps {package.replace('_', '-')}), or name another base with --set base=FOLDER"
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
