"""Memory that was freed, given back to the system: a worker that waits for the last step would keep it otherwise."""

from __future__ import annotations

import ctypes
import gc
import sys

import pyarrow as pa


def give_back_memory() -> None:
    """Arrow's pool and glibc's heap keep what was freed, for a next time that may never come. Costs milliseconds."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
