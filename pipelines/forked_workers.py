"""Local worker processes as copies of one that has loaded what they need: many start in the time and memory of one.

A worker that starts anew imports Beam, compiled loops and models, which takes some CPU seconds each time. Here one
process, the source (`pipelines.worker_source`), does so once, and is copied. Beam starts a worker by a command; ours,
`pipelines.ask_for_worker`, asks the source for a copy, lives as long as it does, and ends with its status.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.pipeline import Pipeline
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipelines import ask_for_worker
from pipelines.interrupting import ends_when_interrupted

_OURS = ("miners", "pipelines", "schemas")
_MOST_ASKING = 1024
"""Workers that may wait for the source to have loaded everything."""


class ForkingRunner(FnApiRunner):
    """Beam's local runner of several worker processes, with a command of ours to start them."""

    def __init__(self, command: str) -> None:
        super().__init__(SubprocessSDKEnvironment.from_command_string(command))

    def run_pipeline(self, pipeline: Pipeline, options: PipelineOptions) -> PipelineResult:
        """Called by Beam. In the mode `multi_processing` it would take its own command."""
        options.view_as(DirectOptions).direct_running_mode = "in_memory"
        return super().run_pipeline(pipeline, options)


def can_fork(options: PipelineOptions) -> bool:
    """Whether the options ask for local worker processes, and the system copies processes safely."""
    return sys.platform == "linux" and options.view_as(DirectOptions).direct_running_mode == "multi_processing"


@contextmanager
def forked_workers(prepare: Callable[[], object] | None = None) -> Iterator[ForkingRunner]:
    """A runner whose workers are copies of one process, which lasts as long as the block.

    `prepare` is called there: it loads what a worker would else load at its first element.
    """
    folders = tempfile.TemporaryDirectory(prefix="pairmill-workers-", ignore_cleanup_errors=True)
    with ends_when_interrupted(), folders as folder:
        place = os.path.join(folder, "source")
        runner = ForkingRunner(shlex.join([sys.executable, "-I", "-S", ask_for_worker.__file__, place]))
        with socket.socket(socket.AF_UNIX) as listener:
            try:
                listener.bind(place)
            except OSError:  # the path is too long for a socket: the command finds none, and starts workers anew
                yield runner
                return
            listener.listen(_MOST_ASKING)
            source = _start_source(listener, Path(folder, "needs"), prepare)
        try:
            yield runner
        finally:
            source.communicate()


def _start_source(
    listener: socket.socket, needs: Path, prepare: Callable[[], object] | None
) -> subprocess.Popen[bytes]:
    """It imports the modules of ours that this process has. Its end is the end of its standard input."""
    modules = [name for name in list(sys.modules) if name.split(".")[0] in _OURS]
    needs.write_bytes(pickler.dumps((modules, prepare)))
    command = [sys.executable, "-m", "pipelines.worker_source", str(listener.fileno()), str(needs)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])
