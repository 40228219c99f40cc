"""Running a Beam graph as a person's command: quiet workers, and failures as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.failures import job_failures
from pipelines.worker_log import worker_log


@contextmanager
def run_pipeline(options: PipelineOptions) -> Iterator[beam.Pipeline]:
    """Build a pipeline in the block; it runs, and is waited for, when the block ends. Raises JobFailedError."""
    with worker_log(options), job_failures(), beam.Pipeline(options=options) as pipeline:
        yield pipeline
