"""An interrupted job ends, even where Beam would wait for ever for workers that the same interrupt has ended."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipelines import log_json

SECONDS = 15.0
"""For an orderly end, which takes one or two."""
_UNNOTICED_SECONDS = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ends_when_interrupted() -> Iterator[None]:
    """SIGINT and SIGTERM do in the block what they did before it; where it then goes on, the process ends itself.

    That is an end as by SIGKILL: what a job leaves then is what `--resume` goes on from. Workers end with the job that
    started them. Does nothing outside the main thread, which alone may handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    is_over, is_noticed = threading.Event(), threading.Event()
    before = {number: handler for number in _SIGNALS if callable(handler := signal.getsignal(number))}

    def handle(number: int, frame: FrameType | None) -> None:
        is_noticed.set()
        before[number](number, frame)

    come, told = os.pipe()
    os.set_blocking(told, False)
    watcher = threading.Thread(target=_watch, args=(come, is_noticed, is_over), daemon=True)
    watcher.start()
    fd_before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(fd_before)
        is_over.set()
        os.close(told)
        watcher.join()


def _watch(come: int, is_noticed: threading.Event, is_over: threading.Event) -> None:
    """Reads the numbers of signals; Python writes them at once, whatever the main thread waits for."""
    with open(come, "rb", buffering=0) as numbers:
        while found := numbers.read(1):
            number = found[0]
            if number not in _SIGNALS:
                continue
            if not is_noticed.wait(_UNNOTICED_SECONDS) and not is_over.is_set():
                # It came just before the main thread began to wait: once more, to wake it.
                signal.pthread_kill(threading.main_thread().ident, number)
            if is_over.wait(SECONDS):
                return
            log_json.fail(f"interrupted; workers did not end within {SECONDS:.0f} s, the job ends without them")
            os._exit(128 + number)
