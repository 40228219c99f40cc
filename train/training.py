"""The training loop: step after step of the plan, from wherever the last checkpoint stands.

A step's batch, random numbers and learning rate follow from its number alone, so a run that was killed and goes on
from a checkpoint takes the very steps that it would have taken. With several processes each embeds its share of the
step's rows; the loss is that of the whole batch, and the gradients meet in one exchange a step.
"""

from __future__ import annotations

import hashlib
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor, nn

from train import checkpoint
from train.batch_plan import BatchPlan, Step
from train.encoder import SIDES, Encoder, Role
from train.gradcache import embed_and_backward
from train.loss import Temperature, matryoshka_info_nce
from train.processes import ALONE, Processes
from train.progress import Meter
from train.ragged import Ragged
from train.recipe import Recipe
from train.run_folder import RunFolder
from train.train_rows import TrainRows


class LossNotFinite(RuntimeError):
    """The loss of a step is NaN or infinite; `step` has the pairs."""

    def __init__(self, number: int, step: Step) -> None:
        super().__init__(f"the loss of step {number} is not a finite number")
        self.number, self.step = number, step


class Learner(nn.Module):
    """All that is trained."""

    def __init__(self, encoder: Encoder, temperature: Temperature) -> None:
        super().__init__()
        self.encoder = encoder
        self.temperature = temperature


@dataclass(frozen=True)
class Material:
    """What a run trains from and how: the same for all its steps."""

    recipe: Recipe
    plan: BatchPlan
    rows: TrainRows
    processes: Processes = ALONE
    measure: Callable[[Encoder], float] | None = None
    """Gives a checkpoint's score, higher is better."""
    kept_tokens: int = 0
    """See `train.graph_memory`."""

    @property
    def total_steps(self) -> int:
        """The steps of the whole run."""
        if self.recipe.steps is not None:
            return self.recipe.steps
        return max(math.ceil(float(self.recipe.epochs or 0) * self.plan.rows / self.plan.batch), 1)


@dataclass(frozen=True)
class Result:
    """Steps done and whether all are; the last step's loss, None where no step was taken."""

    steps: int
    is_finished: bool
    loss: float | None


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
        {
            "params": [p for p in learner.temperature.parameters() if p.requires_grad],
            "rate": temperature_rate,
            "weight_decay": 0.0,
        },
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
    material: Material,
    learner: Learner,
    run: RunFolder,
    origin: checkpoint.Origin,
    *,
    resume_from: Path | None = None,
    quiet: bool = False,
) -> Result:
    """Trains to the end of the recipe, or until SIGTERM, which saves a checkpoint and ends without an error.

    Raises LossNotFinite with the step's pairs. The first process alone writes.
    """
    recipe, total, is_first = material.recipe, material.total_steps, material.processes.is_first
    optimizer = make_optimizer(learner, recipe)
    start = checkpoint.load(resume_from, learner, optimizer) if resume_from else 0
    if is_first:
        run.keep_metrics_before(start)
    learner.train()
    loss = None

    def save(step: int) -> None:
        if is_first:
            score = _measure(material, learner, run, step - 1) if material.measure else None
            checkpoint.save(run.checkpoints, step, origin, learner, optimizer, recipe.keep_checkpoints, score)
        material.processes.wait()

    with _terminated() as is_terminated, Meter("step", total, done=start, quiet=quiet or not is_first) as meter:
        for number in range(start, total):
            metrics = _take_step(material, learner, optimizer, number)
            loss = metrics["loss"]
            if is_first:
                run.add_metrics(metrics)
            meter.at(number + 1, f"loss {loss:.4f}  {metrics['tokens_per_second']:,.0f} tokens/s")
            if _any(is_terminated(), material.processes, learner.encoder.device):
                save(number + 1)
                return Result(number + 1, number + 1 == total, loss)
            if (number + 1) % recipe.checkpoint_every == 0 or number + 1 == total:
                save(number + 1)
    return Result(total, True, loss)


def _take_step(
    material: Material, learner: Learner, optimizer: torch.optim.Optimizer, number: int
) -> dict[str, float | int | str]:
    """One step; returns its line of metrics."""
    started = time.perf_counter()
    recipe, processes, total = material.recipe, material.processes, material.total_steps
    step = material.plan.step(number)
    texts = texts_of(material.rows, step, processes)
    tokens = sum(len(ragged.ids) for ragged in texts.values())
    device = learner.encoder.device
    known = material.rows.identity(step.rows, step.negatives).to(device)
    masked_share = 0.0

    def loss_of(vectors: Mapping[Role, Tensor]) -> Tensor:
        nonlocal masked_share
        sides = (vectors["anchor"], vectors["positive"], vectors.get("negative"))
        settings = {"known": known, "kind": recipe.loss, "processes": processes}
        loss, masked_share = matryoshka_info_nce(recipe.matryoshka, sides, learner.temperature(), **settings)
        return loss

    _seed_step(recipe.seed, number, processes.rank)
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        loss = float(embed_and_backward(learner.encoder, texts, loss_of, recipe.chunk_tokens, material.kept_tokens))
    if not math.isfinite(loss):
        raise LossNotFinite(number, step)
    scale = float(learner.temperature().detach())
    processes.average_gradients(learner.parameters())
    _update(recipe, learner, optimizer, rate_factor(recipe, number, total))
    return {
        "step": number,
        "loss": loss,
        "temperature": 1.0 / scale,
        "tokens_per_second": tokens * processes.size / (time.perf_counter() - started),
        "masked_share": masked_share,
        "source": step.source,
        "pairs": len(step.rows),
        "learning_rate": recipe.learning_rate * rate_factor(recipe, number, total),
    }


def texts_of(rows: TrainRows, step: Step, processes: Processes) -> dict[Role, Ragged]:
    """The tokens of this process's share of a step, by role; without hard negatives where the step has none."""
    mine = processes.share(np.arange(len(step.rows)))
    texts: dict[Role, Ragged] = {side: rows.tokens(side, step.rows[mine]) for side in SIDES}
    if any(len(own) for own in step.negatives):
        texts["negative"] = rows.negative_tokens(step.rows[mine], [step.negatives[place] for place in mine])
    return texts


def _measure(material: Material, learner: Learner, run: RunFolder, number: int) -> float:
    """The score of the weights after step `number`, which also goes to the metrics."""
    learner.eval()
    score = material.measure(learner.encoder)
    learner.train()
    run.add_metrics({"step": number, "eval": {"mrr": score}})
    return score


def _any(flag: bool, processes: Processes, device: torch.device) -> bool:
    """Whether it is so in any process."""
    return flag if processes.size == 1 else bool(processes.sum(torch.tensor(int(flag), device=device)))


def _update(recipe: Recipe, learner: Learner, optimizer: torch.optim.Optimizer, factor: float) -> None:
    if all(p.grad is None for p in learner.encoder.parameters()):
        raise RuntimeError("no weight of the encoder got a gradient, so nothing would be trained")
    if recipe.clip is not None:
        nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip)
    for group in optimizer.param_groups:
        group["lr"] = group["rate"] * factor
    optimizer.step()
    learner.temperature.clamp()


def _seed_step(seed: int, number: int, rank: int) -> None:
    """The random state (dropout) of a step is a function of the seed, its number and the process."""
    place = f"step {seed} {number}" if rank == 0 else f"step {seed} {number} {rank}"
    torch.manual_seed(int.from_bytes(hashlib.sha256(place.encode()).digest()[:8], "little"))


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
