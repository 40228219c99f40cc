"""The inner loops of shingling, signatures and similarity, compiled by numba: same bits as the numpy functions."""

from __future__ import annotations

from types import ModuleType

from miners.compiling import compiled_module


def compiled() -> ModuleType | None:
    """The module of compiled loops, or None where numba is not installed or not wanted (`miners.compiling`)."""
    return compiled_module("miners.near_duplicates.compiled")
