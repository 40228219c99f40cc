"""The step that ends a job's graph: it runs once all units are done, writes the manifest, and may run again.

A runner may repeat it, also after it has ended well: then the manifest is there, and the planned files are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from pipelines import storage
from pipelines.finish import Job
from pipelines.planned import Planned
from pipelines.runs import TEMPORARY_FOLDER
from pipelines.set_files import load_result
from schemas.manifest import Manifest


class LastStep(beam.DoFn):
    """Gives the data id of the result, which `finish` writes."""

    def __init__(self, job: Job, planned: Planned[Job], temporary: str | None = None) -> None:
        """`planned` is the job, of which the graph holds no more; `temporary`: a folder elsewhere that also goes."""
        self.output, self.run_id, self.job = job.output, job.run.run_id, planned
        self.temporary = [storage.join(job.output, TEMPORARY_FOLDER), *([temporary] if temporary else [])]

    def process(self, element: tuple[str, Iterable[Any]]) -> Iterator[str]:
        """`element` is the one group of everything."""
        manifest = load_result(self.output)
        if manifest is None or manifest.run_id != self.run_id:
            manifest = self.finish(self.job.only(), element[1])
        storage.delete(self.temporary)
        yield manifest.data_id

    def finish(self, job: Job, told: Iterable[Any]) -> Manifest:
        """Write the result; `told` is what the steps before said."""
        raise NotImplementedError
