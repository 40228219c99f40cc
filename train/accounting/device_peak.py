"""The fastest matrix product of a device, measured: what MFU and HFU are shares of."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

GPU_SIZE, CPU_SIZE = 8192, 1024
"""Of the square matrices: large enough to be bound by arithmetic, and done within a second."""
_REPEATS = 5


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """FLOPs a second of the best of a few products of square matrices of `dtype`."""
    is_gpu = device.type == "cuda"
    size = GPU_SIZE if is_gpu else CPU_SIZE
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    product = lambda: torch.mm(left, right, out=out)  # noqa: E731
    product()
    seconds = min((_gpu_seconds if is_gpu else _cpu_seconds)(product) for _ in range(_REPEATS))
    return 2 * size**3 / seconds


def _cpu_seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _gpu_seconds(work: Callable[[], object], times: int = 10) -> float:
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    for _ in range(times):
        work()
    after.record()
    after.synchronize()
    return before.elapsed_time(after) / 1000 / times
