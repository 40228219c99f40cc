"""FLOPs of an encoder's matrix products, from its shape: what MFU and HFU are shares of.

A linear layer of (in, out) takes 2 · in · out a token. Attention takes, for each pair of tokens of a text, 2 · width
for the score and 2 · width for the sum, in every layer; a causal layer's square counts whole, as PaLM's MFU counts it
(Chowdhery et al. 2022, appendix B). Look-ups, norms, activations and the loss's own products are not counted. A
layer's gradient takes as much again for its input, and as much for its weight where that trains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn
from transformers.pytorch_utils import Conv1D

from train.encoder import Encoder


@dataclass(frozen=True, slots=True)
class MatmulShape:
    """FLOPs of one forward pass; zeros for an encoder without matrix products (a bag)."""

    linear: int = 0
    """Of a token, in the linear layers."""
    trained: int = 0
    """Of these, in layers whose weights train."""
    attention: int = 0
    """Of a pair of tokens of one text, over all layers."""
    pooler: int = 0
    """Of a text, in a pooler that the base has and nobody reads."""

    def forward(self, lengths: np.ndarray) -> int:
        """Of texts with so many tokens each, delimiters counted."""
        tokens, pairs = _sums(lengths)
        return self.linear * tokens + self.attention * pairs + self.pooler * len(lengths)

    def backward(self, lengths: np.ndarray) -> int:
        """Of the gradients through the same texts."""
        tokens, pairs = _sums(lengths)
        return (self.linear + self.trained) * tokens + 2 * self.attention * pairs


def matmul_shape(encoder: Encoder) -> MatmulShape:
    """The shape of a Transformer encoder; nothing for one that has no `model`."""
    model = getattr(encoder, "model", None)
    if model is None:
        return MatmulShape()
    linear = trained = pooler = 0
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear | Conv1D):
            cost = 2 * layer.weight.numel()
            if "pooler" in name.split("."):
                pooler += cost
                continue
            linear += cost
            trained += cost * layer.weight.requires_grad
    return MatmulShape(linear, trained, _attention_cost(model.config), pooler)


def _attention_cost(config: object) -> int:
    heads = config.num_attention_heads
    head_width = getattr(config, "head_dim", None) or config.hidden_size // heads
    return 4 * heads * head_width * config.num_hidden_layers


def _sums(lengths: np.ndarray) -> tuple[int, int]:
    lengths = np.asarray(lengths, np.int64)
    return int(lengths.sum()), int((lengths * lengths).sum())
