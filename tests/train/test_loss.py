"""The loss: the paper's, sentence-transformers', its gradient, and the mask of known false negatives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from train.loss import Identity, Temperature, false_negatives, info_nce, matryoshka_info_nce
from train.word_tokenizer import train_word_tokenizer


def vectors(rows: int, dimension: int = 16, *, dtype=torch.float64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(rows, dimension, generator=generator, dtype=dtype).requires_grad_() for _ in range(2))
    return x, y


def identity(anchor, positive, cluster=None) -> Identity:
    cluster = cluster or [None] * len(anchor)
    return Identity(
        torch.tensor(anchor),
        torch.tensor(positive),
        torch.tensor([0 if value is None else value for value in cluster]),
        torch.tensor([value is not None for value in cluster]),
    )


def plain(x: torch.Tensor, y: torch.Tensor, scale: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    logits = F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).T * scale
    if mask is not None:
        logits = logits.masked_fill(mask, -math.inf)
    target = torch.arange(len(x))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


THEIRS = {
    "symmetric": {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"},
    "anchor_to_positive": {"directions": ("query_to_doc",)},
    "four_directions": {
        "directions": ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc"),
        "partition_mode": "joint",
    },
}


@pytest.fixture(scope="module")
def model() -> SentenceTransformer:
    return SentenceTransformer(modules=[StaticEmbedding(train_word_tokenizer(["a b c"] * 3, 50), embedding_dim=16)])


@pytest.mark.parametrize("scale", [1.0, 20.0, 100.0])
@pytest.mark.parametrize(("kind", "hard"), [(kind, 0) for kind in THEIRS] + [(kind, 2) for kind in list(THEIRS)[:2]])
def test_equals_sentence_transformers(kind, scale, hard, model):
    """In float64, to rounding: cpt's loss is their symmetric one, GTE's their joint one, Udever's their plain one."""
    theirs = MultipleNegativesRankingLoss(model, scale=scale, **THEIRS[kind])
    x, y = vectors(97)
    z = list(vectors(97, seed=1))[:hard]
    expected = theirs.compute_loss_from_embeddings([x, y, *z], None)
    expected_gradients = torch.autograd.grad(expected, (x, y, *z))
    negatives = torch.cat(z) if hard else None
    loss, share = info_nce(x, y, torch.tensor(scale, dtype=torch.float64), negatives=negatives, kind=kind, block=32)
    assert share == 0
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)
    for ours, known in zip(torch.autograd.grad(loss, (x, y, *z)), expected_gradients, strict=True):
        torch.testing.assert_close(ours, known, atol=1e-12, rtol=1e-9)


def test_matryoshka_equals_sentence_transformers(model):
    theirs = MultipleNegativesRankingLoss(model, scale=20.0, **THEIRS["symmetric"])
    x, y = vectors(40)
    expected = sum(theirs.compute_loss_from_embeddings([x[:, :size], y[:, :size]], None) for size in (4, 8, 16))
    scale = torch.tensor(20.0, dtype=torch.float64)
    loss, _ = matryoshka_info_nce((4, 8, 400), (x, y, None), scale)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)
    for ours, known in zip(torch.autograd.grad(loss, (x, y)), torch.autograd.grad(expected, (x, y)), strict=True):
        torch.testing.assert_close(ours, known, atol=1e-12, rtol=1e-9)


def test_gradient_is_the_derivative():
    x, y = vectors(7, 5)
    scale = torch.tensor(9.0, dtype=torch.float64, requires_grad=True)
    known = identity([1, 2, 3, 1, 5, 6, 7], [11, 12, 13, 14, 2, 16, 17])
    assert torch.autograd.gradcheck(lambda *values: info_nce(*values, block=3)[0], (x, y, scale))
    assert torch.autograd.gradcheck(lambda *values: info_nce(*values, known, block=3)[0], (x, y, scale))
    _, z = vectors(5, 5, seed=1)
    hard = replace(known, negative_cells=(np.array([0, 4]), np.array([3, 0])))
    for kind in ("symmetric", "anchor_to_positive"):
        both = lambda x, y, z, s: info_nce(x, y, s, hard, negatives=z, kind=kind, block=3)[0]  # noqa: B023, E731
        assert torch.autograd.gradcheck(both, (x, y, z, scale))
    four = lambda *values: info_nce(*values, known, kind="four_directions", block=3)[0]  # noqa: E731
    assert torch.autograd.gradcheck(four, (x, y, scale))


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 40), block=st.integers(1, 50), values=st.integers(1, 30), seed=st.integers(0, 9))
def test_any_mask_and_any_block_give_the_plain_loss_and_gradient(rows, block, values, seed):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda: torch.randint(0, values, (rows,), generator=generator).tolist()  # noqa: E731
    known = identity(draw(), draw(), [None if value % 2 else value for value in draw()])
    x, y = vectors(rows, seed=seed)
    scale = torch.tensor(50.0, dtype=torch.float64, requires_grad=True)
    mask = false_negatives(known)
    expected = plain(x, y, scale, mask)
    loss, share = info_nce(x, y, scale, known, block=block)
    assert share == pytest.approx(mask.sum().item() / max(rows * (rows - 1), 1))
    torch.testing.assert_close(loss, expected)
    for ours, theirs in zip(
        torch.autograd.grad(loss, (x, y, scale)), torch.autograd.grad(expected, (x, y, scale)), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


def test_what_is_a_known_false_negative():
    #                 0: (1, 2)  1: (2, 3)  2: (1, 9)  3: (7, 9)  4: cluster 5  5: cluster 5  6: null  7: null
    known = identity([1, 2, 1, 7, 20, 30, 40, 50], [2, 3, 9, 9, 21, 31, 41, 51], [1, 2, 3, 4, 5, 5, None, None])
    same = {(i, j) for i, j in false_negatives(known).nonzero().tolist()}
    assert same == {(0, 1), (1, 0), (0, 2), (2, 0), (2, 3), (3, 2), (4, 5), (5, 4)}


def test_a_masked_negative_has_no_gradient():
    x, y = vectors(2)
    known = identity([1, 1], [2, 3])
    loss, share = info_nce(x, y, torch.tensor(20.0), known)
    assert (loss.item(), share) == (pytest.approx(0, abs=1e-12), 1.0)
    assert all(gradient.abs().max() < 1e-12 for gradient in torch.autograd.grad(loss, (x, y)))


def test_logits_are_float32_when_the_encoder_is_not():
    x, y = vectors(64, dtype=torch.float32)
    low, _ = info_nce(x.bfloat16(), y.bfloat16(), torch.tensor(100.0))
    assert low.dtype == torch.float32


def test_temperature_starts_and_stops_where_clip_does():
    temperature = Temperature()
    assert temperature().item() == pytest.approx(1 / 0.07)
    with torch.no_grad():
        temperature.log_scale.fill_(9.0)
    temperature.clamp()
    assert temperature().item() == pytest.approx(100.0)


def test_a_fixed_temperature_stays_beyond_the_clamp():
    temperature = Temperature(0.005, trained=False)
    temperature.clamp()
    assert temperature().item() == pytest.approx(200.0)
    assert not temperature.log_scale.requires_grad


def test_masked_hard_negatives_leave_the_loss():
    """A masked cell is as good as a hard negative that points nowhere near."""
    x, y = vectors(3)
    z = torch.cat([y[:1].detach(), vectors(1, seed=4)[0].detach()])
    scale = torch.tensor(20.0, dtype=torch.float64)
    known = replace(identity([1, 2, 3], [4, 5, 6]), negative_cells=(np.array([0]), np.array([0])))
    rows = torch.cat([F.normalize(y, dim=-1), F.normalize(z, dim=-1)])
    logits = F.normalize(x, dim=-1) @ rows.T * 20
    logits[0, 3] = -math.inf
    expected = F.cross_entropy(logits, torch.arange(3))
    loss, share = info_nce(x, y, scale, known, negatives=z, kind="anchor_to_positive")
    assert loss.item() == pytest.approx(expected.item())
    assert share == pytest.approx(1 / (3 * (2 + 2)))
