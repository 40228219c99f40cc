"""`pairmill audit`: a pair set in, `report.html` and `audit.json` out; exit 1 when a gate fails.

    Create([END]) | read the planned files | Reshuffle | summarise | GroupByKey | merge and write

The summaries hold numbers only and are bounded in size, so that memory is flat; they lie in temporary files, and the
last step reads again the few rows that the report shows. What is measured stands in `miners/audit`, what is read
in `pipelines/auditing`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import apache_beam as beam

from miners.audit import SUMMARY_COLUMNS, AuditConfig
from miners.audit.checks import CheckConfig
from miners.code.license_expressions import license_policy
from pipelines import storage
from pipelines.auditing.arguments import read_arguments, read_gates
from pipelines.auditing.contamination import CONTAMINATION_PASS, FindContamination, find_decontamination
from pipelines.auditing.drops import RejectsFile, SummariseRejects, load_made_of, rejects_files
from pipelines.auditing.extras import ExtraReading, find_extras
from pipelines.auditing.files import DataFile
from pipelines.auditing.near import NEAR_PASS, search_near
from pipelines.auditing.report import (
    FIGURES_NAME,
    REPORT_NAME,
    Audit,
    SetSearch,
    WriteAudit,
    print_report,
    take_output,
)
from pipelines.auditing.rows import (
    ROWS_PASS,
    EvidenceFile,
    SummariseEvidence,
    SummariseFile,
    count_and_size,
    data_files,
    evidence_files,
    spread,
)
from pipelines.auditing.signatures import find_search
from pipelines.auditing.summary_files import SummaryFiles
from pipelines.dry_runs.set_rows import print_rows_plan
from pipelines.failures import report_errors
from pipelines.finish import Job
from pipelines.live_progress import Expected, FileWatch
from pipelines.options import Command, pipeline_options
from pipelines.progress import Progress
from pipelines.removed_rows import find_removed
from pipelines.running import run_pipeline
from pipelines.runs import TEMPORARY_FOLDER, Run, folder_taken
from pipelines.set_files import check_files, load_manifest
from schemas.manifest import Manifest


@dataclass(frozen=True)
class Readings:
    """All that is read: the set, beside it evidence and rejects, and what the flags ask for."""

    audit: Audit
    manifest: Manifest
    rejects: list[RejectsFile]
    extras: ExtraReading

    def watch(self, summaries: SummaryFiles) -> FileWatch:
        """How far the audit is, by the summaries that are there."""
        files, search = self.extras.files, self.audit.search
        rows = {file.index: file.rows for file in files}
        expected = {ROWS_PASS: Expected("rows", len(files), rows)}
        if search.signatures is not None:
            expected[NEAR_PASS] = Expected("near-duplicates", search.signatures.partitions)
        else:
            expected[NEAR_PASS] = Expected("near-duplicates", len(files), rows)
        if search.wanted is not None:
            expected[CONTAMINATION_PASS] = Expected("contamination", len(files), rows)
        return FileWatch(summaries.folder, expected | self.extras.expected())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return report_errors("audit", lambda: _run(read_arguments(argv)))


def build_graph(pipeline: beam.Pipeline, readings: Readings, summaries: SummaryFiles) -> None:
    """Wire the readings; what arrives at the end is the name of every summary, and of none, so that the audit of an
    empty set ends too."""
    audit, manifest, files = readings.audit.planned(summaries.folder), readings.manifest, readings.extras.files
    removed = find_removed({audit.set_path: manifest})
    found = [
        pipeline | "end" >> beam.Create([("", "")]),
        spread(pipeline, summaries, "files", DataFile, files)
        | "summarise" >> beam.ParDo(SummariseFile(audit.set_path, manifest.schema_version, removed, summaries)),
        spread(pipeline, summaries, "evidence", EvidenceFile, evidence_files(manifest))
        | "summarise evidence" >> beam.ParDo(SummariseEvidence(audit.set_path, summaries)),
        spread(pipeline, summaries, "rejects", RejectsFile, readings.rejects)
        | "sample rejects" >> beam.ParDo(SummariseRejects(summaries)),
        search_near(pipeline, summaries, audit.search.signatures, files),
        *readings.extras.parts(pipeline, summaries),
    ]
    if audit.search.wanted is not None:
        searched = spread(pipeline, summaries, "searched files", DataFile, files)
        found.append(searched | "decontaminate" >> beam.ParDo(FindContamination(summaries, audit.search.wanted)))
    (
        found
        | "all" >> beam.Flatten()
        | "gather" >> beam.GroupByKey()
        | "write" >> beam.ParDo(WriteAudit(audit, summaries))
    )


def _run(command: Command) -> int:
    args = command.args
    gates = read_gates(command)
    manifest = load_manifest(args.input)
    entries = [f for f in manifest.files if f.folder in ("data", "evidence")]
    check_files(args.input, entries)
    rows = sum(manifest.splits.values())
    if args.dry_run:
        _print_dry_run(command, manifest)
        return 0
    checks = CheckConfig(license_policy=args.licenses, licenses=license_policy(args.licenses, storage.read_bytes))
    config = AuditConfig(rows=rows, seed=args.seed, checks=checks)
    files = data_files(args.input, manifest)
    search = SetSearch(find_search(args.input, manifest), find_decontamination(args.decontaminate))
    made_of = load_made_of(manifest, args.made_of)
    extras = find_extras(args, args.input, manifest, config, files)
    audit = Audit(args.input, args.output, files, search, gates, tuple(args.made_of), extras.asked)
    readings = Readings(audit, manifest, rejects_files({args.input: manifest, **made_of}), extras)
    options = pipeline_options(command, sum(f.bytes for f in entries))
    run, temporary = Run(uuid.uuid4().hex, ""), storage.join(args.output, TEMPORARY_FOLDER)
    summaries = SummaryFiles(storage.join(temporary, run.run_id), config)
    job = Job("audit", args.output, {}, args.seed, run)
    with folder_taken(args.output):
        take_output(args.output, overwrite=args.overwrite)
        with Progress(job, readings.watch(summaries), quiet=args.quiet), run_pipeline(options, temporary) as pipeline:
            build_graph(pipeline, readings, summaries)
        if storage.exists(storage.join(args.output, FIGURES_NAME)):
            storage.delete([temporary])
    return print_report(args.output, quiet=args.quiet)


def _print_dry_run(command: Command, manifest: Manifest) -> None:
    """What would be read, and by some row groups that are summarised what that takes."""
    args = command.args
    config = AuditConfig(rows=sum(manifest.splits.values()), seed=args.seed)
    files = [(storage.join(args.input, f.path), f.rows, f.bytes) for f in manifest.data_files()]
    output = f"{REPORT_NAME} and {FIGURES_NAME}, which do not grow with the set"
    print_rows_plan(command, files, args.seed, partial(count_and_size, config), SUMMARY_COLUMNS, output)


if __name__ == "__main__":
    # Worker processes cannot load classes of __main__, so the job runs from the module that they import.
    from pipelines.audit import main as imported_main

    raise SystemExit(imported_main())
