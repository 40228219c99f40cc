"""What the audit shows of rows that are not in the set: rejects that its job or those before it kept, and the rows that
its evidence names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.audit import Summary
from miners.audit.drops import REJECT_COLUMNS
from miners.audit.lineage import ancestor_ids
from miners.audit.samples import SHOWN_COLUMNS, shown_row
from pipelines import storage
from pipelines.auditing.files import open_parquet, rows_at
from pipelines.auditing.summary_files import SummaryFiles
from pipelines.options import UsageError
from pipelines.set_files import check_files, load_manifest
from schemas.manifest import Manifest

REJECTS_PASS = "rejects"
LOOKED_UP_ROWS = 20_000_000
"""Sets with more rows are not searched for the rows that the evidence names: the page shows their ids alone."""


@dataclass(frozen=True, slots=True)
class RejectsFile:
    """A file of rejects: its place among them, and the job that wrote it."""

    number: int
    path: str
    job: str


class SummariseRejects(beam.DoFn):
    """A file of rejects → ("", the name of a summary with samples of it)."""

    def __init__(self, files: SummaryFiles) -> None:
        self.files = files

    def process(self, file: RejectsFile) -> Iterator[tuple[str, str]]:
        """Read a row group at a time."""
        summary = Summary(self.files.config)
        with storage.open_read(file.path) as stream:
            parquet = open_parquet(stream, file.path)
            for group in range(parquet.num_row_groups):
                summary.add_rejects(parquet.read_row_group(group, columns=list(REJECT_COLUMNS)), file.job)
        yield "", self.files.put(REJECTS_PASS, file.number, summary)


def load_made_of(manifest: Manifest, folders: Sequence[str]) -> dict[str, Manifest]:
    """The manifests of the folders; UsageError for one that holds no set which this one was made of."""
    ancestors = ancestor_ids(manifest.parents)
    found = {}
    for folder in folders:
        found[folder] = load_manifest(folder)
        if not {found[folder].data_id, *found[folder].formerly} & ancestors:
            raise UsageError(f"the set was not made of {folder}; give --made-of the folders of the jobs before it")
    return found


def rejects_files(sets: Mapping[str, Manifest]) -> list[RejectsFile]:
    """The files of rejects of the sets, by folder."""
    found = []
    for folder, manifest in sets.items():
        entries = [entry for entry in manifest.files if entry.folder == "rejects"]
        check_files(folder, entries)
        found += [(storage.join(folder, entry.path), manifest.job) for entry in entries]
    return [RejectsFile(number, *one) for number, one in enumerate(found)]


def named_rows(sets: Mapping[str, Manifest], row_ids: set[str]) -> dict[str, dict[str, Any]]:
    """Those of the rows that the sets hold, as the report shows them, by row_id; the first set that has it wins."""
    found: dict[str, dict[str, Any]] = {}
    for folder, manifest in sets.items():
        if sum(manifest.splits.values()) > LOOKED_UP_ROWS:
            continue
        for entry in manifest.data_files():
            missing = row_ids - found.keys()
            if missing:
                for row in _rows_with(storage.join(folder, entry.path), missing):
                    found.setdefault(row["row_id"], shown_row(row, entry.split or "train", folder))
    return found


def _rows_with(path: str, row_ids: set[str]) -> Iterator[dict[str, Any]]:
    wanted = pa.array(sorted(row_ids), pa.string())
    with storage.open_read(path) as stream:
        parquet = open_parquet(stream, path)
        for group in range(parquet.num_row_groups):
            ids = parquet.read_row_group(group, columns=["row_id"])["row_id"]
            hits = np.flatnonzero(pc.is_in(ids, value_set=wanted).to_numpy())
            if len(hits):
                yield from rows_at(parquet, group, SHOWN_COLUMNS, hits).to_pylist()
