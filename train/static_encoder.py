"""The static encoder: a text is the weighted sum of its tokens' rows. It trains on a CPU in minutes.

Every token has a row and a weight (as a logarithm). A word in a function's head (its name) has the row that it has
elsewhere and a weight of its own. Where a token that stands twice counts twice (`repeats` "sum"), the
export folds both into one table, which sentence-transformers reads as `StaticEmbedding`; its mean and our sum differ
by a factor that normalising takes away. Where it counts once ("once": better on code, which repeats its names), the
export is `SparseStaticEmbedding` (a text's distinct tokens, weighted) and `Dense` (the rows).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from train.encoder import Encoder, Side
from train.model_folder import write_json, write_modules, write_settings
from train.ragged import Ragged
from train.word_tokenizer import UNKNOWN, plain_tokens

WEIGHTS_NAME = "model.safetensors"


REPEATS = ("sum", "once")
_TABLE, _TOKENS, _ROWS, _NORMALIZE = "0_StaticEmbedding", "0_SparseStaticEmbedding", "1_Dense", "2_Normalize"


class StaticEncoder(Encoder):
    """`dropout` is the share of distinct tokens that a training step leaves out of each text, by side."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        dimension: int,
        length: int,
        repeats: str = "once",
        dropout: dict[Side, float] | None = None,
        *,
        is_folded: bool = False,
    ) -> None:
        """`is_folded`: every token has a row of its own, its weight in it, as a folded export leaves them."""
        super().__init__()
        if repeats not in REPEATS:
            raise ValueError(f"repeats is {repeats!r}; it can be {' or '.join(REPEATS)}")
        self.dimension = dimension
        self.length = length
        self.repeats = repeats
        self.dropout = dropout or {"anchor": 0.0, "positive": 0.0}
        self.tokenizer = tokenizer
        self.unknown = tokenizer.token_to_id(UNKNOWN)
        vocabulary = tokenizer.get_vocab_size()
        plain = np.arange(vocabulary) if is_folded else plain_tokens(tokenizer)
        count = int(plain.max()) + 1
        self.row_of = plain
        """Of each token; tokens of heads come behind all others, and share the rows of those."""
        self.rows = nn.Parameter(torch.randn(count, dimension) / math.sqrt(dimension))
        self.log_weight = nn.Parameter(torch.zeros(vocabulary))

    def start_at_idf(
        self, document_frequency: np.ndarray, documents: int, power: float = 1.0, name_weight: float = 1.0
    ) -> None:
        """Sets each token's weight to its inverse document frequency, ln(1 + N / (df + 1)), to a power.

        In a function's head it weighs `name_weight` times that.

        Training sharpens the weights further, so that a power below 1 is the better start.

        A token never seen keeps the weight of the rarest: it is an exact match where it does occur.
        """
        frequency = np.bincount(self.row_of, weights=document_frequency, minlength=len(self.row_of))[self.row_of]
        idf = np.log1p(documents / (frequency + 1.0))
        in_head = self.row_of != np.arange(len(self.row_of))
        with torch.no_grad():
            self.log_weight.copy_(torch.from_numpy(power * np.log(idf) + in_head * math.log(name_weight)).float())

    @property
    def text_tokenizer(self) -> Tokenizer:
        """See `Encoder.text_tokenizer`."""
        return self.tokenizer

    def embed(self, tokens: Ragged, side: Side) -> Tensor:
        """See `Encoder.embed`. In training mode tokens are dropped, by torch's random state."""
        ids, counts, offsets = distinct(tokens, len(self.log_weight))
        if self.repeats == "once":
            counts[:] = 1.0
        counts[ids == self.unknown] = 0.0  # whatever is unknown must not match all else that is unknown
        kept = torch.from_numpy(counts)
        share = self.dropout[side]
        if self.training and share > 0:
            kept = kept * (torch.rand(len(kept)) >= share)
        device = self.rows.device
        weight = self.log_weight.exp()[torch.from_numpy(ids).to(device)]
        return F.embedding_bag(
            torch.from_numpy(self.row_of[ids]).to(device),
            self.rows,
            torch.from_numpy(offsets[:-1]).to(device),
            mode="sum",
            per_sample_weights=kept.to(device, self.rows.dtype) * weight,
        )

    def save(self, folder: Path) -> None:
        """See `Encoder.save`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.length)
        rows = self.rows.detach().float().cpu()[torch.from_numpy(self.row_of)]
        weight = self.log_weight.detach().float().exp().cpu()
        rows[self.unknown] = 0.0
        if self.repeats == "sum":
            _save_tensors(folder / _TABLE, {"embedding.weight": rows * weight[:, None]})
            self.tokenizer.save(str(folder / _TABLE / "tokenizer.json"))
            modules = [("StaticEmbedding", _TABLE)]
        else:
            self._save_tokens(folder / _TOKENS, weight)
            self._save_rows(folder / _ROWS, rows)
            modules = [("SparseStaticEmbedding", _TOKENS), ("Dense", _ROWS)]
        write_json(folder / _NORMALIZE / "config.json", {"module_input_name": "sentence_embedding"})
        write_modules(folder, [*modules, ("Normalize", _NORMALIZE)])
        shape = {"length": self.length, "dimension": self.dimension, "repeats": self.repeats}
        write_settings(folder, {"encoder": "static", **shape})

    def _save_tokens(self, folder: Path, weight: Tensor) -> None:
        _save_tensors(folder, {"weight": weight})
        write_json(folder / "config.json", {"frozen": False})
        backend = Tokenizer.from_str(self.tokenizer.to_str())
        backend.no_truncation()
        # Padding has no weight in this module, and neither has what is unknown: one token serves for both.
        PreTrainedTokenizerFast(
            tokenizer_object=backend, unk_token=UNKNOWN, pad_token=UNKNOWN, model_max_length=self.length
        ).save_pretrained(folder)

    def _save_rows(self, folder: Path, rows: Tensor) -> None:
        _save_tensors(folder, {"linear.weight": rows.T.contiguous()})
        shape = {"in_features": rows.shape[0], "out_features": rows.shape[1], "bias": False}
        write_json(folder / "config.json", {**shape, "activation_function": "torch.nn.modules.linear.Identity"})


def load_static(folder: Path, settings: dict[str, Any]) -> StaticEncoder:
    """The encoder of a folder that `StaticEncoder.save` wrote; folded weights stay folded."""
    is_folded = settings["repeats"] == "sum"
    tokenizer = Tokenizer.from_file(str(folder / (_TABLE if is_folded else _TOKENS) / "tokenizer.json"))
    encoder = StaticEncoder(
        tokenizer, settings["dimension"], settings["length"], settings["repeats"], is_folded=is_folded
    )
    with torch.no_grad():
        if is_folded:
            encoder.rows.copy_(load_file(folder / _TABLE / WEIGHTS_NAME)["embedding.weight"])
        else:
            encoder.rows.copy_(load_file(folder / _ROWS / WEIGHTS_NAME)["linear.weight"].T[: len(encoder.rows)])
            encoder.log_weight.copy_(load_file(folder / _TOKENS / WEIGHTS_NAME)["weight"].log())
    return encoder


def _save_tensors(folder: Path, tensors: dict[str, Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    save_file(contiguous, folder / WEIGHTS_NAME, metadata={"format": "pt"})


def distinct(tokens: Ragged, vocabulary: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each row's distinct tokens in order of id, their counts (float32), and the offsets of rows.

    A function of 200 tokens has about 70 distinct ones: a third of the look-ups for the same sum.
    """
    keys = tokens.rows * vocabulary + tokens.ids
    keys.sort()
    first = np.ones(len(keys), bool)
    first[1:] = keys[1:] != keys[:-1]
    places = np.flatnonzero(first)
    counts = np.diff(places, append=len(keys)).astype(np.float32)
    row, ids = np.divmod(keys[places], vocabulary)
    offsets = np.searchsorted(row, np.arange(len(tokens) + 1))
    return ids, counts, offsets
