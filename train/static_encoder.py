"""The static encoder: a text is the weighted sum of its tokens' rows. It trains on a CPU in minutes.

Every token has a row and a weight (as a logarithm); the export folds both into one table, which sentence-transformers
reads as `StaticEmbedding`. Its mean and our sum differ by a factor that normalising takes away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from train.encoder import Encoder, Side
from train.model_folder import write_json, write_modules, write_settings
from train.ragged import Ragged
from train.word_tokenizer import UNKNOWN, cut_tokens, fingerprint

WEIGHTS_NAME = "model.safetensors"


class StaticEncoder(Encoder):
    """`dropout` is the share of distinct tokens that a training step leaves out of each text, by side."""

    def __init__(
        self, tokenizer: Tokenizer, dimension: int, length: int, dropout: dict[Side, float] | None = None
    ) -> None:
        super().__init__()
        self.dimension = dimension
        self.length = length
        self.dropout = dropout or {"anchor": 0.0, "positive": 0.0}
        self.tokenizer = tokenizer
        rows = tokenizer.get_vocab_size()
        self.rows = nn.Parameter(torch.randn(rows, dimension) / math.sqrt(dimension))
        self.log_weight = nn.Parameter(torch.zeros(rows))

    def start_at_idf(self, document_frequency: np.ndarray, documents: int) -> None:
        """Sets each token's weight to its inverse document frequency, ln(1 + N / (df + 1)) (Robertson's smoothing).

        A token never seen keeps the weight of the rarest: it is an exact match where it does occur.
        """
        idf = np.log1p(documents / (np.asarray(document_frequency, np.float64) + 1.0))
        with torch.no_grad():
            self.log_weight.copy_(torch.from_numpy(np.log(idf)).float())
            unknown = self.tokenizer.token_to_id(UNKNOWN)
            if unknown is not None:  # whatever is unknown must not match all else that is unknown
                self.rows[unknown] = 0.0

    def token_ids(self, texts: Sequence[str], length: int) -> Ragged:
        """See `Encoder.token_ids`."""
        return cut_tokens(self.tokenizer, texts, length)

    def fingerprint(self) -> str:
        """See `Encoder.fingerprint`."""
        return fingerprint(self.tokenizer)

    def folded(self) -> Tensor:
        """The table of the export: each row times its weight."""
        return self.rows * self.log_weight.exp().unsqueeze(1)

    def embed(self, tokens: Ragged, side: Side) -> Tensor:
        """See `Encoder.embed`. In training mode tokens are dropped, by torch's random state."""
        ids, counts, offsets = distinct(tokens, self.rows.shape[0])
        kept = torch.from_numpy(counts)
        share = self.dropout[side]
        if self.training and share > 0:
            kept = kept * (torch.rand(len(kept)) >= share)
        device = self.rows.device
        return F.embedding_bag(
            torch.from_numpy(ids).to(device),
            self.folded(),
            torch.from_numpy(offsets[:-1]).to(device),
            mode="sum",
            per_sample_weights=kept.to(device, self.rows.dtype),
        )

    def save(self, folder: Path) -> None:
        """See `Encoder.save`."""
        folder.mkdir(parents=True, exist_ok=True)
        static = "0_StaticEmbedding"
        (folder / static).mkdir(exist_ok=True)
        table = self.folded().detach().float().cpu().contiguous()
        save_file({"embedding.weight": table}, folder / static / WEIGHTS_NAME, metadata={"format": "pt"})
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.length)
        self.tokenizer.save(str(folder / static / "tokenizer.json"))
        normalize = "1_Normalize"
        write_json(folder / normalize / "config.json", {"module_input_name": "sentence_embedding"})
        write_modules(folder, [("StaticEmbedding", static), ("Normalize", normalize)])
        write_settings(folder, {"encoder": "static", "length": self.length, "dimension": self.dimension})


def load_static(folder: Path, settings: dict[str, Any]) -> StaticEncoder:
    """The encoder of a folder that `StaticEncoder.save` wrote; the weights are folded and stay so."""
    part = folder / "0_StaticEmbedding"
    table = load_file(part / WEIGHTS_NAME)["embedding.weight"]
    tokenizer = Tokenizer.from_file(str(part / "tokenizer.json"))
    encoder = StaticEncoder(tokenizer, settings["dimension"], settings["length"])
    with torch.no_grad():
        encoder.rows.copy_(table)
    return encoder


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
