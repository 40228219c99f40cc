"""A compiled encoder gives the gradients of one that is not."""

from __future__ import annotations

import shutil

import pytest
import torch

from tests.train.test_gradcache import batch, bert, gradients

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler on a CPU"),
]


def test_gradients_are_those_of_the_model_that_is_not_compiled():
    torch.manual_seed(0)
    encoder = bert().double().eval()
    encoder.width_multiple = 16  # the same chunks
    loss, expected = gradients(encoder, batch(), 100, 0)
    names = set(encoder.state_dict())
    encoder.compile()
    compiled_loss, found = gradients(encoder, batch(), 100, 0)
    assert set(encoder.state_dict()) == names
    assert compiled_loss == pytest.approx(loss, rel=1e-9)
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-6)
