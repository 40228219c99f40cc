"""Freed memory is kept for the next step, and what is kept fits chunks of any width."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_RESIDENT = """
from pathlib import Path
import numpy as np
from train.allocator import prepare_allocator

def resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon:"))

prepare_allocator()
"""

_FREED = """
before = resident()
held = np.ones(200 << 20, np.uint8)
with_it = resident()
del held
print(with_it - before, resident() - before)
"""

_CHUNKS = """
import torch
from train.ragged import Ragged
from train.transformer_encoder import from_scratch
from train.word_tokenizer import train_marked_tokenizer

torch.set_num_threads(1)
shape = {"hidden_size": 32, "layers": 1, "heads": 2, "intermediate_size": 128}
encoder = from_scratch(train_marked_tokenizer(["read the file", "write a list"], 100), shape, "mean", 300)
encoder.eval()
seen = []
for width in range(290, 20, -6):
    rows = 8192 // width
    texts = Ragged(np.ones(rows * width, np.int64), np.arange(rows + 1) * width)
    with torch.no_grad():
        encoder.embed(texts, "anchor")
    seen.append(resident())
print(seen[2], max(seen))
"""


def _measured(script: str) -> list[int]:
    """Megabytes that the script prints, in a process of its own."""
    if not sys.platform.startswith("linux"):
        pytest.skip("what a process holds is read from /proc")
    command = [sys.executable, "-c", _RESIDENT + script]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEDNN")}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return list(map(int, done.stdout.split()))


def test_freed_memory_is_kept() -> None:
    taken, kept = _measured(_FREED)
    assert taken >= 200
    assert kept >= 200


@pytest.mark.slow
def test_memory_does_not_grow_with_the_widths_of_chunks() -> None:
    early, most = _measured(_CHUNKS)
    assert most < 1.2 * early
