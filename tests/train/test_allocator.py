"""Freed memory is kept for the next step, given back where it is much beside what is in use, or given back at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from train.allocator import _glibc

_SCRIPT = """
from pathlib import Path
import numpy as np
from train.allocator import prepare_allocator, trim_freed_memory

def resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS:"))

def megabytes(count: int) -> list[np.ndarray]:
    return [np.ones(1 << 20, np.uint8) for _ in range(count)]

prepare_allocator(saves_memory={saves})
held = megabytes({held})
freed, small = [], []
for _ in range(200):
    freed += megabytes(1)
    small.append(np.ones(2000, np.uint8))  # lies behind it, so that the heap cannot shrink from its end
before = resident()
del freed
kept = resident()
trim_freed_memory()
print(before - kept, kept - resident())
"""


def _measured(held: int, *, saves: bool = False) -> list[int]:
    if not hasattr(_glibc(), "mallinfo2"):
        pytest.skip("the C library is no glibc with mallinfo2")
    script = [sys.executable, "-c", _SCRIPT.format(held=held, saves=saves)]
    done = subprocess.run(script, check=True, capture_output=True, text=True)
    return list(map(int, done.stdout.split()))


def test_much_freed_memory_is_given_back() -> None:
    kept_first, given_back = _measured(held=50)
    assert kept_first < 20
    assert given_back > 180


def test_freed_memory_that_is_little_beside_what_is_in_use_is_kept() -> None:
    kept_first, given_back = _measured(held=600)
    assert kept_first < 20
    assert given_back < 20


def test_where_memory_is_saved_each_large_array_is_given_back_as_it_is_freed() -> None:
    given_back_first, rest = _measured(held=600, saves=True)
    assert given_back_first > 180
    assert rest < 20
