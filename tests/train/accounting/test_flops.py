"""The formula of FLOPs beside torch's own count of the operations that run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModel, BertConfig, BertModel, LlamaConfig, LlamaModel

from tests.train.conftest import byte_level_tokenizer
from train.accounting.flops import MatmulShape, matmul_shape
from train.encoder import Encoder
from train.ragged import Ragged
from train.recipe import LoraShape
from train.transformer_encoder import TransformerEncoder, from_base


def bert(folder) -> None:
    size = byte_level_tokenizer(folder, pad_token="<pad>")
    shape = {"hidden_size": 32, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 4}
    BertModel(BertConfig(vocab_size=size, max_position_embeddings=64, **shape)).save_pretrained(folder)


def llama(folder) -> None:
    """Fewer key heads than heads, and heads that are not hidden size ÷ heads wide."""
    size = byte_level_tokenizer(folder)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaModel(LlamaConfig(vocab_size=size, num_key_value_heads=2, head_dim=16, **shape)).save_pretrained(folder)


@pytest.fixture(scope="module", params=[bert, llama])
def base(request, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp(request.param.__name__)
    torch.manual_seed(0)
    request.param(folder)
    return str(folder)


def encoder_of(base: str) -> TransformerEncoder:
    encoder = from_base(base, "mean", 40)
    encoder.model.set_attn_implementation("eager")  # torch does not count its fused attention on a CPU
    return encoder.train()


def counted(encoder: Encoder, rows: int, length: int) -> tuple[int, int]:
    """FLOPs of a forward and of its backward, of texts of one length, by torch."""
    tokens = Ragged.from_lists([list(range(5, 5 + length))] * rows)
    with FlopCounterMode(display=False) as forward:
        vectors = encoder.embed(tokens, "anchor")
    with FlopCounterMode(display=False) as backward:
        vectors.sum().backward()
    return forward.get_total_flops(), backward.get_total_flops()


@pytest.mark.parametrize("length", [3, 40])
def test_forward_and_backward_are_what_torch_counts(base, length):
    encoder = encoder_of(base)
    shape, lengths = matmul_shape(encoder), np.full(6, length + encoder.frame_tokens("anchor"))
    forward, backward = counted(encoder, 6, length)
    assert shape.forward(lengths) == forward
    assert shape.backward(lengths) == backward


@pytest.mark.parametrize("kind", ["bitfit", "lora"])
def test_frozen_weights_take_no_gradient(base, kind):
    """Biases and LoRA matrices train: the weights' own gradients are not computed."""
    encoder = encoder_of(base)
    if kind == "bitfit" and "Llama" in type(AutoModel.from_pretrained(base)).__name__:
        pytest.skip("this base has no bias terms")
    encoder.choose_trainable(kind, LoraShape(dropout=0.0))
    shape, lengths = matmul_shape(encoder), np.full(6, 20 + encoder.frame_tokens("anchor"))
    forward, backward = counted(encoder, 6, 20)
    assert shape.forward(lengths) == forward
    # The formula's one simplification: below the lowest trained weight no gradient flows, and a layer is small here.
    assert shape.trained < shape.linear
    assert shape.backward(lengths) == pytest.approx(backward, rel=0.15)


def test_texts_of_different_lengths_count_each_their_own_square():
    shape = MatmulShape(linear=10, trained=4, attention=3)
    assert shape.forward(np.array([2, 5])) == 10 * 7 + 3 * (4 + 25)
    assert shape.backward(np.array([2, 5])) == 14 * 7 + 6 * (4 + 25)
