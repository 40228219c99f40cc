"""How a job ends that does not end well: one sentence and an exit status, never a bare traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines import log_json
from pipelines.options import USAGE_ERROR

INTERRUPTED = 130


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

    A ValueError is the user's mistake: status 2; anything else is a failure of the work: status 1.
    """
    try:
        return run()
    except ValueError as error:
        log_json.fail(f"pairmill {name}: {error}")
        return USAGE_ERROR
    except KeyboardInterrupt:
        log_json.fail(f"pairmill {name}: interrupted; what is finished stays in the output folder")
        return INTERRUPTED
    except Exception as error:
        log_json.fail(f"pairmill {name} failed: {telling_line(error)}")
        return 1


def telling_line(error: BaseException) -> str:
    """The sentence of an error; of one that carries a worker's traceback, the last line that is none of its frames."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line.split(" [while running")[0] for line in lines if not line.startswith(("File ", "^", "["))]
    return told[-1] if told else type(error).__name__
