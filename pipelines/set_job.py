"""The graph of the jobs that make a pair set of pair sets: each row stays or goes, in its order and in its split.

    files | write a file | GroupByKey | sum a batch | GroupByKey | finish
    files | survey a file | GroupByKey | settle | GroupByKey | write a file | GroupByKey | sum a batch | …

where files = Create([END]) | read the planned files | Reshuffle.

The passes stand in `pipelines.set_passes`, what a job decides by in `pipelines.set_rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apache_beam as beam

from pipelines import storage
from pipelines.dry_runs.set_rows import print_rewriting_plan
from pipelines.finish import Job, clean_after
from pipelines.input_sets import InputSets, SetFile
from pipelines.live_progress import MarkerWatch
from pipelines.options import Command, pipeline_options
from pipelines.planned import END, plan
from pipelines.progress import Progress, print_ledger
from pipelines.removed_rows import find_removed
from pipelines.running import run_pipeline
from pipelines.runs import TEMPORARY_FOLDER, heartbeat, is_finished, start_run
from pipelines.set_passes import FinishSet, ListFiles, SetJob, SettleRows, SurveyFile, WriteFile
from pipelines.set_rules import SetRules, Survey
from pipelines.unit_markers import done_units, read_markers
from pipelines.unit_sums import SumUnits
from schemas.manifest import FILE_FOLDERS


def run_set_job(
    command: Command, rules: SetRules, inputs: InputSets, config: Mapping[str, Any], survey: Survey | None = None
) -> int:
    """Write what the rules leave of the sets into `--output`; returns the exit status. Prints the closing lines.

    `config` is the rules as plain values; with the inputs it decides whether `--resume` may go on. Raises UsageError.
    """
    args = command.args
    files = inputs.files()
    if args.dry_run:
        given = [(storage.join(file.folder, file.path), file.rows, file.bytes) for file in files]
        print_rewriting_plan(command, given, args.seed)
        return 0
    settings = {
        **config,
        "source": args.source,
        "keep_rejects": args.keep_rejects,
        "inputs": inputs.data_ids,
        "dedupe": inputs.settings,
    }
    options = pipeline_options(command, inputs.bytes)
    if args.resume and not args.overwrite and is_finished(args.output, settings):
        clean_after(args.output)
        print_ledger(args.output, quiet=args.quiet)
        return 0
    run = start_run(args.output, settings, overwrite=args.overwrite, resume=args.resume, resumable=True, temp=args.temp)
    temporary = storage.join(args.temp or storage.join(args.output, TEMPORARY_FOLDER), run.run_id)
    with heartbeat(args.output):
        _delete_unfinished(args.output)
        storage.delete([temporary])
        removed = find_removed(dict(zip(inputs.folders, inputs.manifests, strict=True)))
        planned = plan(temporary, "files", SetFile, files)
        given = (planned, inputs.folders, inputs.rows, removed)
        set_job = SetJob(rules, survey, *given, args.output, temporary, args.keep_rejects, args.source)
        parents = tuple(manifest.as_parent() for manifest in inputs.manifests)
        job = Job(rules.job, args.output, settings, args.seed, run, parents)
        finish = FinishSet(set_job, job, plan(temporary, "job", Job, [job]))
        watch = MarkerWatch(rules.job, args.output, {"write": [file.unit for file in files]})
        with Progress(job, watch, quiet=args.quiet), run_pipeline(options) as pipeline:
            build_graph(pipeline, set_job, finish)
    clean_after(args.output, temporary)
    print_ledger(args.output, quiet=args.quiet)
    return 0


def build_graph(pipeline: beam.Pipeline, job: SetJob, finish: FinishSet) -> None:
    """Wire the passes. What passes through to the end has the key PASSING; without files that alone arrives."""
    value = beam.typehints.Tuple[str, bytes]

    def step(name: str, work: beam.DoFn) -> beam.PTransform:
        return name >> beam.ParDo(work).with_output_types(value)

    begun = (
        pipeline
        | "begin" >> beam.Create([END])
        | "files" >> beam.ParDo(ListFiles(job.files))
        | "spread" >> beam.Reshuffle()
    )
    if job.survey is not None:
        begun = (
            begun
            | step("survey", SurveyFile(job, job.survey))
            | "all surveys" >> beam.GroupByKey()
            | step("settle", SettleRows(job, job.survey))
            | "by file" >> beam.GroupByKey()
        )
    (
        begun
        | step("write", WriteFile(job))
        | "by batch" >> beam.GroupByKey()
        | step("sum", SumUnits(job.output, job.sums))
        | "all files" >> beam.GroupByKey()
        | "finish" >> beam.ParDo(finish)
    )


def _delete_unfinished(output: str) -> None:
    """Files of units that never ended: an attempt that was killed between a file and its marker."""
    markers = read_markers(output, done_units(output))
    named = {entry["path"] for marker in markers for entry in marker["files"]}
    for folder in FILE_FOLDERS:
        there = storage.list_files(storage.join(output, folder))
        storage.delete(info.path for info in there if f"{folder}/{storage.last_part(info.path)}" not in named)
