"""The work of a step: how many tokens and FLOPs its texts need, and how many were computed for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from train.accounting.flops import MatmulShape
from train.encoder import SIDE_OF, Encoder, Role
from train.gradcache import chunks_of, replayed_chunks
from train.ragged import Ragged


@dataclass(frozen=True, slots=True)
class StepWork:
    """Of this process's share of a step."""

    tokens: int
    """Of the texts, delimiters not counted."""
    framed_tokens: int
    """Delimiters counted."""
    computed_tokens: int
    """Padding counted too, each token once."""
    model_flops: int
    """Of forward and backward of the real tokens."""
    hardware_flops: int
    """Those, and the forward that GradCache takes again for chunks whose graphs it did not keep."""


def step_work(
    encoder: Encoder, shape: MatmulShape, texts: Mapping[Role, Ragged], budget: int | None, kept: int
) -> StepWork:
    """`budget` and `kept` as in `train.gradcache.embed_and_backward`. FLOPs are of real tokens, not of padding."""
    lengths = {role: ragged.lengths + encoder.frame_tokens(SIDE_OF[role]) for role, ragged in texts.items()}
    every = np.concatenate([*lengths.values(), np.zeros(0, np.int64)])
    chunks = chunks_of(encoder, texts, budget)
    again = [lengths[chunk.role][chunk.rows] for chunk in replayed_chunks(chunks, budget, kept)]
    framed = int(every.sum())
    model = shape.forward(every) + shape.backward(every)
    return StepWork(
        tokens=sum(len(ragged.ids) for ragged in texts.values()),
        framed_tokens=framed,
        computed_tokens=framed if encoder.is_packed else sum(chunk.tokens for chunk in chunks),
        model_flops=model,
        hardware_flops=model + sum(shape.forward(part) for part in again),
    )
