"""GradCache gives the gradient of the plain computation, dropout included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.encoder import Encoder
from train.gradcache import cut_chunks, embed_and_backward
from train.loss import Temperature, info_nce
from train.ragged import Ragged
from train.static_encoder import StaticEncoder
from train.transformer_encoder import from_scratch
from train.word_tokenizer import train_marked_tokenizer, train_word_tokenizer

TEXTS = ["the quick brown fox jumps over the lazy dog", "pack my box with five dozen jugs"] * 5


def bert() -> Encoder:
    shape = {"hidden_size": 16, "layers": 2, "heads": 2, "intermediate_size": 32}
    return from_scratch(train_marked_tokenizer(TEXTS, 120), shape, "mean", 30)


def static() -> Encoder:
    return StaticEncoder(train_word_tokenizer(TEXTS, 120), 16, 30, "once", {"anchor": 0.2, "positive": 0.4})


def batch(rows: int = 24) -> dict[str, Ragged]:
    rng = np.random.default_rng(3)
    return {
        side: Ragged.from_lists([rng.integers(5, 60, rng.integers(1, 25)) for _ in range(rows)])
        for side in ("anchor", "positive")
    }


def gradients(encoder: Encoder, sides: dict[str, Ragged], budget: int | None) -> tuple[float, torch.Tensor]:
    encoder.zero_grad()
    temperature = Temperature().double()
    loss = embed_and_backward(encoder, sides, lambda v: info_nce(v["anchor"], v["positive"], temperature())[0], budget)
    grads = [temperature.log_scale.grad, *(p.grad for p in encoder.parameters() if p.grad is not None)]
    return loss.item(), torch.cat([grad.flatten() for grad in grads])


@pytest.mark.parametrize("make", [bert, static])
@pytest.mark.parametrize("budget", [1, 40, 77, 10_000])
def test_gradient_equals_the_plain_one(make, budget):
    torch.manual_seed(0)
    encoder = make().double().eval()
    sides = batch()
    loss, expected = gradients(encoder, sides, None)
    cached_loss, cached = gradients(encoder, sides, budget)
    assert cached_loss == pytest.approx(loss, rel=1e-12)
    torch.testing.assert_close(cached, expected, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("make", [bert, static])
def test_dropout_is_replayed(make):
    """With dropout, the plain computation over the same chunks in the same order draws the same random numbers."""
    torch.manual_seed(0)
    encoder = make().double().train()
    sides = batch()
    state = torch.get_rng_state()
    cached_loss, cached = gradients(encoder, sides, 60)
    after = torch.get_rng_state()

    torch.set_rng_state(state)
    encoder.zero_grad()
    temperature = Temperature().double()
    whole = {}
    for side, tokens in sides.items():
        vectors = torch.zeros(len(tokens), encoder.dimension, dtype=torch.float64)
        for rows in cut_chunks(tokens.lengths, 60):
            vectors = vectors.index_copy(0, torch.from_numpy(rows), encoder.embed(tokens.take(rows), side))
        whole[side] = vectors
    loss = info_nce(whole["anchor"], whole["positive"], temperature())[0]
    loss.backward()
    grads = [temperature.log_scale.grad, *(p.grad for p in encoder.parameters() if p.grad is not None)]
    expected = torch.cat([grad.flatten() for grad in grads])

    assert cached_loss == pytest.approx(loss.item(), rel=1e-12)
    torch.testing.assert_close(cached, expected, atol=1e-12, rtol=1e-9)
    assert torch.equal(after, torch.get_rng_state())  # the replay leaves no trace in the random state


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 500))
def test_chunks_hold_every_row_once_within_the_budget(lengths, budget):
    lengths = np.array(lengths, np.int64)
    chunks = cut_chunks(lengths, budget)
    assert sorted(row for chunk in chunks for row in chunk) == list(range(len(lengths)))
    for chunk in chunks:
        assert len(chunk) == 1 or len(chunk) * lengths[chunk].max() <= budget or lengths[chunk].max() == 0
