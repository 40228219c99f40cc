"""Keeps Beam's own log lines away from the person: local worker processes write theirs to a file instead of stderr.

A worker process inherits file descriptor 2 and logs some forty lines at its start and end. While a local pipeline
runs the descriptor points to a file, and `sys.stderr` to where it pointed before.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from pipelines import log_json
from pipelines.failures import JobFailedError


def is_local_run(options: PipelineOptions) -> bool:
    """Whether the job runs, and ends, with this process."""
    return str(options.view_as(StandardOptions).runner).endswith("FnApiRunner")


@contextmanager
def worker_log(options: PipelineOptions) -> Iterator[None]:
    """Run the block with worker logs in a file, deleted unless the job fails; other runners keep their logs."""
    if not is_local_run(options):
        yield
        return
    beam_logger = logging.getLogger("apache_beam")
    level = beam_logger.level
    beam_logger.setLevel(logging.ERROR if log_json.is_on() else logging.CRITICAL)
    try:
        if options.view_as(DirectOptions).direct_running_mode == "multi_processing":
            with _stderr_to_file():
                yield
        else:
            yield
    finally:
        beam_logger.setLevel(level)


@contextmanager
def _stderr_to_file() -> Iterator[None]:
    descriptor, path = tempfile.mkstemp(prefix="pairmill-workers-", suffix=".log")
    sys.stderr.flush()
    kept_stream, kept = sys.stderr, os.dup(2)
    sys.stderr = os.fdopen(os.dup(kept), "w", buffering=1)
    os.dup2(descriptor, 2)
    kept_hook, threading.excepthook = threading.excepthook, _log_thread_error
    try:
        yield
    except JobFailedError as error:
        raise JobFailedError(f"{error} (the workers' log: {path})") from error.__cause__
    except BaseException:
        os.remove(path)
        raise
    else:
        os.remove(path)
    finally:
        threading.excepthook = kept_hook
        os.dup2(kept, 2)
        sys.stderr.close()
        sys.stderr = kept_stream
        os.close(kept)
        os.close(descriptor)


def _log_thread_error(error: threading.ExceptHookArgs) -> None:
    """Beam's threads complain when a worker dies; that belongs beside the worker's own lines."""
    lines = traceback.format_exception(error.exc_type, error.exc_value, error.exc_traceback)
    os.write(2, "".join(lines).encode(errors="replace"))
