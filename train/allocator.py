"""What becomes of freed memory on a CPU: it is kept for the next step, and fits it.

Every step of training asks for the same large arrays again. By default glibc gives each array beyond 32 MB back to the
system and gets fresh, unmapped pages at the next step; touching those page by page took half of a static encoder's
training time on a virtual machine.

What is kept fits the next arrays only where nothing that stays lies between. oneDNN keeps what it compiled for each
width of text that it met (1,024 of them), strewn over the freed arrays: memory grew with the number of chunks, by 1 GB
in a step of 55. Compiling again takes a thirtieth of a step; giving back all freed memory at each chunk, which bounds
it too, took a fifth.
"""

from __future__ import annotations

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
_NEVER = 2**31 - 1
ONEDNN_CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
"""The environment's name for how many compiled kernels it keeps."""


def prepare_allocator() -> None:
    """Tells glibc's malloc to keep freed memory, and oneDNN to keep nothing; without glibc the former does nothing.

    To be called before the first matrix product. A capacity that the environment gives stays.
    """
    os.environ.setdefault(ONEDNN_CAPACITY, "0")
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, _NEVER)
