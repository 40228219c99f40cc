"""The figures of every step: gathered while the device works, written as lines of metrics and as event files.

In: values that a step left on its device, and the work that its texts were. Out: one line a step, of the keys of
`train.accounting.step_log.LINE`. Nothing here makes the host wait for the device (see `train.accounting.late_values`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

import torch
from torch import Tensor

from train.accounting.device_peak import matmul_rate
from train.accounting.flops import MatmulShape, matmul_shape
from train.accounting.late_values import LateValues
from train.accounting.memory import peak_mebibytes
from train.accounting.step_work import StepWork, step_work
from train.batch_plan import Step
from train.encoder import Encoder, Role
from train.processes import Processes
from train.ragged import Ragged

LINE = {
    "step": "from 0",
    "loss": "of the global batch",
    "temperature": "what cosines are divided by",
    "accuracy": "share of anchors whose own positive has the highest logit of the batch",
    "masked_share": "of the negatives' logits, the share left out as known false negatives",
    "gradient_norm": "of all that trains, before clipping",
    "learning_rate": "of the encoder's weights",
    "source": "what the step's pairs are drawn from",
    "pairs": "of the global batch",
    "tokens_per_second": "real tokens of all processes, delimiters not counted",
    "real_token_share": "of the tokens computed, those that are not padding",
    "mfu": "FLOPs of forward and backward of real tokens, as a share of the measured matmul rate; null for a bag",
    "hfu": "the same with the forward that GradCache repeats",
    "data_wait": "share of the step's time in which its texts were waited for",
    "peak_memory_mib": "of the device so far; on a CPU of the process",
}
MEASURED = ("tokens_per_second", "mfu", "hfu", "data_wait", "peak_memory_mib")
"""The figures that differ from run to run of the same recipe."""


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What the host knows of a step."""

    number: int
    step: Step
    learning_rate: float
    waited: float
    """Seconds for its texts."""


class StepLog:
    """The accounts of a run on one process; every process keeps them, the first writes."""

    def __init__(
        self, encoder: Encoder, processes: Processes, precision: str, budget: int | None, kept_tokens: int
    ) -> None:
        """Measures the device's peak where the encoder has matrix products; takes up to a second."""
        self._encoder, self._processes = encoder, processes
        self._budget, self._kept_tokens = budget, kept_tokens
        self._shape: MatmulShape = matmul_shape(encoder)
        self.peak_flops = matmul_rate(encoder.device, getattr(torch, precision)) if self._shape.linear else None
        self._late: LateValues[StepFacts] = LateValues(encoder.device)

    def work(self, texts: Mapping[Role, Ragged]) -> StepWork:
        """What a step's texts are to this encoder."""
        return step_work(self._encoder, self._shape, texts, self._budget, self._kept_tokens)

    def restart(self) -> None:
        """After anything that is no step: its time is not the next step's."""
        self._late.restart()

    def put(self, facts: StepFacts, work: StepWork, values: Mapping[str, Tensor]) -> None:
        """Ends a step. `values`: loss, scale, first, masked_share, gradient_norm; `first` of this process, else global.

        One small exchange where there are several processes.
        """
        device = self._encoder.device
        own = torch.tensor(astuple(work), dtype=torch.float64, device=device)
        sums = self._processes.sum(torch.cat([values["first"].to(own).reshape(1), own]))
        names = ("first", *(field.name for field in fields(StepWork)))
        self._late.put(facts, {**values, **dict(zip(names, sums, strict=True))})

    def lines(self, *, wait: bool = False) -> Iterator[tuple[StepFacts, dict[str, Any]]]:
        """The lines of the steps that have ended, in order; with `wait` of all."""
        for facts, values, seconds in self._late.take(wait=wait):
            yield facts, self._line(facts, values, seconds)

    def _line(self, facts: StepFacts, values: Mapping[str, float], seconds: float) -> dict[str, Any]:
        pairs, seconds = len(facts.step.rows), max(seconds, 1e-9)
        attainable = self.peak_flops * self._processes.size * seconds if self.peak_flops else math.inf
        line = {
            "step": facts.number,
            "loss": values["loss"],
            "temperature": 1.0 / values["scale"],
            "accuracy": values["first"] / pairs,
            "masked_share": values["masked_share"],
            "gradient_norm": values["gradient_norm"],
            "learning_rate": facts.learning_rate,
            "source": facts.step.source,
            "pairs": pairs,
            "tokens_per_second": values["tokens"] / seconds,
            "real_token_share": values["framed_tokens"] / max(values["computed_tokens"], 1),
            "mfu": values["model_flops"] / attainable if self.peak_flops else None,
            "hfu": values["hardware_flops"] / attainable if self.peak_flops else None,
            "data_wait": min(facts.waited / seconds, 1.0),
            "peak_memory_mib": round(peak_mebibytes(self._encoder.device), 1),
        }
        return line
