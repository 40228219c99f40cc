"""The most memory that a run has held so far."""

from __future__ import annotations

import resource
import sys

import torch

MIB = 1 << 20


def peak_mebibytes(device: torch.device) -> float:
    """Of tensors on a GPU; on a CPU, of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MIB
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB
