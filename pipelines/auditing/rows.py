"""The audit's first reading: every row of the set, of its evidence and of the rejects, summarised file by file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import apache_beam as beam
import pyarrow as pa

from miners.audit.checks import CHECKED_COLUMNS
from miners.audit.evidence import EVIDENCE_COLUMNS
from miners.audit.summary import SUMMARY_COLUMNS, AuditConfig, Summary
from pipelines import storage
from pipelines.auditing.files import DataFile, open_parquet, rows_at
from pipelines.auditing.summary_files import SummaryFiles
from pipelines.planned import END, ReadPlanned, plan
from pipelines.removed_rows import RemovedRows
from schemas.manifest import Manifest, PairSetError
from schemas.pair import schema_of_version

ROWS_PASS, EVIDENCE_PASS = "rows", "evidence"
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file of evidence of the set: its place among them, its path in the set and its rows."""

    number: int
    path: str
    rows: int


class SummariseFile(beam.DoFn):
    """A data file → ("", the name of its summary)."""

    def __init__(self, set_path: str, schema_version: int, removed: RemovedRows, files: SummaryFiles) -> None:
        """`schema_version` of the set; `removed`: what was taken out of it."""
        self.set_path, self.schema_version, self.removed, self.files = set_path, schema_version, removed, files

    def process(self, file: DataFile) -> Iterator[tuple[str, str]]:
        """Read a row group at a time. Raises PairSetError for a file that is not what the manifest says."""
        summary, rows, removed = Summary(self.files.config), 0, self.removed
        name = file.path.removeprefix(storage.join(self.set_path, ""))
        with storage.open_read(file.path) as stream:
            parquet = open_parquet(stream, name)
            expected = schema_of_version(self.schema_version)
            summary.checks.schema.add_types(parquet.schema_arrow, expected, file.rows, name)
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group, columns=list(SUMMARY_COLUMNS))
                summary.add(table, file.split, file.index, rows)
                places = summary.checks.add(table)
                if len(places):
                    summary.checks.add_texts(rows_at(parquet, group, CHECKED_COLUMNS, places))
                if removed.lists:
                    summary.checks.add_removed(table, removed.names(table))
                rows += table.num_rows
        _check_rows(rows, file.rows, name)
        yield "", self.files.put(ROWS_PASS, file.index, summary)


class SummariseEvidence(beam.DoFn):
    """A file of evidence → ("", the name of its summary)."""

    def __init__(self, set_path: str, files: SummaryFiles) -> None:
        self.set_path, self.files = set_path, files

    def process(self, file: EvidenceFile) -> Iterator[tuple[str, str]]:
        """Read a row group at a time. Raises PairSetError as for data files."""
        summary, rows = Summary(self.files.config), 0
        with storage.open_read(storage.join(self.set_path, file.path)) as stream:
            parquet = open_parquet(stream, file.path)
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group, columns=list(EVIDENCE_COLUMNS))
                summary.add_evidence(table)
                rows += table.num_rows
        _check_rows(rows, file.rows, file.path)
        yield "", self.files.put(EVIDENCE_PASS, file.number, summary)


def data_files(set_path: str, manifest: Manifest) -> tuple[DataFile, ...]:
    """The set's data files, in the order of their names."""
    entries = manifest.data_files()
    return tuple(DataFile(i, storage.join(set_path, f.path), f.split or "train", f.rows) for i, f in enumerate(entries))


def evidence_files(manifest: Manifest) -> list[EvidenceFile]:
    """The set's files of evidence: none before dedupe."""
    entries = [entry for entry in manifest.files if entry.folder == "evidence"]
    return [EvidenceFile(number, entry.path, entry.rows) for number, entry in enumerate(entries)]


def count_and_size(config: AuditConfig, tables: Iterator[pa.Table]) -> tuple[int, int]:
    """Rows of some tables, and the bytes of their summary: a try of what the reading takes."""
    summary, rows = Summary(config), 0
    for table in tables:
        summary.add(table, "train", 0, rows)
        rows += table.num_rows
    return rows, len(summary.to_bytes())


def spread(
    pipeline: beam.Pipeline, summaries: SummaryFiles, name: str, kind: type[Item], items: Iterable[Item]
) -> beam.PCollection[Item]:
    """Items of a dataclass that any worker may take; they lie in a file beside the summaries, not in the graph."""
    planned = plan(summaries.folder, kind.__name__.lower(), kind, items)
    return (
        pipeline
        | f"begin {name}" >> beam.Create([END])
        | name >> beam.ParDo(ReadPlanned(planned))
        | f"{name} alone" >> beam.Filter(_is_item)
        | f"spread {name}" >> beam.Reshuffle()
    )


def _is_item(item: object) -> bool:
    return item is not END


def _check_rows(rows: int, expected: int, name: str) -> None:
    if rows != expected:
        raise PairSetError(
            f"{name} holds {rows:,} rows where the manifest says {expected:,}; run `pairmill verify` on the set"
        )
