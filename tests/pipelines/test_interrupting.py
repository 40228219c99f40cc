"""A job that an interrupt does not end ends itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from pipelines import interrupting

STUBBORN = """
import signal, time
from pipelines import interrupting
from pipelines.interrupting import ends_when_interrupted

interrupting.SECONDS = 1.0
signal.signal(signal.SIGINT, lambda number, frame: print("swallowed", flush=True))
with ends_when_interrupted():
    print("begun", flush=True)
    while True:
        time.sleep(60)
"""


def test_what_swallows_an_interrupt_ends_all_the_same():
    job = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdout.readline() == "begun\n"
    job.send_signal(signal.SIGINT)
    told, errors = job.communicate(timeout=60)
    assert (job.returncode, told) == (130, "swallowed\n")
    assert errors.startswith("interrupted;") and len(errors.splitlines()) == 1


def test_an_interrupt_that_ends_the_block_is_all_that_comes(monkeypatch):
    monkeypatch.setattr(interrupting, "SECONDS", 0.2)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupting.ends_when_interrupted():
        signal.raise_signal(signal.SIGINT)
    time.sleep(0.5)  # the test would not live
    assert signal.getsignal(signal.SIGINT) is before
