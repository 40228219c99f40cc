"""Packed rows: every text gets what it gets alone, or the model is not packed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from transformers import AutoModel, BertConfig, BloomConfig, LlamaConfig, ModernBertConfig, PreTrainedModel

from tests.train.test_encoders import CPT, TEXTS
from tests.train.test_gradcache import batch, bert, gradients
from train import packed_attention
from train.encoders import load_encoder
from train.packed_attention import Lengths, packed, packed_inputs, packing_problem
from train.run import main
from train.transformer_encoder import from_base

VOCABULARY = 100
CONFIGS = {
    "bert": BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    ),
    # Fewer heads of keys than of queries.
    "llama": LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
    ),
    # Layers that see 8 tokens to each side, and layers that see all.
    "modernbert": ModernBertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=64,
        local_attention=16,
        **{f"{role}_token_id": 1 for role in ("pad", "cls", "sep", "bos", "eos")},
    ),
}


def model_of(name: str) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModel.from_config(CONFIGS[name]).eval()


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_each_sequence_gets_its_own_hidden_states(name):
    model = model_of(name)
    rng = np.random.default_rng(1)
    lengths = Lengths(np.array([40, 40, 31, 9, 9, 9, 2, 1, 1]))
    ids = rng.integers(2, VOCABULARY, lengths.each.sum())
    parts = np.split(ids, np.cumsum(lengths.each)[:-1])
    alone = torch.cat([model(input_ids=torch.from_numpy(part)[None]).last_hidden_state[0] for part in parts])
    assert packing_problem(model, 60, VOCABULARY) is None
    with packed(lengths):
        together = model(**packed_inputs(model, ids, lengths)).last_hidden_state[0]
    error = float((together - alone).abs().max())
    print(f"{name}: largest difference {error:.1e}")
    assert error < 5e-7 * float(alone.abs().max())


def attention_inputs(device: str, dtype: torch.dtype) -> tuple[list[torch.Tensor], Lengths]:
    """Query, key and value of 4, 2 and 2 heads, for sequences of several lengths."""
    lengths, generator = Lengths(np.array([40, 40, 31, 9, 9, 2, 1])), torch.Generator().manual_seed(2)
    shapes = [(int(lengths.each.sum()), heads, 16) for heads in (4, 2, 2)]
    return [torch.randn(shape, generator=generator).to(device, dtype) for shape in shapes], lengths


def one_by_one(query, key, value, offsets, same, longest, too, *, scale=None, window_size=(-1, -1)):
    """Torch 2.11's kernel for different lengths, which takes as many heads of keys as of queries."""
    assert query.shape == key.shape == value.shape and torch.equal(offsets, same) and longest == too
    before, after = (reach if reach >= 0 else longest for reach in window_size)
    found = []
    for start, stop in itertools.pairwise(offsets.tolist()):
        place = torch.arange(stop - start)
        ahead = place - place[:, None]
        parts = (part[start:stop].transpose(0, 1) for part in (query, key, value))
        mask = (ahead <= after) & (-ahead <= before)
        found.append(torch.nn.functional.scaled_dot_product_attention(*parts, mask, scale=scale).transpose(0, 1))
    return torch.cat(found)


@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("causal", [False, True])
def test_a_kernel_without_shared_keys_gets_copies(causal, window, monkeypatch):
    rows, lengths = attention_inputs("cpu", torch.float32)
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", one_by_one)
    packed_attention._kernel_options.cache_clear()
    try:
        assert packed_attention._has_kernel()
        found = packed_attention._in_one_call(rows, lengths, causal, 0.3, window)
    finally:
        packed_attention._kernel_options.cache_clear()
    torch.testing.assert_close(found, packed_attention._by_runs(rows, lengths, causal, 0.3, window, 0.0))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU, whose kernel this is")
@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("causal", [False, True])
def test_a_gpus_kernel_gives_what_runs_of_equal_length_give(causal, window):
    rows, lengths = attention_inputs("cuda", torch.bfloat16)
    found = packed_attention._in_one_call(rows, lengths, causal, 0.3, window)
    expected = packed_attention._by_runs([part.float() for part in rows], lengths, causal, 0.3, window, 0.0)
    torch.testing.assert_close(found.float(), expected, atol=0.02, rtol=0.02)


def test_a_model_with_its_own_attention_is_not_packed():
    torch.manual_seed(0)
    model = AutoModel.from_config(BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=2))
    assert "differ" in packing_problem(model, 20, VOCABULARY)
    assert model.config._attn_implementation != "pairmill_packed"


def test_gradients_are_those_of_padded_texts():
    torch.manual_seed(0)
    encoder = bert().double().eval()
    loss, expected = gradients(encoder, batch(), 60)
    assert encoder.pack() is None
    packed_loss, found = gradients(encoder, batch(), 60, 300)
    assert packed_loss == pytest.approx(loss, rel=1e-12)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-9)


def test_dropout_of_attention_is_replayed():
    """With every graph kept nothing is replayed, and the same numbers are drawn."""
    torch.manual_seed(0)
    encoder = bert().double().train()
    assert encoder.pack() is None
    state = torch.get_rng_state()
    _, replayed = gradients(encoder, batch(), 60, 0)
    torch.set_rng_state(state)
    _, kept = gradients(encoder, batch(), 60, 10**9)
    torch.testing.assert_close(replayed, kept, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_vectors_are_the_padded_ones_and_the_folder_is_the_same(pooling, llama_base, tmp_path):
    encoder = from_base(llama_base, pooling, 40, CPT).eval()
    padded = {side: encoder.encode(TEXTS, side) for side in ("anchor", "positive")}
    assert encoder.pack() is None
    for side, expected in padded.items():
        np.testing.assert_allclose(encoder.encode(TEXTS, side), expected, atol=1e-6)
    encoder.save(tmp_path / "model")
    np.testing.assert_allclose(load_encoder(tmp_path / "model").encode(TEXTS), padded["anchor"], atol=1e-6)


def test_a_text_without_tokens(llama_base):
    encoder = from_base(llama_base, "mean", 40).eval()
    assert encoder.pack() is None
    vectors = encoder.encode(["", "x", ""])
    assert not vectors[[0, 2]].any() and vectors[1].any()


def test_a_run_that_cannot_pack_says_so_and_pads(bloom_base, make_pair_set, tmp_path, capsys):
    arguments = ["--recipe", "small-cpu", "--set", "encoder=base", "--set", f"base={bloom_base}", "--steps", "1"]
    data = ["--data", str(make_pair_set(20)), "--set", "batch=8", "--set", "anchor_length=20", "--device", "cpu"]
    run = str(tmp_path / "run")
    assert main([*data, *arguments, "--output", run]) == 0
    assert "texts are padded to the longest of their chunk" in capsys.readouterr().err
