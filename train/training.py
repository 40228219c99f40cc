"""The training loop: step after step of the plan, from wherever the last checkpoint stands.

A step's batch, random numbers and learning rate follow from its number alone, so a run that was killed and goes on
from a checkpoint takes the very steps that it would have taken. With several processes each embeds its share of the
step's rows; the loss is that of the whole batch, and the gradients meet in one exchange a step.
"""

from __future__ import annotations

import hashlib
import math
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from train import checkpoint
from train.accounting.event_file import EventFile
from train.accounting.step_log import StepFacts, StepLog
from train.batch_plan import BatchPlan, Step
from train.encoder import SIDES, Encoder, Role
from train.gradcache import embed_and_backward
from train.journal import Journal
from train.loss import Identity, Tally, Temperature, matryoshka_info_nce, shares_anything
from train.processes import ALONE, Processes
from train.progress import Meter
from train.ragged import Ragged
from train.recipe import Recipe
from train.run_folder import RunFolder
from train.step_inputs import StepInputs
from train.train_rows import TrainRows


class LossNotFinite(RuntimeError):
    """The loss of a step is NaN or infinite; `step` has the pairs."""

    def __init__(self, number: int, step: Step) -> None:
        super().__init__(f"the loss of step {number} is not a finite number")
        self.number, self.step = number, step


@dataclass(frozen=True)
class Scores:
    """What was measured of a checkpoint."""

    main: float
    """What the best checkpoint has most of."""
    values: Mapping[str, Any]
    """All, by name, for the metrics."""


@dataclass(frozen=True)
class Inputs:
    """Of a step, read ahead: its pairs, this process's texts, and what is known of the global batch's rows."""

    step: Step
    texts: dict[Role, Ragged]
    known: Identity | None
    """None where no two rows share anything, as in most batches: the loss then asks the device nothing."""


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
    measure: Callable[[Encoder], Scores] | None = None
    """Measures a checkpoint."""
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

    Vectors (biases, norms, token weights) are not decayed; they and the temperature have their own rates.
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
        {
            "params": [p for p in wanted if p.ndim <= 1],
            "rate": recipe.vector_learning_rate or recipe.learning_rate,
            "weight_decay": 0.0,
        },
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
    recipe, total, processes = material.recipe, material.total_steps, material.processes
    optimizer = make_optimizer(learner, recipe)
    start = checkpoint.load(resume_from, learner, optimizer) if resume_from else 0
    if processes.is_first:
        run.keep_metrics_before(start)
    learner.train()
    log = StepLog(learner.encoder, processes, recipe.precision, recipe.chunk_tokens, material.kept_tokens)
    with (
        _terminated() as is_terminated,
        Meter("step", total, done=start, quiet=quiet or not processes.is_first) as meter,
        _Pen(run, start, meter, quiet=quiet, is_first=processes.is_first) as pen,
        StepInputs(lambda number: _inputs(material, number), start, total) as inputs,
    ):
        log.restart()
        for number in range(start, total):
            _take_step(material, learner, optimizer, log, number, *inputs.take(number))
            pen.write_steps(log.lines())
            is_last = number + 1 == total
            is_stopped = _any(is_terminated(), processes, learner.encoder.device)
            if is_stopped or is_last or (number + 1) % recipe.checkpoint_every == 0:
                pen.write_steps(log.lines(wait=True))
                score = _measure(material, learner, pen, number) if processes.is_first and material.measure else None
                if processes.is_first:
                    keep = recipe.keep_checkpoints
                    checkpoint.save(run.checkpoints, number + 1, origin, learner, optimizer, keep, score)
                processes.wait()
                log.restart()
            if is_stopped:
                return Result(number + 1, is_last, pen.loss)
    return Result(total, True, pen.loss)


class _Pen:
    """Writes a run's figures as they come: metrics.jsonl and event files by the first process, the meter's note."""

    def __init__(self, run: RunFolder, start: int, meter: Meter, *, quiet: bool, is_first: bool) -> None:
        self._run, self._meter = run, meter
        self._events = EventFile(run.events, start) if is_first else None
        self.loss: float | None = None
        """Of the last step written."""
        if self._events and self._events.note:
            Journal(quiet).note(self._events.note)

    def __enter__(self) -> _Pen:
        return self

    def __exit__(self, *error: object) -> None:
        if self._events:
            self._events.close()

    def write_steps(self, lines: Iterator[tuple[StepFacts, dict[str, Any]]]) -> None:
        """The lines of steps; LossNotFinite at the first whose loss is not a number."""
        for facts, line in lines:
            if not math.isfinite(line["loss"]):
                raise LossNotFinite(facts.number, facts.step)
            self.loss = line["loss"]
            self.write(line)
            self._meter.at(facts.number + 1, f"loss {self.loss:.4f}  {line['tokens_per_second']:,.0f} tokens/s")

    def write(self, line: Mapping[str, Any]) -> None:
        """Any line."""
        if self._events:
            self._run.add_metrics(line)
            self._events.add(line)


def _inputs(material: Material, number: int) -> Inputs:
    step = material.plan.step(number)
    texts = texts_of(material.rows, step, material.processes)
    known = material.rows.identity(step.rows, step.negatives)
    return Inputs(step, texts, known if shares_anything(known) else None)


def _take_step(
    material: Material,
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    log: StepLog,
    number: int,
    inputs: Inputs,
    waited: float,
) -> None:
    """One step; its figures go to the log."""
    recipe, processes, device = material.recipe, material.processes, learner.encoder.device
    known = inputs.known.to(device) if inputs.known else None
    tally, masked_share = Tally(), 0.0

    def loss_of(vectors: Mapping[Role, Tensor]) -> Tensor:
        nonlocal masked_share
        sides = (vectors["anchor"], vectors["positive"], vectors.get("negative"))
        settings = {"known": known, "kind": recipe.loss, "processes": processes, "tally": tally}
        loss, masked_share = matryoshka_info_nce(recipe.matryoshka, sides, learner.temperature(), **settings)
        return loss

    _seed_step(recipe.seed, number, processes.rank)
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        loss = embed_and_backward(learner.encoder, inputs.texts, loss_of, recipe.chunk_tokens, material.kept_tokens)
    scale = learner.temperature().detach()
    processes.average_gradients(learner.parameters())
    factor = rate_factor(recipe, number, material.total_steps)
    norm = _update(recipe, learner, optimizer, factor)
    facts = StepFacts(number, inputs.step, recipe.learning_rate * factor, waited)
    values = {"loss": loss, "scale": scale, "first": tally.first, "gradient_norm": norm}
    share = torch.as_tensor(masked_share, dtype=torch.float64, device=device)
    log.put(facts, log.work(inputs.texts), {**values, "masked_share": share})


def texts_of(rows: TrainRows, step: Step, processes: Processes) -> dict[Role, Ragged]:
    """The tokens of this process's share of a step, by role; without hard negatives where the step has none."""
    mine = processes.share(np.arange(len(step.rows)))
    texts: dict[Role, Ragged] = {side: rows.tokens(side, step.rows[mine]) for side in SIDES}
    if any(len(own) for own in step.negatives):
        texts["negative"] = rows.negative_tokens(step.rows[mine], [step.negatives[place] for place in mine])
    return texts


def _measure(material: Material, learner: Learner, pen: _Pen, number: int) -> float:
    """The score of the weights after step `number`; all that was measured goes to the metrics."""
    learner.eval()
    scores = material.measure(learner.encoder)
    learner.train()
    pen.write({"step": number, "eval": dict(scores.values)})
    return scores.main


def _any(flag: bool, processes: Processes, device: torch.device) -> bool:
    """Whether it is so in any process."""
    return flag if processes.size == 1 else bool(processes.sum(torch.tensor(int(flag), device=device)))


def _update(recipe: Recipe, learner: Learner, optimizer: torch.optim.Optimizer, factor: float) -> Tensor:
    """Moves the weights; returns the gradient's norm before clipping."""
    if all(p.grad is None for p in learner.encoder.parameters()):
        raise RuntimeError("no weight of the encoder got a gradient, so nothing would be trained")
    gradients = [p.grad for p in learner.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    if recipe.clip is not None:
        nn.utils.clip_grads_with_norm_(learner.parameters(), recipe.clip, norm)
    for group in optimizer.param_groups:
        group["lr"] = group["rate"] * factor
    optimizer.step()
    learner.temperature.clamp()
    return norm


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
