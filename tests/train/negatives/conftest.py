"""A model whose vectors are known: every word has a random direction of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from train.static_encoder import StaticEncoder

DIMENSION = 128
MakeModel = Callable[[Sequence[str]], Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """A model folder of ours that knows the words of these texts; unknown words have no vector."""

    def make(texts: Sequence[str]) -> Path:
        words = sorted({word for text in texts for word in text.lower().split()})
        tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0} | {w: i for i, w in enumerate(words, 1)}, "[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        torch.manual_seed(0)
        StaticEncoder(tokenizer, DIMENSION, 64).save(tmp_path / "model")
        return tmp_path / "model"

    return make
