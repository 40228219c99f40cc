"""Packed attention: the sequences of a chunk stand end to end in one row, and each attends to itself alone.

Registered as an attention of transformers, so that it serves every model whose attention goes through that interface,
with bidirectional, causal and sliding-window layers. Runs of equal length, which a chunk sorted by length is made of,
are one call of torch's own attention each; on a GPU in half precision, and without dropout of attention weights, a
whole chunk is one call of its kernel for sequences of different lengths.

A model may ignore the setting (BLOOM's attention is its own), or count positions in its own way. So nobody packs before
`packing_problem` has found no difference.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

NAME = "pairmill_packed"
TOLERANCE = 5e-7
"""Of the largest hidden value, for each layer, in float32: what another order of sums gives, and positions do not."""
HALF_TOLERANCE = 3e-2
"""The same in bfloat16, of all layers together: a GPU's kernel against torch's own attention."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """The sequences of a packed row: how long each is, in order, none empty."""

    each: np.ndarray

    def runs(self) -> Iterator[tuple[int, int]]:
        """(sequences, length) of each run of equal lengths."""
        edges = np.flatnonzero(np.diff(self.each, prepend=-1))
        for start, stop in zip(edges, [*edges[1:], len(self.each)], strict=True):
            yield int(stop - start), int(self.each[start])

    def offsets(self, device: torch.device) -> Tensor:
        """int32, one more than sequences: where each begins, and the end."""
        return torch.from_numpy(np.concatenate([[0], np.cumsum(self.each)]).astype(np.int32)).to(device)

    def positions(self) -> np.ndarray:
        """int64: each token's place in its sequence."""
        return np.arange(self.each.sum()) - np.repeat(np.cumsum(self.each) - self.each, self.each)


_current: ContextVar[Lengths] = ContextVar("packed_lengths")


@contextmanager
def packed(lengths: Lengths) -> Iterator[None]:
    """The models called in the block take their row for these sequences."""
    token = _current.set(lengths)
    try:
        yield
    finally:
        _current.reset(token)


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    is_causal: bool | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """An attention of transformers: (1, heads, tokens, width) each, to (1, tokens, heads, width).

    `sliding_window` is flash attention's: a token sees those less than so many places away.
    """
    lengths = _current.get()
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    rows = [part[0].transpose(0, 1) for part in (query, key, value)]
    window = sliding_window if sliding_window and sliding_window <= lengths.each.max() else None
    # Torch's own attention is cast by autocast, the kernel for different lengths is not.
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else query.dtype
    if query.is_cuda and dtype in (torch.float16, torch.bfloat16) and not dropout and _has_kernel():
        return _in_one_call([part.to(dtype) for part in rows], lengths, causal, scaling, window)[None], None
    return _by_runs(rows, lengths, causal, scaling, window, dropout)[None], None


@cache
def _kernel_options() -> frozenset[str]:
    """What this torch's kernel for different lengths takes; nothing where it has none."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return frozenset()
    return frozenset(inspect.signature(varlen_attn).parameters)


def _has_kernel() -> bool:
    """Whether it serves every model, those with windows and with fewer keys than queries too."""
    return {"scale", "window_size"} <= _kernel_options()


def _in_one_call(
    rows: Sequence[Tensor], lengths: Lengths, causal: bool, scaling: float | None, window: int | None
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = (part.contiguous() for part in rows)
    shared, more = query.shape[1] // key.shape[1], {}
    if "enable_gqa" in _kernel_options():
        more["enable_gqa"] = shared > 1
    elif shared > 1:  # torch 2.11's has no such option: each query's head gets its own copy of its keys
        key, value = (part.repeat_interleave(shared, dim=1) for part in (key, value))
    reach = -1 if window is None else window - 1
    offsets, longest = lengths.offsets(query.device), int(lengths.each.max())
    return varlen_attn(
        query, key, value, offsets, offsets, longest, longest,
        scale=scaling, window_size=(reach, 0 if causal else reach), **more,
    )  # fmt: skip


def _by_runs(
    rows: Sequence[Tensor], lengths: Lengths, causal: bool, scaling: float | None, window: int | None, dropout: float
) -> Tensor:
    runs = list(lengths.runs())
    sizes = [count * length for count, length in runs]
    found = []
    for (count, length), *parts in zip(runs, *(part.split(sizes) for part in rows), strict=True):
        query, key, value = (part.unflatten(0, (count, length)).transpose(1, 2) for part in parts)
        mask = None if window is None or window > length else _band(length, window, causal, query.device)
        out = F.scaled_dot_product_attention(
            query, key, value, mask, dropout, causal and mask is None, scale=scaling,
            enable_gqa=key.shape[1] != query.shape[1],
        )  # fmt: skip
        found.append(out.transpose(1, 2).flatten(0, 1))
    return torch.cat(found)


def _band(length: int, window: int, causal: bool, device: torch.device) -> Tensor:
    place = torch.arange(length, device=device)
    ahead = place - place[:, None]
    return (ahead.abs() < window) & (ahead <= 0) if causal else ahead.abs() < window


def _no_mask(*values: Any, **named: Any) -> None:
    """What belongs together is known from the lengths."""


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, _no_mask)


def set_attention(model: PreTrainedModel, name: str) -> None:
    """Another attention from now on; ValueError where the model has no choice of it."""
    try:
        model.set_attn_implementation(name)
    except (AttributeError, ImportError, KeyError, TypeError) as error:
        raise ValueError(str(error)) from None


def packed_inputs(model: PreTrainedModel, ids: np.ndarray, lengths: Lengths) -> dict[str, Tensor]:
    """What `model` is called with for sequences end to end."""
    inputs = {"input_ids": ids, "position_ids": lengths.positions()}
    if "token_type_ids" in inspect.signature(model.forward).parameters:
        inputs["token_type_ids"] = np.zeros_like(ids)
    return {name: torch.from_numpy(values)[None] for name, values in inputs.items()}


@torch.no_grad()
def packing_problem(model: PreTrainedModel, longest: int, vocabulary: int) -> str | None:
    """Why `model` must not pack, None where each sequence gets the very hidden states that it gets alone.

    `longest`: tokens of the longest sequence to come. The model's attention is the packed one afterwards if there is no
    problem, and what it was otherwise.
    """
    before, was_training = model.config._attn_implementation, model.training
    ids, lengths = _trial(longest, vocabulary)
    model.eval()
    try:
        alone = [_hidden(model, {"input_ids": torch.from_numpy(part)[None]}) for part in _cut(ids, lengths)]
        try:
            set_attention(model, NAME)
            with packed(lengths):
                together = _hidden(model, packed_inputs(model, ids, lengths))
        except (LookupError, RuntimeError, TypeError, ValueError) as error:
            problem: str | None = f"it fails on packed rows ({' '.join(str(error).split())[:200]})"
        else:
            problem = _difference(together, torch.cat(alone), TOLERANCE * model.config.num_hidden_layers)
            problem = problem or _half_precision_problem(model, ids, lengths, together)
    finally:
        model.train(was_training)
    if problem:
        set_attention(model, before)
    return problem


def _trial(longest: int, vocabulary: int) -> tuple[np.ndarray, Lengths]:
    """Random tokens in sequences that differ in length, with equal ones beside each other."""
    lengths = Lengths(np.array([longest, max(longest - 1, 1), 3, 3, 1]))
    return np.random.default_rng(0).integers(0, vocabulary, lengths.each.sum()), lengths


def _cut(ids: np.ndarray, lengths: Lengths) -> list[np.ndarray]:
    return np.split(ids, np.cumsum(lengths.each)[:-1])


def _hidden(model: PreTrainedModel, inputs: dict[str, Tensor]) -> Tensor:
    on_device = {name: value.to(model.device) for name, value in inputs.items()}
    return model(**on_device).last_hidden_state[0].double().cpu()


def _half_precision_problem(model: PreTrainedModel, ids: np.ndarray, lengths: Lengths, exact: Tensor) -> str | None:
    """On a GPU, whether its kernel gives what float32 gives but for rounding."""
    if model.device.type != "cuda":
        return None
    with packed(lengths), torch.autocast("cuda", torch.bfloat16):
        return _difference(_hidden(model, packed_inputs(model, ids, lengths)), exact, HALF_TOLERANCE)


def _difference(found: Tensor, expected: Tensor, tolerance: float) -> str | None:
    size = float((found - expected).abs().max() / expected.abs().max())
    if size <= tolerance:
        return None
    return f"packed, a text's hidden states differ by {size:.1e} of the largest from those that it has alone"
