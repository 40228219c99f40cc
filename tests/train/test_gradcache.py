"""GradCache gives the gradient of the plain computation, dropout included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.accounting.flops import matmul_shape
from train.accounting.step_work import step_work
from train.encoder import Encoder
from train.gradcache import chunks_of, cut_chunks, embed_and_backward
from train.graph_memory import ALL_GRAPHS
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


def gradients(
    encoder: Encoder, sides: dict[str, Ragged], budget: int | None, kept: int = 0
) -> tuple[float, torch.Tensor]:
    encoder.zero_grad()
    temperature = Temperature().double()
    loss_of = lambda v: info_nce(v["anchor"], v["positive"], temperature())[0]  # noqa: E731
    loss = embed_and_backward(encoder, sides, loss_of, budget, kept)
    grads = [temperature.log_scale.grad, *(p.grad for p in encoder.parameters() if p.grad is not None)]
    return loss.item(), torch.cat([grad.flatten() for grad in grads])


@pytest.mark.parametrize("make", [bert, static])
@pytest.mark.parametrize("budget", [1, 40, 77, 10_000])
@pytest.mark.parametrize("kept", [0, 300, ALL_GRAPHS])
def test_gradient_equals_the_plain_one(make, budget, kept):
    torch.manual_seed(0)
    encoder = make().double().eval()
    sides = batch()
    loss, expected = gradients(encoder, sides, None)
    cached_loss, cached = gradients(encoder, sides, budget, kept)
    assert cached_loss == pytest.approx(loss, rel=1e-12)
    torch.testing.assert_close(cached, expected, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("make", [bert, static])
@pytest.mark.parametrize("kept", [0, 1, 250, ALL_GRAPHS])
def test_dropout_is_replayed(make, kept):
    """With dropout, the plain computation over the same chunks in the same order draws the same random numbers."""
    torch.manual_seed(0)
    encoder = make().double().train()
    sides = batch()
    state = torch.get_rng_state()
    cached_loss, cached = gradients(encoder, sides, 60, kept)
    after = torch.get_rng_state()

    torch.set_rng_state(state)
    encoder.zero_grad()
    temperature = Temperature().double()
    whole = {}
    for side, tokens in sides.items():
        vectors = torch.zeros(len(tokens), encoder.dimension, dtype=torch.float64)
        for chunk in chunks_of(encoder, {side: tokens}, 60):
            part = encoder.embed(tokens.take(chunk.rows), side)
            vectors = vectors.index_copy(0, torch.from_numpy(chunk.rows), part)
        whole[side] = vectors
    loss = info_nce(whole["anchor"], whole["positive"], temperature())[0]
    loss.backward()
    grads = [temperature.log_scale.grad, *(p.grad for p in encoder.parameters() if p.grad is not None)]
    expected = torch.cat([grad.flatten() for grad in grads])

    assert cached_loss == pytest.approx(loss.item(), rel=1e-12)
    torch.testing.assert_close(cached, expected, atol=1e-12, rtol=1e-9)
    assert torch.equal(after, torch.get_rng_state())  # the replay leaves no trace in the random state


@pytest.mark.parametrize("kept", [0, 59, 200, 700, ALL_GRAPHS])
def test_only_what_does_not_fit_is_embedded_twice(kept, monkeypatch):
    encoder = bert()
    sides = batch()
    chunks = chunks_of(encoder, sides, 60)
    embedded = []
    embed = encoder.embed
    monkeypatch.setattr(encoder, "embed", lambda tokens, side: embedded.append(len(tokens)) or embed(tokens, side))
    gradients(encoder, sides, 60, kept)
    fitting = [place for place in range(len(chunks)) if sum(chunk.tokens for chunk in chunks[place:]) <= kept]
    replayed = min(fitting, default=len(chunks) - 1)
    assert embedded == [len(chunk.rows) for chunk in (*chunks, *chunks[:replayed])]


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 500), st.sampled_from([1, 16]))
def test_chunks_hold_every_row_once_within_the_budget(lengths, budget, multiple):
    lengths = np.array(lengths, np.int64)
    chunks = cut_chunks(lengths, budget, multiple)
    assert sorted(row for chunk in chunks for row in chunk) == list(range(len(lengths)))
    for chunk in chunks:
        width = -(-max(lengths[chunk].max(), 1) // multiple) * multiple
        assert len(chunk) == 1 or len(chunk) * width <= budget


def test_sorted_chunks_compute_hardly_any_padding():
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(4, 0.7, 16_384).astype(int), 1, 254)
    texts = {"anchor": Ragged.from_lists([np.zeros(length, np.int64) for length in lengths])}
    shares = []
    for budget in (16_384, None):
        work = step_work(static(), matmul_shape(static()), texts, budget, 0)
        shares.append(work.framed_tokens / work.computed_tokens)
    assert shares[0] > 0.94
    assert shares[1] == pytest.approx(lengths.sum() / (16_384 * lengths.max()))
