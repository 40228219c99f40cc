"""Small bases with random weights, as users name real ones: a decoder without biases, and one with biases as BLOOM."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BloomConfig, BloomModel, LlamaConfig, LlamaModel, PreTrainedModel, PreTrainedTokenizerFast

from schemas import Pair, Provenance, make_pair

TEXTS = [
    "Return the sum of item number 3 and its neighbour 757.",
    "def add_3(a, b):\n    return a + b + 3\n",
    "Return the parsed HTTPServer response, or None.",
    "naïve 北京大学 café ??? !!!",
]


def byte_level_tokenizer(folder: Path, **special: str) -> int:
    """Writes a byte-level tokenizer, as generative bases have, and returns its vocabulary's size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=list(special.values()), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return tokenizer.get_vocab_size()


def _write(model: PreTrainedModel, folder: Path) -> str:
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def llama_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Rotary positions, no bias terms, no padding token: as SmolLM2."""
    folder = tmp_path_factory.mktemp("llama")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=byte_level_tokenizer(folder),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    return _write(LlamaModel(config), folder)


@pytest.fixture(scope="session")
def bloom_base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """ALiBi and bias terms everywhere; spare rows in the embedding, as BLOOM has."""
    folder = tmp_path_factory.mktemp("bloom")
    torch.manual_seed(0)
    vocabulary = byte_level_tokenizer(folder, eos_token="</s>", pad_token="<pad>")
    config = BloomConfig(vocab_size=vocabulary + 16, hidden_size=32, n_layer=2, n_head=2)
    return _write(BloomModel(config), folder)


def pairs_with_negatives(count: int, each: int) -> list[Pair]:
    """Distinct pairs, of which every third has no hard negatives, every third one, and every third `each`."""
    return [
        make_pair(
            kind="docstring_code",
            language="python",
            anchor=f"Return the sum of item number {i} and its neighbour {i * 7919 % 1000}.",
            positive=f"def add_{i}(a, b):\n    return a + b + {i}\n",
            negatives=[f"def sub_{i}_{k}(a, b):\n    return a - b - {i}\n" for k in range((0, 1, each)[i % 3])],
            place=("code", "owner/repo", f"src/m{i}.py", i, i + 50),
            group=f"owner/repo{i % 10}",
            provenance=Provenance(repo="owner/repo", path=f"src/m{i}.py", symbol=f"add_{i}", license="MIT"),
        )
        for i in range(count)
    ]
