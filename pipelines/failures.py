"""How a job ends that does not end well: one sentence and an exit status, never a bare traceback."""

from __future__ import annotations

import logging
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from pipelines import log_json
from pipelines.options import USAGE_ERROR
from pipelines.storage import TEMPORARY_MARK

INTERRUPTED = 130
TERMINATED = 143
"""As a shell says of a process that SIGTERM ended."""
_SYSTEM_ERROR = re.compile(r"(?:\w+: )*\[Errno \d+\] (?P<why>[^:]+)(?:: '(?P<path>.*)')?$")
_FRAME = re.compile(r"File |\^|\[(?!Errno)")
_LETTER = re.compile(r"[^\W\d_]")
_DISK_FULL = "No space left on device"
_WORKER_GONE = "Channel closed prematurely"


class JobFailedError(RuntimeError):
    """The work itself failed (status 1), as opposed to wrong arguments (status 2)."""


@contextmanager
def job_failures() -> Iterator[None]:
    """Whatever a pipeline raises inside the block leaves it as JobFailedError with its one telling sentence."""
    try:
        yield
    except Exception as error:
        logging.getLogger(__name__).debug("the job failed", exc_info=True)
        if telling_line(error) == KeyboardInterrupt.__name__:  # Beam's in-memory runner wraps it
            raise KeyboardInterrupt from error
        raise JobFailedError(telling_line(error)) from error


@log_json.ending
def report_errors(name: str, run: Callable[[], int]) -> int:
    """The exit status of `run`, its errors as a sentence on stderr.

    A ValueError is the user's mistake: status 2; anything else is a failure of the work: status 1. Ctrl-C gives 130;
    SIGTERM ends the job in the same way, and gives 143.
    """
    with _sigterm_interrupts() as came:
        try:
            return run()
        except ValueError as error:
            log_json.fail(f"pairmill {name}: {error}")
            return USAGE_ERROR
        except (KeyboardInterrupt, Exception) as error:
            if came or isinstance(error, KeyboardInterrupt):
                log_json.fail(f"pairmill {name}: interrupted; what is finished stays in the output folder")
                return TERMINATED if came else INTERRUPTED
            log_json.fail(f"pairmill {name} failed: {telling_line(error)}")
            return 1


@contextmanager
def _sigterm_interrupts() -> Iterator[list[int]]:
    """Inside the block SIGTERM raises KeyboardInterrupt, so that nothing half-written stays; gives what came."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def interrupt(number: int, _: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    kept = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, kept)


def telling_line(error: BaseException) -> str:
    """The sentence of an error; of one that carries a worker's traceback, the last line that is none of its frames."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line.split(" [while running")[0] for line in lines if not _FRAME.match(line) and _LETTER.search(line)]
    return _plain(told[-1]) if told else type(error).__name__


def _plain(line: str) -> str:
    """What the operating system or Beam says, as a sentence for people."""
    if _WORKER_GONE in line:
        return "a worker process was killed, perhaps for want of memory; what is finished stays, start the job again"
    if _DISK_FULL in line:
        return "no space is left on the disk of the output or of the temporary files; make room, start the job again"
    said = _SYSTEM_ERROR.match(line)
    if not said:
        return line
    path = (said["path"] or "").split(TEMPORARY_MARK)[0]
    return f"{path}: {said['why']}" if path else said["why"]
