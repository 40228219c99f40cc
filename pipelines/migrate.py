"""`pairmill migrate`: a set of an earlier version of the schema as one of this version, with the same rows and ids.

    Create([END]) | read the planned files | Reshuffle | write in this version's schema | GroupByKey | finish

Columns that the earlier version lacks are null. Ids, hashes, data_id, ledger, settings and all other files stay as they
are. Then the change is made in one go (`pipelines.set_change`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.dry_runs.set_rows import print_rewriting_plan
from pipelines.failures import report_errors
from pipelines.finish import Job
from pipelines.live_progress import PathWatch
from pipelines.options import JobParser, UsageError, parse, pipeline_options
from pipelines.planned import END, Planned, ReadPlanned, plan
from pipelines.progress import Progress, print_ledger
from pipelines.running import run_pipeline
from pipelines.runs import Run, folder_taken, heartbeat, start_run
from pipelines.set_change import copy_files, discard_change, finish_change, has_journal, staged, write_journal
from pipelines.set_files import check_files, load_manifest
from schemas.finished import file_entry
from schemas.manifest import SCHEMA_VERSION, FileEntry, Manifest
from schemas.pair import SCHEMA, in_schema
from schemas.writer import PartWriter

BATCH_ROWS = 2048


@dataclass(frozen=True)
class Migration:
    """The set, where the new one is to be, and of a copy its run."""

    folder: str
    output: str
    manifest: Manifest
    run: Run | None = None


class MigrateFile(beam.DoFn):
    """A data file → ("", its line of the manifest), after it is written in this version's schema."""

    def __init__(self, planned: Planned[Migration]) -> None:
        self.planned = planned

    def process(self, entry: FileEntry | None) -> Iterator[tuple[str, str]]:
        """Write one file; END passes. Raises ValueError where the rows come out as others."""
        if entry is END:
            yield "", ""
            return
        migration = self.planned.only()
        target = staged(migration.output, entry.path)
        storage.delete([target])
        with storage.open_read(storage.join(migration.folder, entry.path)) as source, storage.writing(target) as file:
            writer = PartWriter(file, SCHEMA)
            for batch in pq.ParquetFile(source).iter_batches(BATCH_ROWS):
                writer.write(in_schema(pa.Table.from_batches([batch])))
            after = file_entry(entry.path, entry.split, writer.close())
        if (after.rows, after.data_sum) != (entry.rows, entry.data_sum):
            raise ValueError(
                f"{entry.path} does not hold the rows that its manifest says; run `pairmill verify` on the set"
            )
        yield "", json.dumps(asdict(after))


class FinishMigration(beam.DoFn):
    """("", all lines) → the journal of the change."""

    def __init__(self, planned: Planned[Migration]) -> None:
        self.planned = planned

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[str]:
        """Put the manifest together; the driver makes the change."""
        migration = self.planned.only()
        before, run = migration.manifest, migration.run
        written = [FileEntry(**json.loads(value)) for value in element[1] if value]
        others = [entry for entry in before.files if entry.folder != "data"]
        if run is not None:
            copy_files(migration.folder, migration.output, others)
        manifest = replace(
            before,
            files=tuple(sorted([*written, *others], key=lambda entry: entry.path)),
            schema_version=SCHEMA_VERSION,
            run_id=before.run_id if run is None else run.run_id,
        )
        paths = [entry.path for entry in (written if run is None else manifest.files)]
        write_journal(migration.output, manifest, paths, {})
        yield manifest.data_id


def make_parser() -> JobParser:
    """The command's flags."""
    parser = JobParser(
        prog="pairmill migrate",
        description="Write a pair set of an earlier version of the schema as one of this version.",
        allow_abbrev=False,
        epilog="Flags of Beam's own are passed on.",
    )
    parser.add_argument("--input", required=True, metavar="SET", help="the pair set's folder")
    parser.add_argument("--output", metavar="FOLDER", help="write it here and leave SET alone (default: change SET)")
    parser.add_argument("--overwrite", action="store_true", help="replace a result that is in the way of --output")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: the cores; 1 for small sets)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, and stop")
    parser.add_argument("--quiet", action="store_true", help="only the closing line")
    return parser


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, write and change; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    args = command.args
    folder = args.input.rstrip("/")
    is_copy = args.output is not None
    if is_copy and os.path.realpath(args.output) == os.path.realpath(folder):
        raise UsageError(f"{args.output} is the input; leave --output out to change the set where it lies")
    if has_journal(folder) and not args.dry_run:
        with folder_taken(folder):
            finish_change(folder)
        print(f"{folder}: a change that had been stopped is finished")
    manifest = load_manifest(folder)
    if manifest.schema_version == SCHEMA_VERSION:
        if is_copy:
            raise UsageError(f"{folder} is of schema {SCHEMA_VERSION} already; copy the folder, or take it as it is")
        print(f"{folder} is of schema {SCHEMA_VERSION} already; nothing was written")
        return 0
    check_files(folder, [entry for entry in manifest.files if "/" in entry.path])
    size = sum(entry.bytes for entry in manifest.data_files())
    if args.dry_run:
        print(f"from schema {manifest.schema_version} to {SCHEMA_VERSION}")
        files = [(storage.join(folder, entry.path), entry.rows, entry.bytes) for entry in manifest.data_files()]
        print_rewriting_plan(command, files)
        return 0
    options = pipeline_options(command, size)
    migration = Migration(folder, args.output.rstrip("/") if is_copy else folder, manifest)
    if is_copy:
        begun = start_run(migration.output, {"migrated": manifest.data_id}, overwrite=args.overwrite)
        migration = replace(migration, run=begun)
    output = migration.output
    watch = PathWatch({"migrate": {staged(output, entry.path): entry.rows for entry in manifest.data_files()}})
    job = Job("migrate", output, {}, manifest.seed, migration.run or Run(manifest.run_id, ""))
    with heartbeat(output) if is_copy else folder_taken(folder), Progress(job, watch, quiet=args.quiet):
        if not is_copy:
            if load_manifest(folder) != manifest:
                raise UsageError(f"{folder} was changed by another job just now; start again")
            discard_change(folder)
        with run_pipeline(options) as pipeline:
            build_graph(pipeline, migration)
        finish_change(output)
    print_ledger(output, quiet=args.quiet)
    return 0


def build_graph(pipeline: beam.Pipeline, migration: Migration) -> None:
    """Wire the steps."""
    planned = plan(staged(migration.output, "plan"), "migration", Migration, [migration])
    files = plan(staged(migration.output, "plan"), "files", FileEntry, migration.manifest.data_files())
    _ = (
        pipeline
        | "begin" >> beam.Create([END])
        | "files" >> beam.ParDo(ReadPlanned(files))
        | "spread" >> beam.Reshuffle()
        | "migrate" >> beam.ParDo(MigrateFile(planned)).with_output_types(beam.typehints.Tuple[str, str])
        | "all files" >> beam.GroupByKey()
        | "finish" >> beam.ParDo(FinishMigration(planned))
    )


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill migrate`; 0 done, or of this version already, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("migrate", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
