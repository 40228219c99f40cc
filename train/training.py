"""The training loop: step after step of the plan, from wherever the last checkpoint stands.

A step's batch, random numbers and learning rate follow from its number alone, so a run that was killed and goes on
from a checkpoint takes the very steps that it would have taken.
"""

from __future__ import annotations

import hashlib
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import numpy as np
import torch
from torch import Tensor, nn

from train import checkpoint
from train.batch_plan import BatchPlan, Step
from train.encoder import SIDES, Encoder
from train.gradcache import embed_and_backward
from train.loss import Identity, Temperature, info_nce
from train.progress import Meter
from train.recipe import Recipe
from train.run_folder import RunFolder
from train.token_cache import TokenCache


class LossNotFinite(RuntimeError):
    """The loss of a step is NaN or infinite; `step` has the pairs."""

    def __init__(self, number: int, step: Step) -> None:
        super().__init__(f"the loss of step {number} is not a finite number")
        self.number, self.step = number, step


class Learner(nn.Module):
    """All that is trained."""

    def __init__(self, encoder: Encoder, recipe: Recipe) -> None:
        super().__init__()
        self.encoder = encoder
        self.temperature = Temperature(recipe.initial_temperature)


@dataclass(frozen=True)
class Result:
    """Steps done and whether all are; the last step's loss, None where no step was taken."""

    steps: int
    is_finished: bool
    loss: float | None


def total_steps(recipe: Recipe, plan: BatchPlan) -> int:
    """The steps of the whole run."""
    if recipe.steps is not None:
        return recipe.steps
    return max(math.ceil(float(recipe.epochs or 0) * plan.rows / plan.batch), 1)


def make_optimizer(learner: Learner, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over what is trainable; ValueError where the encoder has nothing to train.

    Vectors (biases, norms, token weights) are not decayed; the temperature has its own rate.
    """
    wanted = [p for p in learner.encoder.parameters() if p.requires_grad]
    if not wanted:
        raise ValueError("the encoder has nothing trainable: every weight of it is frozen")
    temperature_rate = recipe.temperature_learning_rate or recipe.learning_rate
    groups = [
        {
            "params": [p for p in wanted if p.ndim > 1],
            "rate": recipe.learning_rate,
            "weight_decay": recipe.weight_decay,
        },
        {"params": [p for p in wanted if p.ndim <= 1], "rate": recipe.learning_rate, "weight_decay": 0.0},
        {"params": [learner.temperature.log_scale], "rate": temperature_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=recipe.learning_rate,
        betas=(recipe.beta1, recipe.beta2),
        fused=True,
    )


def rate_factor(recipe: Recipe, step: int, total: int) -> float:
    """What the learning rate of a step, from 0, is multiplied by: a rise over the warm-up, then the schedule's fall."""
    rise = recipe.warmup * total
    if step < rise:
        return (step + 1) / (rise + 1)
    done = (step - rise) / max(total - rise, 1)
    return {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}[recipe.schedule]


def train(
    recipe: Recipe,
    plan: BatchPlan,
    caches: Sequence[TokenCache],
    learner: Learner,
    run: RunFolder,
    origin: checkpoint.Origin,
    *,
    resume_from: checkpoint.Path | None = None,
    quiet: bool = False,
) -> Result:
    """Trains to the end of the recipe, or until SIGTERM, which saves a checkpoint and ends without an error.

    Raises LossNotFinite with the step's pairs.
    """
    optimizer = make_optimizer(learner, recipe)
    total = total_steps(recipe, plan)
    start = checkpoint.load(resume_from, learner, optimizer) if resume_from else 0
    run.keep_metrics_before(start)
    learner.train()
    loss = None

    def save(step: int) -> None:
        checkpoint.save(run.checkpoints, step, origin, learner, optimizer, recipe.keep_checkpoints)

    with _terminated() as is_terminated, Meter("step", total, done=start, quiet=quiet) as meter:
        for number in range(start, total):
            metrics = _take_step(recipe, plan, caches, learner, optimizer, number, total)
            loss = metrics["loss"]
            run.add_metrics(metrics)
            meter.at(number + 1, f"loss {loss:.4f}  {metrics['tokens_per_second']:,.0f} tokens/s")
            if is_terminated():
                save(number + 1)
                return Result(number + 1, number + 1 == total, loss)
            if (number + 1) % recipe.checkpoint_every == 0 or number + 1 == total:
                save(number + 1)
    return Result(total, True, loss)


def _take_step(
    recipe: Recipe,
    plan: BatchPlan,
    caches: Sequence[TokenCache],
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    number: int,
    total: int,
) -> dict[str, float | int | str]:
    """One step; returns its line of metrics."""
    started = time.perf_counter()
    step = plan.step(number)
    cache = caches[step.part]
    sides = {side: cache.tokens(side, step.rows) for side in SIDES}
    tokens = sum(len(ragged.ids) for ragged in sides.values())
    device = learner.encoder.device
    known = identity_of(cache, step.rows).to(device)
    masked_share = 0.0

    def loss_of(anchors: Tensor, positives: Tensor) -> Tensor:
        nonlocal masked_share
        loss, masked_share = info_nce(anchors, positives, learner.temperature(), known)
        return loss

    _seed_step(recipe.seed, number)
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        loss = float(embed_and_backward(learner.encoder, sides, loss_of, recipe.chunk_tokens))
    if not math.isfinite(loss):
        raise LossNotFinite(number, step)
    scale = float(learner.temperature().detach())
    _update(recipe, learner, optimizer, rate_factor(recipe, number, total))
    return {
        "step": number,
        "loss": loss,
        "temperature": 1.0 / scale,
        "tokens_per_second": tokens / (time.perf_counter() - started),
        "masked_share": masked_share,
        "source": step.source,
        "pairs": len(step.rows),
        "learning_rate": recipe.learning_rate * rate_factor(recipe, number, total),
    }


def _update(recipe: Recipe, learner: Learner, optimizer: torch.optim.Optimizer, factor: float) -> None:
    if all(p.grad is None for p in learner.encoder.parameters()):
        raise RuntimeError("no weight of the encoder got a gradient, so nothing would be trained")
    if recipe.clip is not None:
        nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip)
    for group in optimizer.param_groups:
        group["lr"] = group["rate"] * factor
    optimizer.step()
    learner.temperature.clamp()


def identity_of(cache: TokenCache, rows: np.ndarray) -> Identity:
    """What the loss has to know of rows to leave out known false negatives."""
    names = ("anchor_hash", "positive_hash", "cluster", "has_cluster")
    return Identity(*(torch.from_numpy(np.array(cache.arrays[name][rows])) for name in names))


def _seed_step(seed: int, number: int) -> None:
    """The random state (dropout) of a step is a function of the seed and its number."""
    digest = hashlib.sha256(f"step {seed} {number}".encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:8], "little"))


@contextmanager
def _terminated() -> Iterator[Callable[[], bool]]:
    """Notes SIGTERM instead of dying of it, where this is the main thread."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)

    try:
        before = signal.signal(signal.SIGTERM, note)
    except ValueError:  # signals reach the main thread alone
        yield lambda: False
        return
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGTERM, before)
