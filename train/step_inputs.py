"""What a step eats, made one step ahead by a thread, so that the device does not wait for the host to read tokens."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

Inputs = TypeVar("Inputs")


class StepInputs(Generic[Inputs]):
    """A context manager that hands out ``make(number)`` of the steps from `start` to below `stop`, in order.

    `make` runs in one thread, a step at a time, so it may hold caches; its errors are raised by `take`.
    """

    def __init__(self, make: Callable[[int], Inputs], start: int, stop: int) -> None:
        self._make, self._stop = make, stop
        self._thread = ThreadPoolExecutor(1, "step-inputs")
        self._next: Future[Inputs] | None = self._ahead(start)

    def __enter__(self) -> StepInputs[Inputs]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def take(self, number: int) -> tuple[Inputs, float]:
        """The inputs of a step, and the seconds that they were waited for; the next step's are begun."""
        started = time.perf_counter()
        inputs = self._next.result()
        waited = time.perf_counter() - started
        self._next = self._ahead(number + 1)
        return inputs, waited

    def _ahead(self, number: int) -> Future[Inputs] | None:
        return self._thread.submit(self._make, number) if number < self._stop else None
