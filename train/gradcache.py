"""GradCache (Gao et al. 2021): a contrastive batch of any size in the memory of one chunk, with the same gradient.

First every chunk is embedded without a graph; the loss gives the gradient of each embedding; then every chunk is
embedded again, with a graph and the very random state of the first time, and that gradient is sent back through it.

Rows of a contrastive batch have no order, so chunks are cut from rows sorted by length, under a budget of padded
tokens: nearly no padding, and few shapes. The last chunk of all keeps its graph from the first pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from train.encoder import Encoder, Side
from train.ragged import Ragged

LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class RandomState:
    """The state of torch's generators, on the host and on the device in use."""

    host: Tensor
    device: Tensor | None

    @classmethod
    def capture(cls, device: torch.device) -> RandomState:
        """The state now."""
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None)

    def restore(self, device: torch.device) -> None:
        """Sets it back."""
        torch.set_rng_state(self.host)
        if self.device is not None:
            torch.cuda.set_rng_state(self.device, device)


def cut_chunks(lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Row places in chunks, longest rows first; rows × longest row of a chunk is within `budget` padded tokens.

    A row longer than the budget is a chunk of its own.
    """
    order = np.argsort(-lengths, kind="stable")
    chunks, start = [], 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        size = max(budget // longest, 1)
        chunks.append(order[start : start + size])
        start += size
    return chunks


def embed_and_backward(
    encoder: Encoder, sides: Mapping[Side, Ragged], loss_of: LossFunction, budget: int | None
) -> Tensor:
    """Adds the gradient of ``loss_of(anchor vectors, positive vectors)`` to every parameter; returns the loss.

    `budget` is the number of padded tokens of a chunk; None embeds each side whole and keeps its graph (no GradCache).
    """
    if budget is None:
        loss = loss_of(*(encoder.embed(tokens, side) for side, tokens in sides.items()))
        loss.backward()
        return loss.detach()
    work = [(side, rows) for side, tokens in sides.items() for rows in cut_chunks(tokens.lengths, budget)]
    vectors, states, last = _first_pass(encoder, sides, work)
    leaves = {side: whole.requires_grad_() for side, whole in vectors.items()}
    loss = loss_of(*leaves.values())
    loss.backward()
    after = RandomState.capture(encoder.device)
    _send_back(leaves, work[-1], last)
    for (side, rows), state in zip(work[:-1], states, strict=True):
        state.restore(encoder.device)
        _send_back(leaves, (side, rows), encoder.embed(sides[side].take(rows), side))
    after.restore(encoder.device)
    return loss.detach()


def _first_pass(
    encoder: Encoder, sides: Mapping[Side, Ragged], work: Iterable[tuple[Side, np.ndarray]]
) -> tuple[dict[Side, Tensor], list[RandomState], Tensor]:
    """All vectors without graphs, the random state before each chunk but the last, the last chunk with its graph."""
    work = list(work)
    vectors: dict[Side, Tensor] = {}
    states: list[RandomState] = []
    for place, (side, rows) in enumerate(work):
        is_last = place == len(work) - 1
        if not is_last:
            states.append(RandomState.capture(encoder.device))
        with nullcontext() if is_last else torch.no_grad():
            part = encoder.embed(sides[side].take(rows), side)
        if side not in vectors:
            wide = torch.promote_types(part.dtype, torch.float32)
            vectors[side] = part.new_zeros((len(sides[side]), part.shape[1]), dtype=wide)
        vectors[side][torch.from_numpy(rows).to(part.device)] = part.detach().to(vectors[side].dtype)
    return vectors, states, part


def _send_back(leaves: Mapping[Side, Tensor], chunk: tuple[Side, np.ndarray], part: Tensor) -> None:
    side, rows = chunk
    part.backward(leaves[side].grad[torch.from_numpy(rows).to(part.device)].to(part.dtype))
