"""`pairmill dedupe`: pairs in, one clean, split pair set out, with evidence for every row that was removed.

One Beam graph of seven passes; each GroupByKey is keyed by the next pass's unit of work, text never goes through one:

    Create([END]) | read the planned units | Reshuffle | scan | GroupByKey | leaks | GroupByKey | match | GroupByKey
        | verify | GroupByKey | resolve | GroupByKey | route | GroupByKey | write | GroupByKey | finish

Counts and file names travel as values under a key of their own. What can be lost is in the ledger: exact copies,
near-duplicates, repeats of one side, contamination, leaks between splits.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace

import apache_beam as beam

from miners.near_duplicates.hash_filter import pass_rate
from miners.near_duplicates.kernels import compiled
from miners.near_duplicates.resolve import SIDES
from pipelines import storage
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.contamination import Decontamination
from pipelines.deduping.existing import ExistingUnit, existing_units, find_existing
from pipelines.deduping.files import TemporaryFiles
from pipelines.deduping.finish import FinishDedupe
from pipelines.deduping.inputs import Input, InputUnit, find_input
from pipelines.deduping.leaks import FindLeakKeys, marked
from pipelines.deduping.match import MatchPartition
from pipelines.deduping.resolve import ResolveRows
from pipelines.deduping.scan import ScanUnit
from pipelines.deduping.source_loss import is_alarm
from pipelines.deduping.verify import VerifyCandidates
from pipelines.deduping.write import JOB, Layout, RouteUnit, Sharding, WriteShard
from pipelines.dry_runs.dedupe_rows import dedupe_pieces, memory_options
from pipelines.dry_runs.estimate import Input as PlannedInput
from pipelines.dry_runs.estimate import print_plan, take_sample
from pipelines.evaluation_texts import SUFFIXES, find_evaluation_files
from pipelines.failures import report_errors
from pipelines.finish import Job, clean_after
from pipelines.live_progress import Expected, FileWatch
from pipelines.options import Command, JobParser, UsageError, job_parser, parse, pipeline_options, read_recipe
from pipelines.planned import END, Planned, ReadPlanned, plan
from pipelines.progress import Progress, print_ledger
from pipelines.removed_rows import NOTHING_REMOVED, RemovedRows, find_removed
from pipelines.running import run_pipeline
from pipelines.runs import TEMPORARY_FOLDER, Run, heartbeat, start_run
from pipelines.set_files import load_result

SHARD_BYTES = 256 << 20
LEAST_SHARD_BYTES = 8 << 20
SHARDS = 9
"""Where the input gives less than so many shards: a shard is one worker's work, whatever their number. Eight are of
train where the other splits have a twentieth each."""
SLICE_BYTES = 16 << 20
PARTITION_BYTES = 64 << 20
KEY_BYTES = 20
"""Of one band of one row in a match block."""
EXISTING_HELP = "earlier results of dedupe: what they hold, or what would leak across their splits, is left out"
MAX_SOURCE_LOSS_HELP = "warn of sources and groups that lose more (default: 0.5); when given, end with exit status 1"
DECONTAMINATE_HELP = f"evaluation texts to keep out: files ({', '.join(SUFFIXES)}) and folders"


def partitions_for(rows: int, config: DedupeConfig) -> int:
    """So many partitions that the match keys of one take PARTITION_BYTES."""
    leaks = sum(c.banding.bands for c in config.comparisons() if c.across_splits)
    train = config.shares()["train"]
    bands = leaks * (1.0 - train + train * pass_rate(marked(rows, config)))
    bands += max(c.banding.bands for c in config.comparisons() if not c.across_splits)
    least = 8 if rows > 10_000 else 1
    return min(65_535, max(least, math.ceil(rows * bands * KEY_BYTES / PARTITION_BYTES)))


def shardings_for(config: DedupeConfig, size: int, shards: int | None) -> dict[str, Sharding]:
    """How each split is cut: `shards` in all by their shares, or by the bytes of the input; at least one each."""
    total = shards or max(1, math.ceil(size / SHARD_BYTES), min(SHARDS, size // LEAST_SHARD_BYTES))
    found = {}
    for split, share in config.shares().items():
        own = max(1, round(total * share))
        found[split] = Sharding(own, max(1, math.ceil(size * share / own / SLICE_BYTES)))
    return found


def build_graph(
    pipeline: beam.Pipeline,
    units: Planned[InputUnit],
    existing: Planned[ExistingUnit],
    layout: Layout,
    finish: FinishDedupe,
    partitions: int,
    wanted: Decontamination | None,
    marks: int,
    removed: RemovedRows = NOTHING_REMOVED,
) -> None:
    """Wire the passes. `marks`: about so many band hashes of rows beyond train there are; `removed`: what must not
    come back."""
    config, files = layout.config, layout.files
    value = beam.typehints.Tuple[str, bytes]

    def step(name: str, work: beam.DoFn) -> beam.PTransform:
        return name >> beam.ParDo(work).with_output_types(value)

    (
        pipeline
        | "begin" >> beam.Create([END])
        | "units" >> beam.ParDo(ReadPlanned(units, existing))
        | "spread" >> beam.Reshuffle()
        | step("scan", ScanUnit(config, files, partitions, wanted, removed))
        | "by scanned unit" >> beam.GroupByKey()
        | step("leaks", FindLeakKeys(config, files, partitions, units.count + existing.count, marks))
        | "by partition" >> beam.GroupByKey()
        | step("match", MatchPartition(config, files, partitions))
        | "by candidates" >> beam.GroupByKey()
        | step("verify", VerifyCandidates(config, files))
        | "all edges" >> beam.GroupByKey()
        | step("resolve", ResolveRows(config, files, wanted))
        | "by unit" >> beam.GroupByKey()
        | step("route", RouteUnit(layout, units))
        | "by shard" >> beam.GroupByKey()
        | step("write", WriteShard(layout))
        | "all files" >> beam.GroupByKey()
        | "finish" >> beam.ParDo(finish)
    )


def watch_passes(
    layout: Layout, units: Sequence[InputUnit], existing: Sequence[ExistingUnit], partitions: int
) -> FileWatch:
    """How far a running job is, by the temporary files of its passes."""
    rows = {unit.number: unit.rows for unit in units}
    every = rows | {unit.number: unit.rows for unit in existing}
    compared = MatchPartition(layout.config, layout.files, partitions).partitions
    expected = {
        "offsets": Expected("scan", len(every), every),
        "facts": Expected("match", partitions),
        "edges": Expected("verify", compared),
        "routed": Expected("route", len(rows), rows),
    }
    return FileWatch(layout.files.folder, expected)


def make_parser() -> JobParser:
    """The command's flags."""
    parser = job_parser(
        "dedupe",
        "Remove duplicates, contamination and leaks from pair sets, and split the rest.",
        inputs="folders of pair sets, or tables with anchor and positive (.parquet, .jsonl, .jsonl.gz)",
    )
    add = parser.add_argument
    add(
        "--shards",
        type=int,
        metavar="N",
        help="data files in all (default: one for each 8 MB of input up to 9, one for each 256 MB above)",
    )
    add("--threshold", type=float, help="similarity of near-duplicates (default: 0.8 for text, 0.7 for code)")
    add("--on", choices=SIDES, help="what near-duplicates are told by (default: joint for text, positive for code)")
    add("--leak-threshold", type=float, help="similarity of leaks between splits (default: 0.6)")
    add("--max-per-anchor", type=int, metavar="N", help="rows that may share an anchor (default: 16)")
    add("--max-per-positive", type=int, metavar="N", help="rows that may share a positive (default: 1)")
    add("--validation-share", type=float, metavar="SHARE", help="share of groups for validation (default: 0.05)")
    add("--test-share", type=float, metavar="SHARE", help="share of groups for test (default: 0.05)")
    add("--split-key", metavar="KEY", help="key of the hash that splits groups (default: pairmill)")
    add(
        "--decontaminate",
        action="extend",
        nargs="+",
        default=[],
        metavar="PATH",
        help=DECONTAMINATE_HELP,
    )
    add("--existing", action="extend", nargs="+", default=[], metavar="SET", help=EXISTING_HELP)
    add("--max-source-loss", type=float, metavar="SHARE", help=MAX_SOURCE_LOSS_HELP)
    add("--partitions", type=int, metavar="N", help="partitions of the comparison (default: by input rows)")
    return parser


def read_config(command: Command) -> DedupeConfig:
    """Defaults, under the recipe, under the flags. Raises ValueError."""
    args = command.args
    config = DedupeConfig(**read_recipe(args.recipe, asdict(DedupeConfig())))
    given = {name: getattr(args, name, None) for name in asdict(config)}
    given["text_threshold"] = given["code_threshold"] = args.threshold
    given["text_on"] = given["code_on"] = args.on
    return replace(config, **{name: value for name, value in given.items() if value is not None})


def find_wanted(patterns: Sequence[str], config: DedupeConfig) -> Decontamination | None:
    """The evaluation texts to look for, read once here so that what is wrong is told before the job. UsageError."""
    if not patterns:
        return None
    files = find_evaluation_files(patterns)
    wanted = Decontamination(files, config.contamination(), *config.rules(), config.evaluation_repositories)
    if not len(wanted.texts().benchmarks):
        raise UsageError(f"{', '.join(patterns)}: no text to keep out was found; name files with texts")
    return wanted


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, plan and run the job; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    args = command.args
    config = read_config(command)
    for name in ("shards", "partitions"):
        if getattr(args, name) is not None and not 1 <= getattr(args, name) <= 65_535:
            raise UsageError(f"--{name} must lie between 1 and 65,535")
    found = find_input(args.input)
    if os.path.realpath(args.output) in {os.path.realpath(folder) for folder in found.folders}:
        raise UsageError(f"{args.output} is one of the inputs; name another folder for the result")
    existing = find_existing(args.existing, config)
    if existing and set(existing.folders) & {args.output.rstrip("/"), *found.folders}:
        raise UsageError("an earlier set (--existing) is also the input or the output; name each folder once")
    removed = find_removed({**found.manifests, **(existing.manifests if existing else {})})
    wanted = find_wanted(args.decontaminate, config)
    units = found.units()
    if args.dry_run:
        _print_dry_run(command, config, found, existing, wanted, removed)
        return 0
    shardings = shardings_for(config, found.bytes, args.shards)
    settings = {
        **config.as_dict(),
        "source": args.source,
        "keep_rejects": args.keep_rejects,
        "inputs": list(found.identities),
        "existing": list(existing.identities) if existing else [],
        "removed": removed.identities,
        "decontaminate": wanted.texts().items() if wanted else {},
        "shards": {split: sharding.shards for split, sharding in shardings.items()},
    }
    options = pipeline_options(command, found.bytes)
    begun = start_run(args.output, settings, overwrite=args.overwrite, temp=args.temp)
    job = Job(JOB, args.output, settings, args.seed, begun, found.parents())
    temporary = storage.join(args.temp or storage.join(args.output, TEMPORARY_FOLDER), begun.run_id)
    layout = Layout(
        config, TemporaryFiles(temporary), args.output, shardings, args.seed, args.source, args.keep_rejects
    )
    rows = found.rows_about + (existing.rows_about if existing else 0)
    partitions = args.partitions or partitions_for(rows, config)
    earlier = existing_units(existing, len(units))
    watch = watch_passes(layout, units, earlier, partitions)
    graph = run_pipeline(options, temporary, prepare=compiled)
    with heartbeat(args.output), Progress(job, watch, quiet=args.quiet), graph as pipeline:
        given = plan(temporary, "units", InputUnit, units)
        there = plan(temporary, "existing", ExistingUnit, earlier)
        finish = FinishDedupe(job, plan(temporary, "job", Job, [job]), layout, given, found.rows, removed)
        build_graph(pipeline, given, there, layout, finish, partitions, wanted, marked(rows, config), removed)
    clean_after(args.output, temporary)
    print_ledger(args.output, quiet=args.quiet)
    return int(args.max_source_loss is not None and has_alarm(args.output))


def _print_dry_run(
    command: Command,
    config: DedupeConfig,
    found: Input,
    existing: Input | None,
    wanted: Decontamination | None,
    removed: RemovedRows,
) -> None:
    """What would be read, and from some thousand rows what that takes; rows of earlier sets count as rows to read."""

    def run_graph(unit: InputUnit, folder: str) -> None:
        files = TemporaryFiles(storage.join(folder, TEMPORARY_FOLDER))
        layout = Layout(config, files, folder, shardings_for(config, 1, None), 0, None, command.args.keep_rejects)
        job = Job(JOB, folder, {}, 0, Run("dry-run", ""))
        given = plan(files.folder, "units", InputUnit, [unit])
        none = plan(files.folder, "existing", ExistingUnit, ())
        finish = FinishDedupe(job, plan(files.folder, "job", Job, [job]), layout, given, unit.rows, removed)
        with run_pipeline(memory_options()) as pipeline:
            build_graph(pipeline, given, none, layout, finish, 1, wanted, unit.rows, removed)

    rows = found.rows_about + (existing.rows_about if existing else 0)
    size = found.bytes + (existing.bytes if existing else 0)
    files = len(found.files) + (len(existing.files) if existing else 0)
    planned = PlannedInput(files, size, len(found.units()), rows, rows=rows)
    sample = take_sample(dedupe_pieces(found, command.args.seed, run_graph), rows)
    print_plan(planned, sample, command)


def has_alarm(output: str) -> bool:
    """Whether the finished job's notes name a source or group that lost too much."""
    manifest = load_result(output)
    return manifest is not None and is_alarm(manifest.ledger["notes"])


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill dedupe`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("dedupe", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
