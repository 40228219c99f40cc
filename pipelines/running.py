"""Running a Beam graph as a person's command: quiet workers, and failures as one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import storage
from pipelines.failures import job_failures
from pipelines.forked_workers import can_fork, forked_workers
from pipelines.worker_log import is_local_run, worker_log


@contextmanager
def run_pipeline(
    options: PipelineOptions, leftovers: str | None = None, prepare: Callable[[], object] | None = None
) -> Iterator[beam.Pipeline]:
    """Build a pipeline in the block; it runs, and is waited for, when the block ends. Raises JobFailedError.

    `leftovers`: the folder of temporary files that nobody needs any more where a local run fails. Other runners may
    still work on them after their driver gave up. `prepare`: see `forked_workers`.
    """
    workers = forked_workers(prepare) if can_fork(options) else nullcontext()
    try:
        with worker_log(options), workers as runner, job_failures(), beam.Pipeline(runner, options) as pipeline:
            yield pipeline
    except BaseException:
        if leftovers is not None and is_local_run(options):
            storage.delete([leftovers])
        raise
