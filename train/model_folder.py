"""The files around the weights that make a folder a sentence-transformers model, and the one that says it is ours.

Written by hand, so that training needs no sentence-transformers. A folder of ours also holds `pairmill.json` with the
encoder's settings, from which `train.encoders.load_encoder` reads it back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SETTINGS_NAME = "pairmill.json"
CARD_NAME = "README.md"

_MODULES = "sentence_transformers.sentence_transformer.modules"
_SPARSE = "sentence_transformers.sparse_encoder.modules"
_BASE = "sentence_transformers.base.modules"
MODULE_TYPES = {
    "StaticEmbedding": f"{_MODULES}.static_embedding.StaticEmbedding",
    "SparseStaticEmbedding": f"{_SPARSE}.sparse_static_embedding.SparseStaticEmbedding",
    "Dense": f"{_BASE}.dense.Dense",
    "Transformer": f"{_BASE}.transformer.Transformer",
    "Pooling": f"{_MODULES}.pooling.Pooling",
    "Normalize": f"{_BASE}.normalize.Normalize",
    "Router": f"{_BASE}.router.Router",
}


def write_json(path: Path, value: Any) -> None:
    """The value as indented JSON; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_modules(folder: Path, modules: list[tuple[str, str]]) -> None:
    """`modules.json` and the model's settings: (kind of `MODULE_TYPES`, subfolder) of each module in order."""
    write_json(
        folder / "modules.json",
        [
            {"idx": place, "name": str(place), "path": path, "type": MODULE_TYPES[kind]}
            for place, (kind, path) in enumerate(modules)
        ],
    )
    settings = {"model_type": "SentenceTransformer", "prompts": {}, "similarity_fn_name": "cosine"}
    write_json(folder / "config_sentence_transformers.json", settings)


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """The encoder's own settings; `read_settings` reads them."""
    write_json(folder / SETTINGS_NAME, {"format": "pairmill encoder", **settings})


def add_settings(folder: Path, more: Mapping[str, Any]) -> None:
    """Adds to what `write_settings` wrote."""
    write_settings(folder, {**(read_settings(folder) or {}), **more})


def read_settings(folder: Path) -> dict[str, Any] | None:
    """The settings of a model folder of ours; None for any other folder."""
    path = folder / SETTINGS_NAME
    if not path.is_file():
        return None
    value = json.loads(path.read_text(encoding="utf-8"))
    if value.get("format") != "pairmill encoder":
        raise ValueError(f"{path} is not an encoder's settings; train the model again")
    return value
