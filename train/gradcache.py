"""GradCache (Gao et al. 2021): a contrastive batch of any size in the memory of one chunk, with the same gradient.

First every chunk is embedded without a graph; the loss gives the gradient of each embedding; then every chunk is
embedded again, with a graph and the very random state of the first time, and that gradient is sent back through it.

Rows of a contrastive batch have no order, so chunks are cut from rows sorted by length, under a budget of padded
tokens: nearly no padding, and few shapes. The last chunk of all keeps its graph from the first pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from train.encoder import SIDE_OF, Encoder, Role
from train.ragged import Ragged

LossFunction = Callable[[Mapping[Role, Tensor]], Tensor]


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
    encoder: Encoder, texts: Mapping[Role, Ragged], loss_of: LossFunction, budget: int | None
) -> Tensor:
    """Adds the gradient of ``loss_of(vectors of each role)`` to every parameter; returns the loss.

    `budget` is the number of padded tokens of a chunk; None embeds each role whole and keeps its graph (no GradCache).
    """
    if budget is None:
        loss = loss_of({role: encoder.embed(tokens, SIDE_OF[role]) for role, tokens in texts.items()})
        loss.backward()
        return loss.detach()
    work = [(role, rows) for role, tokens in texts.items() for rows in cut_chunks(tokens.lengths, budget)]
    leaves, states, last = _first_pass(encoder, texts, work)
    loss = loss_of(leaves)
    loss.backward()
    after = RandomState.capture(encoder.device)
    if work:
        _send_back(leaves, work[-1], last)
    for (role, rows), state in zip(work[:-1], states, strict=True):
        state.restore(encoder.device)
        _send_back(leaves, (role, rows), encoder.embed(texts[role].take(rows), SIDE_OF[role]))
    after.restore(encoder.device)
    return loss.detach()


def _first_pass(
    encoder: Encoder, texts: Mapping[Role, Ragged], work: Sequence[tuple[Role, np.ndarray]]
) -> tuple[dict[Role, Tensor], list[RandomState], Tensor | None]:
    """All vectors without graphs, the random state before each chunk but the last, the last chunk with its graph."""
    wide = torch.promote_types(next(encoder.parameters()).dtype, torch.float32)
    shape = {role: (len(tokens), encoder.dimension) for role, tokens in texts.items()}
    vectors = {role: torch.zeros(size, dtype=wide, device=encoder.device) for role, size in shape.items()}
    states: list[RandomState] = []
    part = None
    for place, (role, rows) in enumerate(work):
        is_last = place == len(work) - 1
        if not is_last:
            states.append(RandomState.capture(encoder.device))
        with nullcontext() if is_last else torch.no_grad():
            part = encoder.embed(texts[role].take(rows), SIDE_OF[role])
        vectors[role][torch.from_numpy(rows).to(part.device)] = part.detach().to(wide)
    return {role: whole.requires_grad_() for role, whole in vectors.items()}, states, part


def _send_back(leaves: Mapping[Role, Tensor], chunk: tuple[Role, np.ndarray], part: Tensor) -> None:
    role, rows = chunk
    part.backward(leaves[role].grad[torch.from_numpy(rows).to(part.device)].to(part.dtype))
