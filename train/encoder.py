"""What an encoder is: texts or tokens of one side in, one vector each out.

The trainer hands tokens that were cut ahead of time to `embed`; everybody else calls `encode`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from schemas.token_cache import tokenizer_hash
from train.ragged import Ragged
from train.word_tokenizer import cut_tokens

Side = Literal["anchor", "positive"]
SIDES: tuple[Side, ...] = ("anchor", "positive")
Role = Literal["anchor", "positive", "negative"]
SIDE_OF: dict[Role, Side] = {"anchor": "anchor", "positive": "positive", "negative": "positive"}
"""A hard negative is read as what it competes with."""


def check_side(side: str) -> None:
    """ValueError unless `side` is one of `SIDES`."""
    if side not in SIDES:
        raise ValueError(f"there is no side {side!r}; a text is encoded as {' or '.join(SIDES)}")


def normalize_rows(vectors: np.ndarray) -> np.ndarray:
    """float32 rows of length 1; a row of zeros stays zero (a text without any known token)."""
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def on_device(values: Tensor, device: torch.device) -> Tensor:
    """A host tensor on a device. For a GPU it is copied from pinned memory, so that the host need not wait."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


class Encoder(nn.Module, ABC):
    """An encoder that we can train and write; `dimension` is the width of its vectors."""

    dimension: int
    length: int
    """Most tokens of a text that `encode` reads, delimiters not counted."""
    width_multiple: int = 1
    """Rows are padded to a multiple of so many tokens."""
    is_packed: bool = False
    """Whether `embed` computes without any padding."""

    @property
    @abstractmethod
    def text_tokenizer(self) -> Tokenizer:
        """What cuts texts into tokens."""

    def token_ids(self, texts: Sequence[str], length: int) -> Ragged:
        """The first `length` tokens of each text, without delimiters."""
        return cut_tokens(self.text_tokenizer, texts, length)

    def fingerprint(self) -> str:
        """The hash of the tokenizer's definition, which keys token caches."""
        return tokenizer_hash(self.text_tokenizer.to_str())

    @abstractmethod
    def embed(self, tokens: Ragged, side: Side) -> Tensor:
        """Vectors of (rows, dimension), not normalised, with gradient where grad mode is on."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes weights, tokenizer and settings so that sentence-transformers and `load_encoder` read them."""

    def frame_tokens(self, side: Side) -> int:
        """Tokens that `embed` puts around each text of a side."""
        return 0

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def encode(self, texts: Sequence[str], side: Side = "anchor", batch_size: int = 256) -> np.ndarray:
        """Normalised float32 vectors of (texts, dimension), on the host.

        `side` says which role the texts play ("anchor": queries, "positive": documents); ValueError for any other.
        """
        check_side(side)
        tokens = self.token_ids(list(texts), self.length)
        out = np.zeros((len(tokens), self.dimension), np.float32)
        by_length = np.argsort(-tokens.lengths, kind="stable")
        was_training = self.training
        self.eval()
        try:
            with torch.inference_mode():
                for start in range(0, len(by_length), batch_size):
                    rows = by_length[start : start + batch_size]
                    out[rows] = self.embed(tokens.take(rows), side).float().cpu().numpy()
        finally:
            self.train(was_training)
        return normalize_rows(out)
