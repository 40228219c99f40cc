"""The graph of the jobs that make a pair set of pair sets: each row stays or goes, in its order and in its split.

    files | write a file | GroupByKey | sum a batch | GroupByKey | finish
    files | survey a file | GroupByKey | settle | GroupByKey | write a file | GroupByKey | sum a batch | …

where files = Create([END]) | read the planned files | Reshuffle.

A unit is one data file. The columns by which a job decides are read first; all columns of a row group only where a row
of it stays. A job that must know of all rows before it can decide about one surveys the files, and settles in
one place. Rows of a file are written to one file, beside the signatures that they had; memory is a batch of rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.attribution import AttributionSums
from pipelines.counters import count
from pipelines.deduping.passing import PASSING, Pass
from pipelines.dry_runs.set_rows import print_rewriting_plan
from pipelines.finish import Job, clean_after, finish_pair_set
from pipelines.input_sets import BATCH_ROWS, InputSets, SetFile, reading
from pipelines.last_step import LastStep
from pipelines.live_progress import MarkerWatch
from pipelines.options import Command, pipeline_options
from pipelines.planned import END, Planned, ReadPlanned, plan
from pipelines.progress import Progress, print_ledger
from pipelines.removed_rows import RemovedRows, find_removed
from pipelines.running import run_pipeline
from pipelines.runs import TEMPORARY_FOLDER, heartbeat, is_finished, start_run
from pipelines.table_file import TableFile
from pipelines.unit_markers import done_units, has_marker, read_marker, read_markers, write_marker
from pipelines.unit_sums import SumUnits, UnitSums, batch_of
from pipelines.verdicts import Rules, count_verdicts, rejected_rows
from schemas.evidence import EVIDENCE_SCHEMA
from schemas.ledger import STAGES, Ledger, LedgerError
from schemas.manifest import FILE_FOLDERS, FileEntry, Manifest, PairSetError
from schemas.pair import SCHEMA
from schemas.rejects import REJECTS_SCHEMA

SURVEYED = "surveyed"


class FileRules(Protocol):
    """What a job does with the rows of one file; asked in their order."""

    def codes(self, table: pa.Table) -> np.ndarray:
        """uint8: the verdict of each of the next rows, of which the table has the columns that the job asked for."""
        ...

    def changed(self, table: pa.Table) -> pa.Table:
        """Rows that stay, in the schema of pairs, as they are written."""
        ...

    def evidence(self) -> pa.Table:
        """A row of evidence for each removal so far, in EVIDENCE_SCHEMA; none of a job that needs none."""
        ...


class SetRules(Protocol):
    """A job's rules: a frozen dataclass, picklable, importable from a module."""

    job: str
    verdicts: Rules
    """(stage, reason) by code; code 0 is kept."""

    @property
    def columns(self) -> Sequence[str]:
        """By which it decides; fields of structs with a dot."""
        ...

    def begin(self, file: SetFile, temporary: str) -> FileRules:
        """The rules for a file's rows; after the survey, where there is one."""
        ...

    def warnings(self, ledger: Ledger) -> Sequence[str]:
        """What the manifest warns of."""
        ...


class Survey(Protocol):
    """What a job must know of all rows first; every file of `temporary` has a fixed name and contents."""

    def survey(self, file: SetFile, tables: Iterable[pa.Table], temporary: str) -> None:
        """Write down what is needed of a file's rows, of which the tables have the job's columns."""
        ...

    def settle(self, files: Sequence[SetFile], temporary: str) -> Mapping[str, int]:
        """Decide by what was written down, and leave that for `begin`; gives notes for the ledger."""
        ...


@dataclass(frozen=True)
class SetJob:
    """A job on sets: what it reads, by which rules, and what is carried on beside the rows."""

    rules: SetRules
    survey: Survey | None
    files: Planned[SetFile]
    folders: tuple[str, ...]
    """Of the sets."""
    rows: int
    """Of all sets."""
    removed: RemovedRows
    """The lists of what was removed from the sets: the result keeps them."""
    output: str
    temporary: str
    keep_rejects: bool
    source: str | None = None
    """What batches are to be drawn from, in place of what the rows say."""

    @property
    def sums(self) -> UnitSums:
        """Where the files' ledgers are summed."""
        return UnitSums(self.temporary, self.rules.job, self.files.count)

    def file(self, unit: str) -> SetFile:
        """The file of this name."""
        return self.files.all()[int(unit)]


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


class ListFiles(ReadPlanned):
    """Gives (file, nothing) of each, and (PASSING, nothing), in the shape of a group."""

    def process(self, element: object) -> Iterator[tuple[str, list[bytes]]]:
        """`element` is END."""
        for file in super().process(element):
            yield (PASSING, [b"{}"]) if file is END else (file.unit, [])


class SurveyFile(Pass):
    """(file, …) → (SURVEYED, nothing): what is needed of it lies under its name in the temporary folder."""

    def __init__(self, job: SetJob, survey: Survey) -> None:
        self.job, self.survey = job, survey

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Survey one file."""
        file = self.job.file(key)
        with reading(file) as opened:
            self.survey.survey(file, opened.columns(opened.groups, self.job.rules.columns), self.job.temporary)
        yield SURVEYED, b""


class SettleRows(Pass):
    """(SURVEYED, …) → (file, nothing) of each, once everything about them is decided, and (PASSING, notes)."""

    def __init__(self, job: SetJob, survey: Survey) -> None:
        self.job, self.survey = job, survey

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Decide; `key` is SURVEYED."""
        for _ in values:
            pass
        files = self.job.files.all()
        notes = self.survey.settle(files, self.job.temporary)
        yield PASSING, json.dumps({"notes": notes}).encode()
        for file in files:
            yield file.unit, b""


class WriteFile(Pass):
    """(file, …) → (its batch, the file): its rows that stay are written, and its marker says so."""

    def __init__(self, job: SetJob) -> None:
        self.job = job

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Write one file, unless another attempt has."""
        file = self.job.file(key)
        if not has_marker(self.job.output, key):
            codes, entries = self._write(file)
            ledger = count_verdicts(self.job.rules.job, self.job.rules.verdicts, codes)
            marker = {"uri": file.path, "ledger": ledger.to_json(), "files": list(map(asdict, entries))}
            write_marker(self.job.output, key, marker)
        count(Ledger.from_json(read_marker(self.job.output, key)["ledger"]))
        yield batch_of(file.number), key.encode()

    def _write(self, file: SetFile) -> tuple[np.ndarray, list[FileEntry]]:
        """The verdict of each row, and the files that were written."""
        rules = self.job.rules.begin(file, self.job.temporary)
        output, codes = self.job.output, [np.zeros(0, np.uint8)]
        with ExitStack() as stack:
            opened = stack.enter_context(reading(file))
            data = stack.enter_context(TableFile(output, file.result, SCHEMA, file.split))
            rejects = stack.enter_context(TableFile(output, f"rejects/{file.unit}.parquet", REJECTS_SCHEMA))
            evidence = stack.enter_context(TableFile(output, f"evidence/{file.unit}.parquet", EVIDENCE_SCHEMA))
            for group in opened.groups:
                narrow = opened.columns([group], self.job.rules.columns)
                codes += (found := [rules.codes(table) for table in narrow])
                self._write_group(opened.rows(group), np.concatenate(found), rules, data, rejects)
            evidence.add(rules.evidence())
        entries = [*data.entries, *rejects.entries, *evidence.entries]
        every = np.concatenate(codes)
        if file.signatures:
            entries += copy_signatures(file, every == 0, output)
        return every, entries

    def _write_group(
        self, tables: Iterable[pa.Table], codes: np.ndarray, rules: FileRules, data: TableFile, rejects: TableFile
    ) -> None:
        wanted = codes == 0
        if not wanted.any() and not self.job.keep_rejects:
            return
        first = 0
        for table in tables:
            own = codes[first : first + table.num_rows]
            data.add(self._named(rules.changed(table.filter(pa.array(own == 0)))))
            if self.job.keep_rejects:
                rejects.add(rejected_rows(table, self.job.rules.verdicts, own))
            first += table.num_rows

    def _named(self, table: pa.Table) -> pa.Table:
        if self.job.source is None:
            return table
        names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(table.num_rows, np.int32)), [self.job.source])
        return table.set_column(table.schema.get_field_index("source"), SCHEMA.field("source"), names)


class FinishSet(LastStep):
    """Adds up the files' ledgers, carries on what goes with the rows, and writes the manifest."""

    def __init__(self, set_job: SetJob, job: Job, planned: Planned[Job]) -> None:
        super().__init__(job, planned, set_job.temporary)
        self.set_job = set_job

    def finish(self, job: Job, told: Iterable[bytes]) -> Manifest:
        """See `LastStep`; `told` are notes for the ledger. Raises LedgerError."""
        ledger, written = Ledger(job.name), []
        for done, files, _ in self.set_job.sums.read():
            ledger.add(done)
            written += files
        for name, n in (item for value in told for item in json.loads(value).get("notes", {}).items()):
            ledger.note(name, n)
        read, rows = ledger.stages[STAGES[job.name][0]].read, self.set_job.rows
        if read != rows:
            raise LedgerError(f"the input has {rows:,} rows but {read:,} were read")
        written += self.set_job.removed.carry(job.output, ledger)
        warnings = self.set_job.rules.warnings(ledger)
        with AttributionSums() as attribution:
            attribution.add_again(self.set_job.folders, job.output, written)
            return finish_pair_set(job, ledger, written, warnings, attribution, are_footers_checked=True)


def copy_signatures(file: SetFile, kept: np.ndarray, output: str) -> list[FileEntry]:
    """Write the signatures of the rows that are kept (bool, of all rows of the data file). Raises PairSetError."""
    below = file.path.split("/", 1)[1]
    path = storage.join(file.folder, "signatures", below)
    with storage.open_read(path) as stream:
        parquet = pq.ParquetFile(stream)
        if parquet.metadata.num_rows != len(kept):
            raise PairSetError(f"{path} has not the rows of its data file; run `pairmill verify {file.folder}`")
        name = f"signatures/{file.result.split('/', 1)[1]}"
        with TableFile(output, name, parquet.schema_arrow.remove_metadata()) as beside:
            first = 0
            for batch in parquet.iter_batches(BATCH_ROWS):
                beside.add(pa.Table.from_batches([batch]).filter(pa.array(kept[first : first + batch.num_rows])))
                first += batch.num_rows
    return beside.entries


def _delete_unfinished(output: str) -> None:
    """Files of units that never ended: an attempt that was killed between a file and its marker."""
    markers = read_markers(output, done_units(output))
    named = {entry["path"] for marker in markers for entry in marker["files"]}
    for folder in FILE_FOLDERS:
        there = storage.list_files(storage.join(output, folder))
        storage.delete(info.path for info in there if f"{folder}/{storage.last_part(info.path)}" not in named)
