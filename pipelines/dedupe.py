"""`pairmill dedupe`: pair sets in, one clean, split pair set out, with evidence for every row that was removed.

One Beam graph of six passes; each GroupByKey is keyed by the next pass's unit of work, text never goes through one:

    Create([END] + units) | Reshuffle | scan | GroupByKey | match | GroupByKey | verify | GroupByKey | resolve
        | GroupByKey | route | GroupByKey | write | GroupByKey | finish

Counts and file names travel as values under a key of their own. What can be lost is in the ledger: exact copies,
near-duplicates, repeats of one side, contamination, leaks between splits.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.contamination_table import note_contamination
from pipelines.dedupe_config import DedupeConfig
from pipelines.dedupe_contamination import Decontamination
from pipelines.dedupe_files import TemporaryFiles
from pipelines.dedupe_match import MatchPartition
from pipelines.dedupe_resolve import ResolveRows
from pipelines.dedupe_scan import InputUnit, Piece, ScanUnit
from pipelines.dedupe_verify import VerifyCandidates
from pipelines.dedupe_write import JOB, Layout, RouteUnit, Sharding, WriteShard
from pipelines.evaluation_texts import SUFFIXES, find_evaluation_files
from pipelines.failures import report_errors
from pipelines.finish import Job, clean_after, finish_pair_set
from pipelines.options import Command, JobParser, UsageError, job_parser, parse, pipeline_options, read_recipe
from pipelines.progress import print_ledger
from pipelines.running import run_pipeline
from pipelines.runs import TEMPORARY_FOLDER, heartbeat, start_run
from schemas.ledger import Ledger, LedgerError
from schemas.manifest import MANIFEST_NAME, FileEntry, Manifest, parse_manifest

END = None
UNIT_BYTES = 256 << 20
LEAST_UNIT_BYTES = 4 << 20
UNITS = 16
SHARD_BYTES = 256 << 20
SLICE_BYTES = 16 << 20
PARTITION_BYTES = 64 << 20
KEY_BYTES = 20
"""Of one band of one row in a match block."""
ROWS_PER_CORE_SECOND = 2500
"""For `--dry-run` alone; measured on pairs of docstring and function."""
LEAST_GROUPS = 200
DECONTAMINATE_HELP = f"evaluation texts to keep out: files ({', '.join(SUFFIXES)}) and folders"
LARGEST_GROUP = 0.1


@dataclass(frozen=True)
class Input:
    """The input sets: their data files in an order that content alone decides, and what identifies them."""

    files: tuple[tuple[str, FileEntry], ...]
    data_ids: tuple[str, ...]
    folders: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(entry.rows for _, entry in self.files)

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(entry.bytes for _, entry in self.files)

    def units(self) -> tuple[InputUnit, ...]:
        """The input in units of UNIT_BYTES, smaller ones where it has fewer than UNITS of them; by input alone."""
        target = min(UNIT_BYTES, max(LEAST_UNIT_BYTES, self.bytes // UNITS))
        bundles: list[list[Piece]] = []
        size = target
        for path, entry in self.files:
            for piece, piece_bytes in _pieces(path, entry, target):
                if size >= target:
                    bundles.append([])
                    size = 0
                bundles[-1].append(piece)
                size += piece_bytes
        return tuple(InputUnit(number, tuple(bundle)) for number, bundle in enumerate(bundles))


def _pieces(path: str, entry: FileEntry, target: int) -> Iterator[tuple[Piece, int]]:
    """A file with its bytes, or where it is larger than a unit its row groups with theirs."""
    if entry.bytes <= target:
        yield Piece(path, entry.rows), entry.bytes
        return
    with storage.open_read(path) as file:
        footer = pq.read_metadata(file)
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        columns = range(group.num_columns)
        yield (
            Piece(path, group.num_rows, (number,)),
            sum(group.column(column).total_compressed_size for column in columns),
        )


def find_input(patterns: Sequence[str]) -> Input:
    """The pair sets that the patterns name, each checked to be whole. Raises UsageError."""
    folders: list[str] = []
    for pattern in patterns:
        try:
            found = storage.expand([storage.join(pattern, MANIFEST_NAME)])
        except UsageError:
            raise UsageError(
                f"{pattern} is no finished pair set (it has no {MANIFEST_NAME}); name the folder that a job wrote"
            ) from None
        folders += [info.path.replace("\\", "/").rsplit("/", 1)[0] for info in found]
    manifests = {folder: _manifest(folder) for folder in dict.fromkeys(folders)}
    files = [
        (storage.join(folder, entry.path), entry)
        for folder, manifest in manifests.items()
        for entry in manifest.data_files()
    ]
    return Input(
        tuple(sorted(files, key=lambda item: (item[1].sha256, item[0]))),
        tuple(sorted(manifest.data_id for manifest in manifests.values())),
        tuple(manifests),
    )


def _manifest(folder: str) -> Manifest:
    path = storage.join(folder, MANIFEST_NAME)
    manifest = parse_manifest(storage.read_bytes(path), path)
    there = {info.path.replace("\\", "/").rsplit("/", 1)[-1]: info.size for info in _data_files(folder)}
    for entry in manifest.data_files():
        if there.get(entry.path.rsplit("/", 1)[-1]) != entry.bytes:
            raise UsageError(
                f"{folder}: {entry.path} is missing or not {entry.bytes:,} bytes long; write the set again"
            )
    return manifest


def _data_files(folder: str) -> list[storage.FileInfo]:
    return storage.list_files(storage.join(folder, "data"))


def partitions_for(rows: int, config: DedupeConfig) -> int:
    """So many partitions that the match keys of one take PARTITION_BYTES."""
    bands = sum(c.banding.bands for c in config.comparisons() if c.across_splits)
    bands += max(c.banding.bands for c in config.comparisons() if not c.across_splits)
    least = 8 if rows > 10_000 else 1
    return min(65_535, max(least, math.ceil(rows * bands * KEY_BYTES / PARTITION_BYTES)))


def shardings_for(config: DedupeConfig, size: int, shards: int | None) -> dict[str, Sharding]:
    """How each split is cut: `shards` in all by their shares, or one a SHARD_BYTES of input; at least one each."""
    total = shards or max(1, math.ceil(size / SHARD_BYTES))
    found = {}
    for split, share in config.shares().items():
        own = max(1, round(total * share))
        found[split] = Sharding(own, max(1, math.ceil(size * share / own / SLICE_BYTES)))
    return found


def build_graph(
    pipeline: beam.Pipeline,
    units: Sequence[InputUnit],
    layout: Layout,
    job: Job,
    partitions: int,
    wanted: Decontamination | None,
) -> None:
    """Wire the passes."""
    config, files = layout.config, layout.files
    value = beam.typehints.Tuple[str, bytes]

    def step(name: str, work: beam.DoFn) -> beam.PTransform:
        return name >> beam.ParDo(work).with_output_types(value)

    (
        pipeline
        | "units" >> beam.Create([END, *units])
        | "spread" >> beam.Reshuffle()
        | step("scan", ScanUnit(config, files, partitions, wanted))
        | "by partition" >> beam.GroupByKey()
        | step("match", MatchPartition(config, files, partitions))
        | "by candidates" >> beam.GroupByKey()
        | step("verify", VerifyCandidates(config, files))
        | "all edges" >> beam.GroupByKey()
        | step("resolve", ResolveRows(config, files, wanted))
        | "by unit" >> beam.GroupByKey()
        | step("route", RouteUnit(layout, tuple(units)))
        | "by shard" >> beam.GroupByKey()
        | step("write", WriteShard(layout))
        | "all files" >> beam.GroupByKey()
        | "finish" >> beam.ParDo(FinishDedupe(job, config, files.folder, sum(unit.rows for unit in units)))
    )


class FinishDedupe(beam.DoFn):
    """Sums the ledgers, checks them against what was decided and against the shares, and writes the manifest."""

    def __init__(self, job: Job, config: DedupeConfig, temporary: str, rows: int) -> None:
        self.job, self.config, self.temporary, self.rows = job, config, temporary, rows

    def process(self, element: tuple[str, Iterable[bytes]]) -> Iterator[str]:
        """`element` is the one group of everything; gives the data id."""
        told = [json.loads(value) for value in element[1]]
        (summary,) = [item["summary"] for item in told if "summary" in item]
        ledger = Ledger(self.job.name)
        for item in told:
            if "ledger" in item:
                ledger.add(Ledger.from_json(item["ledger"]))
        files = [FileEntry(**entry) for item in told for entry in item.get("files", ())]
        check_against_decisions(ledger, summary, files, self.rows)
        warnings = check_shares_reached(self.config, files, summary["groups"], self.rows)
        note_summary(ledger, summary, files)
        manifest = finish_pair_set(self.job, ledger, files, warnings)
        storage.delete([self.temporary])
        yield manifest.data_id


def check_against_decisions(ledger: Ledger, summary: dict[str, Any], files: Sequence[FileEntry], rows: int) -> None:
    """What was routed must be what was read and decided. Raises LedgerError."""
    read = ledger.stages["exact"].read
    if not read == summary["rows"] == rows:
        raise LedgerError(f"the input has {rows:,} rows, {summary['rows']:,} were scanned and {read:,} routed")
    counted = {f"{stage}/{reason}": n for stage, count in ledger.stages.items() for reason, n in count.dropped.items()}
    decided = {name: n for name, n in summary.get("removed", {}).items() if n}
    if counted != decided:
        raise LedgerError(f"{decided} were to be removed but {counted} were")
    evidence = sum(entry.rows for entry in files if entry.folder == "evidence")
    if evidence != sum(counted.values()):
        raise LedgerError(f"{sum(counted.values()):,} rows were removed but {evidence:,} rows of evidence were written")


def check_shares_reached(
    config: DedupeConfig, files: Sequence[FileEntry], groups: dict[str, int], rows: int
) -> list[str]:
    """Warnings about splits below half of their share; UsageError where the input is large enough to ask for more."""
    kept = {split: sum(f.rows for f in files if f.split == split) for split in config.shares()}
    total = sum(kept.values())
    if not total:
        return []
    if not kept["train"]:
        raise UsageError("no row fell into train: all groups are in other splits; give another --split-key")
    many = groups["count"] >= LEAST_GROUPS and groups["largest"] <= LARGEST_GROUP * rows
    warnings = []
    for split, share in config.shares().items():
        if share and kept[split] < share * total / 2:
            line = f"{split} has {kept[split] / total:.2%} of the rows, less than half of its share of {share:.0%}"
            if many:
                raise UsageError(f"{line}; give another --split-key, or other shares")
            warnings.append(f"{line}: the input has {groups['count']:,} groups")
    return warnings


def note_summary(ledger: Ledger, summary: dict[str, Any], files: Sequence[FileEntry]) -> None:
    """Counts beside the balance: comparisons made and left out, the largest cluster, rows of each split."""
    for name, counts in (("candidates", summary["compared"]), ("comparisons_skipped", summary["skipped"])):
        for comparison, n in counts.items():
            ledger.note(f"{name}_{comparison}", n)
    ledger.note("largest_cluster", summary.get("largest_cluster", 1 if summary["rows"] else 0))
    ledger.note("groups", summary["groups"]["count"])
    note_contamination(ledger, summary.get("contamination", {}))
    for split in ("train", "validation", "test"):
        ledger.note(f"rows_{split}", sum(f.rows for f in files if f.split == split))


def make_parser() -> JobParser:
    """The command's flags."""
    parser = job_parser(
        "dedupe",
        "Remove duplicates, contamination and leaks from pair sets, and split the rest.",
        inputs="folders of pair sets",
    )
    add = parser.add_argument
    add("--shards", type=int, metavar="N", help="data files in all (default: one a 256 MB of input)")
    add("--threshold", type=float, help="similarity of near-duplicates (default: 0.8 for text, 0.7 for code)")
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
        metavar="FILE",
        help="evaluation texts to keep out: files or folders",
    )
    add("--partitions", type=int, metavar="N", help="partitions of the comparison (default: by input rows)")
    return parser


def read_config(command: Command) -> DedupeConfig:
    """Defaults, under the recipe, under the flags. Raises ValueError."""
    args = command.args
    config = DedupeConfig(**read_recipe(args.recipe, asdict(DedupeConfig())))
    given = {name: getattr(args, name, None) for name in asdict(config)}
    given["text_threshold"] = given["code_threshold"] = args.threshold
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
    wanted = find_wanted(args.decontaminate, config)
    units = found.units()
    if args.dry_run:
        hours = found.rows / ROWS_PER_CORE_SECOND / 3600
        print(f"{len(found.files):,} files, {found.rows:,} rows, {found.bytes / 1e6:,.1f} MB, {hours:.2f} core-hours")
        return 0
    shardings = shardings_for(config, found.bytes, args.shards)
    settings = {
        **config.as_dict(),
        "source": args.source,
        "keep_rejects": args.keep_rejects,
        "inputs": list(found.data_ids),
        "decontaminate": wanted.texts().items() if wanted else {},
        "shards": {split: sharding.shards for split, sharding in shardings.items()},
    }
    options = pipeline_options(command, found.bytes)
    begun = start_run(args.output, settings, overwrite=args.overwrite)
    job = Job(JOB, args.output, settings, args.seed, begun)
    temporary = storage.join(args.temp or storage.join(args.output, TEMPORARY_FOLDER), begun.run_id)
    layout = Layout(
        config, TemporaryFiles(temporary), args.output, shardings, args.seed, args.source, args.keep_rejects
    )
    partitions = args.partitions or partitions_for(found.rows, config)
    with heartbeat(args.output), run_pipeline(options) as pipeline:
        build_graph(pipeline, units, layout, job, partitions, wanted)
    clean_after(args.output, temporary)
    print_ledger(args.output, quiet=args.quiet)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill dedupe`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("dedupe", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
