"""Keeps freed memory in the process: every step of training asks for the same large arrays again.

By default glibc gives each array beyond 32 MB back to the system and gets fresh, unmapped pages at the next step;
touching those page by page took half of a static encoder's training time on a virtual machine.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Tells glibc's malloc to reuse large blocks; does nothing where the C library is another."""
    if not sys.platform.startswith("linux"):
        return
    try:
        set_option = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    set_option(_M_MMAP_MAX, 0)
    set_option(_M_TRIM_THRESHOLD, _NEVER)
