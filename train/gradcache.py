"""GradCache (Gao et al. 2021): a contrastive batch of any size in the memory of one chunk, with the same gradient.

First every chunk is embedded without a graph; the loss gives the gradient of each embedding; then every chunk is
embedded again, with a graph and the very random state of the first time, and that gradient is sent back through it.

The second forward is a quarter of the arithmetic. Chunks whose graphs fit in memory together keep them from the first
pass and are not embedded again: `train.graph_memory` says how many padded tokens that may be.

Rows of a contrastive batch have no order, so chunks are cut from rows sorted by length, under a budget of padded
tokens: nearly no padding, and few shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from train.encoder import SIDE_OF, Encoder, Role, on_device
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


class RandomStates:
    """The states before each of some chunks, in one block of memory.

    One by one they would lie between the large arrays of chunk and chunk, which malloc could then not put where the
    last chunk's were: on a CPU memory grew with the batch.
    """

    def __init__(self, count: int, device: torch.device) -> None:
        first = RandomState.capture(device)
        self._device = device
        self._host = first.host.new_empty((count, len(first.host)))
        self._on_device = None if first.device is None else first.device.new_empty((count, len(first.device)))

    def keep(self, place: int) -> None:
        """Keep the state now as that before chunk `place`."""
        state = RandomState.capture(self._device)
        self._host[place] = state.host
        if self._on_device is not None:
            self._on_device[place] = state.device

    def restore(self, place: int) -> None:
        """Set the state back to that before chunk `place`."""
        on_device = None if self._on_device is None else self._on_device[place].clone()
        RandomState(self._host[place].clone(), on_device).restore(self._device)  # torch reads from a storage's begin


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of one role that are embedded together."""

    role: Role
    rows: np.ndarray
    """Their places among the role's rows, longest first."""
    tokens: int
    """Padded tokens: rows × the longest."""


def cut_chunks(lengths: np.ndarray, budget: int, multiple: int = 1) -> list[np.ndarray]:
    """Row places in chunks, longest rows first; rows × longest row of a chunk is within `budget` padded tokens.

    Widths count as rounded up to a `multiple`. A row longer than the budget is a chunk of its own.
    """
    order = np.argsort(-lengths, kind="stable")
    chunks, start = [], 0
    while start < len(order):
        size = max(budget // _width(lengths[order[start]], multiple), 1)
        chunks.append(order[start : start + size])
        start += size
    return chunks


def chunks_of(encoder: Encoder, texts: Mapping[Role, Ragged], budget: int | None) -> list[Chunk]:
    """The chunks of a batch in the order in which they are embedded; `budget` None is one chunk a role."""
    found = []
    for role, tokens in texts.items():
        lengths, multiple = tokens.lengths + encoder.frame_tokens(SIDE_OF[role]), encoder.width_multiple
        parts = cut_chunks(lengths, budget, multiple) if budget else [np.arange(len(lengths))] * bool(len(lengths))
        found += [Chunk(role, rows, len(rows) * _width(lengths[rows].max(), multiple)) for rows in parts]
    return found


def embed_and_backward(
    encoder: Encoder, texts: Mapping[Role, Ragged], loss_of: LossFunction, budget: int | None, kept: int = 0
) -> Tensor:
    """Adds the gradient of ``loss_of(vectors of each role)`` to every parameter; returns the loss.

    `budget` is the number of padded tokens of a chunk; None embeds each role whole and keeps its graph (no GradCache).
    The last chunks that have at most `kept` padded tokens together keep their graphs, and the very last in any case.
    """
    if budget is None:
        loss = loss_of({role: encoder.embed(tokens, SIDE_OF[role]) for role, tokens in texts.items()})
        loss.backward()
        return loss.detach()
    chunks = chunks_of(encoder, texts, budget)
    first_kept = len(replayed_chunks(chunks, budget, kept))
    leaves, states, graphs = _first_pass(encoder, texts, chunks, first_kept)
    loss = loss_of(leaves)
    loss.backward()
    after = RandomState.capture(encoder.device)
    for chunk in reversed(chunks[first_kept:]):  # each graph is freed as soon as it is used
        _send_back(leaves, chunk, graphs.pop())
    for place, chunk in enumerate(chunks[:first_kept]):
        states.restore(place)
        part = encoder.embed(texts[chunk.role].take(chunk.rows), SIDE_OF[chunk.role])
        _send_back(leaves, chunk, part)
    after.restore(encoder.device)
    return loss.detach()


def replayed_chunks(chunks: Sequence[Chunk], budget: int | None, kept: int) -> Sequence[Chunk]:
    """The chunks that `embed_and_backward` embeds a second time."""
    return chunks[: len(chunks) - _kept_chunks(chunks, kept)] if budget else []


def _width(longest: int, multiple: int) -> int:
    return -(-max(int(longest), 1) // multiple) * multiple


def _kept_chunks(chunks: Sequence[Chunk], kept: int) -> int:
    """How many of the last chunks keep their graphs."""
    if not chunks:
        return 0
    sums = np.cumsum([chunk.tokens for chunk in reversed(chunks)])
    return max(int(np.searchsorted(sums, kept, side="right")), 1)


def _first_pass(
    encoder: Encoder, texts: Mapping[Role, Ragged], chunks: Sequence[Chunk], first_kept: int
) -> tuple[dict[Role, Tensor], RandomStates, list[Tensor]]:
    """All vectors without graphs, the random state before each chunk to be replayed, the others with their graphs."""
    wide = torch.promote_types(next(encoder.parameters()).dtype, torch.float32)
    shape = {role: (len(tokens), encoder.dimension) for role, tokens in texts.items()}
    vectors = {role: torch.zeros(size, dtype=wide, device=encoder.device) for role, size in shape.items()}
    states = RandomStates(first_kept, encoder.device)
    graphs: list[Tensor] = []
    for place, chunk in enumerate(chunks):
        is_kept = place >= first_kept
        if not is_kept:
            states.keep(place)
        with nullcontext() if is_kept else torch.no_grad():
            part = encoder.embed(texts[chunk.role].take(chunk.rows), SIDE_OF[chunk.role])
        if is_kept:
            graphs.append(part)
        vectors[chunk.role][_on(part.device, chunk.rows)] = part.detach().to(wide)
    return {role: whole.requires_grad_() for role, whole in vectors.items()}, states, graphs


def _send_back(leaves: Mapping[Role, Tensor], chunk: Chunk, part: Tensor) -> None:
    part.backward(leaves[chunk.role].grad[_on(part.device, chunk.rows)].to(part.dtype))


def _on(device: torch.device, rows: np.ndarray) -> Tensor:
    return on_device(torch.from_numpy(rows), device)
