"""Loops that numba compiles: an accelerator that may be missing (`pip install 'pairmill[fast]'`).

Every such loop stands beside a function in Python or numpy that gives the same. With PAIRMILL_COMPILED=0 in the
environment none is used. The first use on a machine compiles for some seconds, and leaves the result beside the module
or in numba's cache folder.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any


@lru_cache(maxsize=8)
def compiled_module(name: str) -> ModuleType | None:
    """The module of compiled loops of this name, or None where numba is not installed or not wanted."""
    if os.environ.get("PAIRMILL_COMPILED") == "0":
        return None
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def compiled_for(*signatures: Any) -> Callable[[Callable], Callable]:
    """numba.njit for these argument types, kept on disk where any of numba's cache folders can be written.

    Raises ImportError without numba: only modules that `compiled_module` is asked for may use it.
    """
    import numba

    def wrap(function: Callable) -> Callable:
        try:
            return numba.njit(list(signatures), cache=True, nogil=True)(function)
        except RuntimeError:  # "cannot cache function: no locator available"
            return numba.njit(list(signatures), nogil=True)(function)

    return wrap
