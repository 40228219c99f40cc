"""The processes that train together: one alone, or as many as torchrun started, over gloo on CPUs and NCCL on GPUs.

Convention: every process holds its own rows of the global batch; row order is process after process. A loss's gradients
are scaled so that their mean over the processes is the gradient of the global batch, as DDP and FSDP average them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """This process's place among all; the default is one process alone, which exchanges nothing."""

    rank: int = 0
    size: int = 1
    group: dist.ProcessGroup | None = None

    @property
    def is_first(self) -> bool:
        """Whether this one writes files and speaks to the user."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """This process's part of the rows of a step: consecutive, and as even as can be."""
        return np.array_split(rows, self.size)[self.rank]

    def gather_rows(self, mine: Tensor) -> tuple[Tensor, int]:
        """The rows of all processes in order, and where this one's begin. No gradient flows through."""
        if self.size == 1:
            return mine, 0
        sizes = self._counts(len(mine), mine.device)
        padded = mine.new_zeros((max(sizes), *mine.shape[1:]))
        padded[: len(mine)] = mine
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded, group=self.group)
        whole = torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
        return whole, sum(sizes[: self.rank])

    def first_row(self, rows: int, device: torch.device) -> int:
        """Where this process's rows begin among all, where it has `rows`."""
        return sum(self._counts(rows, device)[: self.rank]) if self.size > 1 else 0

    def _counts(self, rows: int, device: torch.device) -> list[int]:
        counts = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(self.size)]
        dist.all_gather(counts, torch.tensor([rows], device=device), group=self.group)
        return [int(count) for count in counts]

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values, group=self.group)
        return values

    def highest(self, values: Tensor) -> Tensor:
        """The largest over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values, dist.ReduceOp.MAX, group=self.group)
        return values

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every gradient becomes its mean over the processes, in one exchange."""
        if self.size == 1:
            return
        wanted = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in wanted:  # a process may have had no rows of a side, and so no gradient
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = self.sum(torch.cat([parameter.grad.flatten() for parameter in wanted])).div_(self.size)
        for parameter, mean in zip(wanted, flat.split([p.numel() for p in wanted]), strict=True):
            parameter.grad.copy_(mean.view_as(parameter))

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier(group=self.group)


ALONE = Processes()


def join_processes(device: str) -> tuple[Processes, str]:
    """What torchrun's environment says, and this process's device: `device`, or its own GPU where that is `cuda`."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE, device
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    # The others wait while the first process cuts the pairs into tokens, which takes hours where there are many.
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=timedelta(days=1))
    return Processes(dist.get_rank(), size, dist.group.WORLD), device


def leave_processes() -> None:
    """Ends what `join_processes` began."""
    if dist.is_initialized():
        dist.destroy_process_group()
