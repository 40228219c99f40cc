"""Numbers that a device is still computing, handed on when they are there, so that no step waits for them.

On a GPU the values of a step are copied to pinned memory behind its kernels, and read once an event says that they
have come. The host may be `MOST_AHEAD` steps ahead of the device and no more. On a CPU all is there at once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

MOST_AHEAD = 2
Label = TypeVar("Label")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Label]):
    label: Label
    names: tuple[str, ...]
    values: Tensor
    event: torch.cuda.Event


class LateValues(Generic[Label]):
    """A queue of labelled values; `put` after each step, `take` whenever it suits."""

    def __init__(self, device: torch.device) -> None:
        self._is_gpu = device.type == "cuda"
        self._waiting: deque[_Waiting[Label]] = deque()
        self._done: deque[tuple[Label, dict[str, float], float]] = deque()
        self.restart()

    def restart(self) -> None:
        """The next step's seconds count from now."""
        self._since = time.perf_counter()
        self._event = self._record() if self._is_gpu else None

    def put(self, label: Label, values: Mapping[str, Tensor]) -> None:
        """Ends a step; `values` are scalars of the device."""
        if not self._is_gpu:
            now = time.perf_counter()
            self._done.append((label, {name: float(value) for name, value in values.items()}, now - self._since))
            self._since = now
            return
        stacked = torch.stack([value.detach().to(torch.float64) for value in values.values()])
        host = torch.empty(len(values), dtype=torch.float64, pin_memory=True)
        host.copy_(stacked, non_blocking=True)
        self._waiting.append(_Waiting(label, tuple(values), host, self._record()))

    def take(self, *, wait: bool = False) -> Iterator[tuple[Label, dict[str, float], float]]:
        """What has come, in order: label, values, and the seconds that the step took on its device.

        With `wait` everything; without, no more is waited for than keeps the host `MOST_AHEAD` steps ahead.
        """
        while self._waiting:
            first = self._waiting[0]
            if wait or len(self._waiting) > MOST_AHEAD:
                first.event.synchronize()
            elif not first.event.query():
                break
            self._waiting.popleft()
            seconds = self._event.elapsed_time(first.event) / 1000
            self._event = first.event
            self._done.append((first.label, dict(zip(first.names, first.values.tolist(), strict=True)), seconds))
        while self._done:
            yield self._done.popleft()

    @staticmethod
    def _record() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
