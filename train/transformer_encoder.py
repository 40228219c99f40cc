"""Any Hugging Face encoder or decoder as an embedding model: the base's last hidden states, pooled.

Without delimiters a text is framed as the base's own tokenizer frames it. With them (the cpt recipe) the anchor is
wrapped in one pair of tokens and the positive in another, and pooling "last" reads the closing one. The export keeps
that in two tokenizers behind sentence-transformers' `Router`: `encode_query` is the anchor, `encode_document` the
positive. Code of a model's author is never run, and only safetensors are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, processors
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerFast

from train.encoder import SIDES, Encoder, Side
from train.model_folder import write_json, write_modules, write_settings
from train.ragged import Ragged
from train.word_tokenizer import CLOSING, MASK, OPENING, PADDING, UNKNOWN, cut_tokens, fingerprint

POOLINGS = {"mean": "mean", "cls": "cls", "last": "lasttoken"}  # our name: sentence-transformers'
Delimiters = Mapping[Side, tuple[str, str]]
_ROUTES: dict[Side, str] = {"anchor": "query", "positive": "document"}


class TransformerEncoder(Encoder):
    """`delimiters` gives each side's opening and closing token, None the tokenizer's own frame."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        pooling: str,
        length: int,
        delimiters: Delimiters | None = None,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"there is no pooling {pooling!r}; there is {', '.join(POOLINGS)}")
        self.model = model
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.length = length
        self.delimiters = {side: tuple(pair) for side, pair in delimiters.items()} if delimiters else None
        self.dimension = model.config.hidden_size
        if self.delimiters:
            self._add_missing_delimiters()
        if tokenizer.pad_token is None:
            self._add_padding()
        self.frames = {side: self._frame(side) for side in SIDES}
        self._check_length()

    def token_ids(self, texts: Sequence[str], length: int) -> Ragged:
        """See `Encoder.token_ids`."""
        return cut_tokens(self.tokenizer.backend_tokenizer, texts, length)

    def fingerprint(self) -> str:
        """See `Encoder.fingerprint`."""
        return fingerprint(self.tokenizer.backend_tokenizer)

    def embed(self, tokens: Ragged, side: Side) -> Tensor:
        """See `Encoder.embed`; pads to the longest row, so hand in rows of like lengths."""
        ids, mask = self.padded(tokens, side)
        ids, mask = ids.to(self.device, non_blocking=True), mask.to(self.device, non_blocking=True)
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "cls":
            return hidden[:, 0]
        if self.pooling == "last":
            return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1) - 1]
        real = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * real).sum(1) / real.sum(1).clamp(min=1e-9)

    def padded(self, tokens: Ragged, side: Side) -> tuple[Tensor, Tensor]:
        """Framed ids and attention mask, int64 of (rows, longest), padded on the right."""
        before, after = self.frames[side]
        lengths = tokens.lengths + len(before) + len(after)
        width = max(int(lengths.max(initial=0)), 1)
        ids = np.full((len(tokens), width), self.tokenizer.pad_token_id, np.int64)
        ids[:, : len(before)] = before
        place = np.arange(len(tokens.ids)) - np.repeat(tokens.offsets[:-1], tokens.lengths) + len(before)
        ids[tokens.rows, place] = tokens.ids
        for step, token in enumerate(after):
            ids[np.arange(len(tokens)), lengths - len(after) + step] = token
        mask = (np.arange(width) < lengths[:, None]).astype(np.int64)
        return torch.from_numpy(ids), torch.from_numpy(mask)

    def save(self, folder: Path) -> None:
        """See `Encoder.save`."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.delimiters:
            self._save_routes(folder)
        else:
            self._save_part(folder, None)
        pooling = {"embedding_dimension": self.dimension, "pooling_mode": POOLINGS[self.pooling]}
        write_json(folder / "1_Pooling" / "config.json", pooling)
        write_json(folder / "2_Normalize" / "config.json", {"module_input_name": "sentence_embedding"})
        first = "Router" if self.delimiters else "Transformer"
        write_modules(folder, [(first, ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")])
        settings = {"encoder": "transformer", "pooling": self.pooling, "length": self.length}
        write_settings(folder, {**settings, "delimiters": self.delimiters})

    def _save_routes(self, folder: Path) -> None:
        parts = {side: f"{_ROUTES[side]}_0_Transformer" for side in SIDES}
        for side, part in parts.items():
            self._save_part(folder / part, side)
        transformer = "sentence_transformers.base.modules.transformer.Transformer"
        routes = {
            "types": dict.fromkeys(parts.values(), transformer),
            "structure": {_ROUTES[side]: [part] for side, part in parts.items()},
            "parameters": {"default_route": _ROUTES["anchor"], "allow_empty_key": True, "route_mappings": {}},
        }
        write_json(folder / "router_config.json", routes)

    def _save_part(self, folder: Path, side: Side | None) -> None:
        """The weights, and a tokenizer that frames a text by itself as `side` (None: as it always did)."""
        self.model.save_pretrained(folder, safe_serialization=True)
        before, after = self.frames[side or "anchor"]
        backend = Tokenizer.from_str(self.tokenizer.backend_tokenizer.to_str())
        backend.no_padding()
        backend.no_truncation()
        if side:
            backend.post_processor = _template(backend, before, after)
        framed = PreTrainedTokenizerFast(
            tokenizer_object=backend,
            model_max_length=self.length + len(before) + len(after),
            padding_side="right",
            **_special_names(self.tokenizer),
        )
        framed.save_pretrained(folder)
        output = {"method": "forward", "method_output_name": "last_hidden_state"}
        write_json(
            folder / "sentence_bert_config.json",
            {
                "transformer_task": "feature-extraction",
                "modality_config": {"text": output},
                "module_output_name": "token_embeddings",
            },
        )

    def _add_missing_delimiters(self) -> None:
        """Adds the delimiters that the vocabulary lacks, with rows for them. ValueError where one is several tokens."""
        known = self.tokenizer.get_vocab()
        wanted = [token for pair in self.delimiters.values() for token in pair]
        for token in wanted:
            if not token or token != token.strip() or any(character.isspace() for character in token):
                raise ValueError(f"the delimiter {token!r} is not one token; give a token without blanks")
        missing = [token for token in dict.fromkeys(wanted) if token not in known]
        if missing:
            self.tokenizer.add_special_tokens({"additional_special_tokens": missing})
            self._fit_rows()

    def _add_padding(self) -> None:
        """Gives a decoder's tokenizer what sentence-transformers pads with. It is masked, so the end token will do."""
        if self.tokenizer.eos_token is None:
            self.tokenizer.add_special_tokens({"pad_token": PADDING})
            self._fit_rows()
        else:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def _fit_rows(self) -> None:
        if len(self.tokenizer) > self.model.get_input_embeddings().num_embeddings:
            self.model.resize_token_embeddings(len(self.tokenizer))

    def _frame(self, side: Side) -> tuple[list[int], list[int]]:
        """Ids before and after a text of `side`."""
        if self.delimiters:
            opening, closing = self.tokenizer.convert_tokens_to_ids(list(self.delimiters[side]))
            return [opening], [closing]
        backend = self.tokenizer.backend_tokenizer
        backend.no_truncation()
        plain = backend.encode("a", add_special_tokens=False).ids
        framed = backend.encode("a", add_special_tokens=True).ids
        for start in range(len(framed) - len(plain) + 1):
            if framed[start : start + len(plain)] == plain:
                return framed[:start], framed[start + len(plain) :]
        raise ValueError("this tokenizer changes a text when it adds its special tokens; give the recipe delimiters")

    def _check_length(self) -> None:
        places = getattr(self.model.config, "max_position_embeddings", None)
        longest = self.length + max(len(before) + len(after) for before, after in self.frames.values())
        if places and longest > places:
            raise ValueError(
                f"a text of {longest} tokens with its delimiters does not fit the base's {places} positions; "
                f"set both lengths to {places - longest + self.length} at most"
            )


def from_base(path: str, pooling: str, length: int, delimiters: Delimiters | None = None) -> TransformerEncoder:
    """An encoder on the weights of a folder or hub name. ValueError, with the mend, where it cannot be read."""
    tokenizer, model = _read_tokenizer(path), _read_model(path)
    return TransformerEncoder(model, tokenizer, pooling, length, delimiters)


def from_scratch(tokenizer: Tokenizer, shape: Mapping[str, int], pooling: str, length: int) -> TransformerEncoder:
    """A small BERT with weights by torch's random state: `shape` has hidden_size, layers, heads, intermediate_size."""
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=shape["hidden_size"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        intermediate_size=shape["intermediate_size"],
        max_position_embeddings=length + 2,
        pad_token_id=tokenizer.token_to_id(PADDING),
    )
    names = {"pad": PADDING, "unk": UNKNOWN, "cls": OPENING, "sep": CLOSING, "mask": MASK}
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{f"{role}_token": token for role, token in names.items()}
    )
    return TransformerEncoder(BertModel(config, add_pooling_layer=False), wrapped, pooling, length)


def load_transformer(folder: Path, settings: dict[str, Any]) -> TransformerEncoder:
    """The encoder of a folder that `TransformerEncoder.save` wrote."""
    delimiters = settings["delimiters"]
    part = folder / f"{_ROUTES['anchor']}_0_Transformer" if delimiters else folder
    return from_base(str(part), settings["pooling"], settings["length"], delimiters)


def _read_tokenizer(path: str) -> PreTrainedTokenizerFast:
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} holds no tokenizer that transformers reads ({_first_line(error)})") from None
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(f"the tokenizer of {path} has no tokenizer.json; convert it with transformers first")
    return tokenizer


def _read_model(path: str) -> PreTrainedModel:
    settings = {"trust_remote_code": False, "use_safetensors": True, "dtype": torch.float32}
    try:
        model = AutoModel.from_pretrained(path, **settings)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path} holds no model in safetensors that transformers reads ({_first_line(error)})"
        ) from None
    # Training needs no cache of keys and values.
    model.config.use_cache = False
    return model


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def _template(backend: Tokenizer, before: list[int], after: list[int]) -> processors.PostProcessor:
    names = {token: backend.id_to_token(token) for token in [*before, *after]}
    # Names may hold what the template's own language uses ($, :), so tokens go under aliases.
    alias = {token: f"frame{place}" for place, token in enumerate(names)}
    words = [alias[t] for t in before] + ["$A"] + [alias[t] for t in after]
    tokens = [{"id": alias[t], "ids": [t], "tokens": [names[t]]} for t in names]
    return processors.TemplateProcessing(single=words, pair=[*words, "$B:1"], special_tokens=tokens)


def _special_names(tokenizer: PreTrainedTokenizerFast) -> dict[str, str]:
    return {role: token for role, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
