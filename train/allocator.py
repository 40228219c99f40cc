"""What becomes of freed memory on a CPU: kept for the next step, which is quicker, or given back at once.

Every step of training asks for the same large arrays again. By default glibc gives each array beyond 32 MB back to the
system and gets fresh, unmapped pages at the next step; touching those page by page took half of a static encoder's
training time on a virtual machine. What is kept grows with the number of sizes that were asked for: without
`trim_freed_memory` GradCache's chunks, each a little smaller than the one before, made the memory of a CPU run grow
with its batch. Where memory is what counts, each large array is given back as it is freed: half the memory, and a fifth
less speed.
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # malloc.h
_NEVER = 2**31 - 1
_LARGE = 1 << 20
_KEPT_AT_END = 64 << 20
"""Bytes at the heap's end, which holds what is not large."""
_MALLINFO = ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]


def prepare_allocator(*, saves_memory: bool) -> None:
    """Tells glibc's malloc, before the first step, what to do with freed memory; without glibc it does nothing.

    It is kept and used again; or, where that `saves_memory`, each large array is mapped alone and unmapped when it is
    freed, so that nothing is kept that fits no later array.
    """
    glibc = _glibc()
    if glibc is None:
        return
    if saves_memory:
        glibc.mallopt(_M_MMAP_THRESHOLD, _LARGE)
        glibc.mallopt(_M_TRIM_THRESHOLD, _KEPT_AT_END)
    else:
        glibc.mallopt(_M_MMAP_MAX, 0)
        glibc.mallopt(_M_TRIM_THRESHOLD, _NEVER)


def trim_freed_memory() -> None:
    """Gives kept memory back to the system where it is more than half of what is in use; from glibc 2.33 on.

    To be called between two chunks, or while one's arrays are in use: what is free then is mostly what they did not fit
    in.
    """
    glibc = _glibc()
    if glibc is None or not hasattr(glibc, "mallinfo2"):
        return
    found = glibc.mallinfo2()
    if 2 * found.fordblks > found.uordblks:
        glibc.malloc_trim(0)


class _MallInfo(ctypes.Structure):
    """glibc's `struct mallinfo2` (malloc.h)."""

    _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO]


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL("libc.so.6")
        _ = library.mallopt
    except (OSError, AttributeError):
        return None
    if hasattr(library, "mallinfo2"):
        library.mallinfo2.restype = _MallInfo
    return library
