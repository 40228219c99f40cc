"""The parsing processes of this worker: lent to one unit at a time, kept between units, ended with the worker."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from miners.code.parsing_process import ParsingProcess

_LOCK = threading.Lock()
_IDLE: dict[float, list[ParsingProcess]] = {}


@contextmanager
def borrowed_parsing(seconds: float) -> Iterator[ParsingProcess]:
    """A parsing process with this limit a file in seconds: an idle one, or a new one where all are lent."""
    with _LOCK:
        idle = _IDLE.setdefault(seconds, [])
        parsing = idle.pop() if idle else ParsingProcess(seconds)
    try:
        yield parsing
    except BaseException:
        parsing.close()
        raise
    with _LOCK:
        _IDLE[seconds].append(parsing)


@atexit.register
def _close_all() -> None:
    with _LOCK:
        for parsing in (process for idle in _IDLE.values() for process in idle):
            parsing.close()
        _IDLE.clear()
