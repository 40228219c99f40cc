"""The folder of a Transformer encoder: read by sentence-transformers, by transformers, and by `load_transformer`.

Without delimiters it is what sentence-transformers itself would write. With them each side has a tokenizer of its own,
behind sentence-transformers' `Router`: `encode_query` is the anchor, `encode_document` the positive. The weights stand
in the folder itself, where transformers reads them, and the two routes link to them.
"""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, processors
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from train.encoder import SIDES, Side
from train.model_folder import write_json, write_modules, write_settings
from train.transformer_encoder import TransformerEncoder, from_base

_POOLING_NAMES = {"mean": "mean", "cls": "cls", "last": "lasttoken", "closing": "lasttoken"}
_ROUTES: dict[Side, str] = {"anchor": "query", "positive": "document"}


def save_transformer(encoder: TransformerEncoder, folder: Path) -> None:
    """Writes weights (low-rank matrices and added rows folded in), tokenizers, pooling and settings."""
    folder.mkdir(parents=True, exist_ok=True)
    plain_model(encoder).save_pretrained(folder)
    _save_tokenizer(encoder, folder, "anchor" if encoder.delimiters else None)
    if encoder.delimiters:
        _save_routes(encoder, folder)
    else:
        _save_transformer_settings(folder)
    pooling = {"embedding_dimension": encoder.dimension, "pooling_mode": _POOLING_NAMES[encoder.pooling]}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    write_json(folder / "2_Normalize" / "config.json", {"module_input_name": "sentence_embedding"})
    first = "Router" if encoder.delimiters else "Transformer"
    write_modules(folder, [(first, ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")])
    write_settings(
        folder,
        {
            "encoder": "transformer",
            "pooling": encoder.pooling,
            "length": encoder.length,
            "delimiters": encoder.delimiters,
            "padding_side": encoder.padding_side,
            "added_tokens": encoder.added,
        },
    )


def load_transformer(folder: Path, settings: dict[str, Any]) -> TransformerEncoder:
    """The encoder of a folder that `save_transformer` wrote."""
    side = settings.get("padding_side", "right")
    return from_base(str(folder), settings["pooling"], settings["length"], settings["delimiters"], side)


def plain_model(encoder: TransformerEncoder) -> PreTrainedModel:
    """The model as transformers knows it, with what was trained beside it folded in."""
    model = encoder.model
    if hasattr(model, "merge_and_unload"):
        model = copy.deepcopy(model).merge_and_unload()
    if encoder.added_rows is not None:
        encoder.added_rows.write_to(model.get_input_embeddings())
    return model


def _save_routes(encoder: TransformerEncoder, folder: Path) -> None:
    parts = {side: f"{_ROUTES[side]}_0_Transformer" for side in SIDES}
    for side, part in parts.items():
        (folder / part).mkdir(exist_ok=True)
        shutil.copy(folder / "config.json", folder / part)
        for weights in folder.glob("model*.safetensors*"):
            _link(weights, folder / part / weights.name)
        _save_tokenizer(encoder, folder / part, side)
        _save_transformer_settings(folder / part)
    transformer = "sentence_transformers.base.modules.transformer.Transformer"
    routes = {
        "types": dict.fromkeys(parts.values(), transformer),
        "structure": {_ROUTES[side]: [part] for side, part in parts.items()},
        "parameters": {"default_route": _ROUTES["anchor"], "allow_empty_key": True, "route_mappings": {}},
    }
    write_json(folder / "router_config.json", routes)


def _link(weights: Path, target: Path) -> None:
    """One copy of the weights on the disk, where the file system can."""
    try:
        os.link(weights, target)
    except OSError:
        shutil.copy(weights, target)


def _save_tokenizer(encoder: TransformerEncoder, folder: Path, side: Side | None) -> None:
    """A tokenizer that frames a text by itself as `side` (None: as it always did)."""
    before, after = encoder.frames[side or "anchor"]
    backend = Tokenizer.from_str(encoder.tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    backend.no_truncation()
    if side:
        backend.post_processor = _template(backend, before, after)
    framed = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=encoder.length + len(before) + len(after),
        padding_side=encoder.padding_side,
        **_special_names(encoder.tokenizer),
    )
    framed.save_pretrained(folder)


def _save_transformer_settings(folder: Path) -> None:
    output = {"method": "forward", "method_output_name": "last_hidden_state"}
    write_json(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "feature-extraction",
            "modality_config": {"text": output},
            "module_output_name": "token_embeddings",
        },
    )


def _template(backend: Tokenizer, before: list[int], after: list[int]) -> processors.PostProcessor:
    names = {token: backend.id_to_token(token) for token in [*before, *after]}
    # Names may hold what the template's own language uses ($, :), so tokens go under aliases.
    alias = {token: f"frame{place}" for place, token in enumerate(names)}
    words = [alias[t] for t in before] + ["$A"] + [alias[t] for t in after]
    tokens = [{"id": alias[t], "ids": [t], "tokens": [names[t]]} for t in names]
    return processors.TemplateProcessing(single=words, pair=[*words, "$B:1"], special_tokens=tokens)


def _special_names(tokenizer: PreTrainedTokenizerFast) -> dict[str, str]:
    return {role: token for role, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
