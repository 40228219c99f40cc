"""The inner loops of shingling, signatures and similarity, compiled by numba: same bits as the numpy functions.

numba is an accelerator that may be missing (`pip install 'pairmill[fast]'`): ask `compiled()`, which is None then. The
first use on a machine compiles for some seconds, and leaves the result beside this file or in numba's cache folder.
With PAIRMILL_COMPILED=0 in the environment the numpy functions are used.
"""

from __future__ import annotations

import importlib
import os
from functools import lru_cache
from types import ModuleType


@lru_cache(maxsize=1)
def compiled() -> ModuleType | None:
    """The module of compiled loops, or None where numba is not installed or not wanted."""
    if os.environ.get("PAIRMILL_COMPILED") == "0":
        return None
    try:
        return importlib.import_module("miners.near_duplicates.compiled")
    except ImportError:
        return None
