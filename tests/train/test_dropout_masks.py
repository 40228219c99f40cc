"""Dropout's masks on a CPU: their shares, their independence, and that they follow from torch's random state."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from train.dropout_masks import _BLOCK, fill_bernoulli, quicken_dropout


@pytest.fixture(autouse=True)
def _quickened() -> None:
    quicken_dropout()
    torch.manual_seed(0)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16, torch.bool])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.99])
def test_share_of_ones(kind: torch.dtype, p: float) -> None:
    """Within five standard deviations of the binomial distribution, over several blocks."""
    count = 3 * _BLOCK + 5
    ones = fill_bernoulli(torch.full((count,), 7).to(kind), p).double()
    assert set(ones.unique().tolist()) == {0.0, 1.0}
    assert abs(float(ones.mean()) - p) < 5 * math.sqrt(p * (1 - p) / count) + 1 / (1 << 16)


def test_numbers_are_independent_of_those_near_them() -> None:
    """Neighbours share a draw, and the next block its generator: no pair of places goes together."""
    mask = fill_bernoulli(torch.empty(4 * _BLOCK), 0.9).double() - 0.9
    for distance in (1, 2, 3, 4, 5, 8, 256, _BLOCK):
        together = float((mask[distance:] * mask[:-distance]).mean() / 0.09)
        assert abs(together) < 5 / math.sqrt(3 * _BLOCK), distance


@given(st.lists(st.integers(0, 7), max_size=4), st.floats(0, 1), st.integers(0, 2**32))
def test_any_shape_follows_from_the_generator(shape: list[int], p: float, seed: int) -> None:
    drawn = [fill_bernoulli(torch.empty(shape), p, generator=torch.Generator().manual_seed(seed)) for _ in range(2)]
    assert torch.equal(*drawn)
    assert drawn[0].shape == tuple(shape)
    assert not ((drawn[0] != 0) & (drawn[0] != 1)).any()


@pytest.mark.parametrize(("p", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_certain_ones_and_zeros(p: float, expected: float) -> None:
    assert torch.equal(torch.empty(1000).bernoulli_(p), torch.full((1000,), expected))


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_no_probability(p: float) -> None:
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        torch.empty(3).bernoulli_(p)


def test_strided_tensors_are_filled_whole() -> None:
    whole = torch.full((40, 60), 7.0)
    whole[::2, ::3].bernoulli_(0.5)
    assert ((whole == 0) | (whole == 1)).sum() == (whole != 7).sum() == 20 * 20


def _drop(values: torch.Tensor) -> torch.Tensor:
    return F.dropout(values, 0.3)


def _attend(values: torch.Tensor) -> torch.Tensor:
    return F.scaled_dot_product_attention(values, values, values, dropout_p=0.3)


@pytest.mark.parametrize("drop", [_drop, _attend])
def test_torchs_own_functions_draw_from_it(drop: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """All that torch itself draws for them is a seed, and the same state gives the same again, gradients included."""
    values, state = torch.randn(2, 4, 64, 16), torch.get_rng_state()
    first, after = drop(values), torch.get_rng_state()
    assert not torch.equal(drop(values), first)
    torch.set_rng_state(state)
    assert torch.equal(drop(values), first)
    torch.set_rng_state(state)
    torch.randint(torch.iinfo(torch.int64).max, ())
    assert torch.equal(torch.get_rng_state(), after)

    def again(small: torch.Tensor) -> torch.Tensor:
        torch.set_rng_state(state)
        return drop(small)

    assert torch.autograd.gradcheck(again, values[:, :1, :3, :2].double().requires_grad_())


def test_dropped_values_keep_their_mean() -> None:
    dropped = F.dropout(torch.ones(1 << 20), 0.1)
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.9])
    assert float(dropped.mean()) == pytest.approx(1, abs=2e-3)
