"""`pairmill import`: other people's data in, a pair set out: MS MARCO, NLI, BEIR, CodeSearchNet, tables.

Only wiring: flags and the three passes. Which files there are stands in `importing`, layouts and rules in
`miners.supervised`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from miners.supervised.table_rows import ROLES, Columns, RowRules, parse_columns
from pipelines import log_json, storage
from pipelines.dry_runs.import_windows import print_import_plan
from pipelines.failures import report_errors
from pipelines.importing.inputs import FORMATS, Source, find_sources, units_of
from pipelines.importing.passes import IndexTexts, MakePairs, ReadFiles
from pipelines.importing.segments import Segment, Segments
from pipelines.mine_job import Pass, run_passes
from pipelines.options import Command, JobParser, UsageError, job_parser, parse
from pipelines.runs import TEMPORARY_FOLDER
from pipelines.units import Unit, unit_id
from schemas.pair import KINDS, TEXT_PAIR

NEGATIVES = 8
PARTITION_BYTES = 32 << 20
"""Input a partition: a pass holds the arrays of one in memory."""
MOST_BITS = 8
_SHOWN = 3


def make_parser() -> JobParser:
    """The command's flags."""
    parser = job_parser(
        "import",
        "Make a pair set of other people's data: MS MARCO, SNLI, MultiNLI, folders of BEIR, CodeSearchNet, Hugging "
        "Face data sets on disk, and any table with named columns.",
        inputs="files or folders of one or several data sets",
        resumable=True,
        takes_recipe=False,
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="auto",
        help="the layout (default: told from names, folders and first lines)",
    )
    parser.add_argument(
        "--columns",
        nargs="+",
        action="extend",
        default=[],
        metavar="ROLE=NAME",
        help=f"columns of tables that are not named for their role, of {', '.join(ROLES)}; negatives may have several",
    )
    parser.add_argument(
        "--negatives",
        type=int,
        default=NEGATIVES,
        metavar="N",
        help=f"most hard negatives a pair, sampled by --seed; of tables the first ones (default: {NEGATIVES})",
    )
    parser.add_argument(
        "--kind", choices=KINDS, default=TEXT_PAIR, help=f"of a table's rows that say none (default: {TEXT_PAIR})"
    )
    parser.add_argument(
        "--language",
        metavar="NAME",
        help="of rows that say none (default: en for MS MARCO and NLI, else unknown)",
    )
    return parser


def plan(args: argparse.Namespace, sources: Sequence[Source]) -> tuple[list[Pass], dict[str, Any], str | None]:
    """The passes over the files, what decides their rows as plain values, and the folder of temporary files."""
    rules = RowRules(args.kind, args.language, args.negatives)
    bits = _bits(sum(source.size for source in sources if source.layout is not None))
    units = {
        source.path: list(units_of(source, str(source.layout), str(source.columns), str(bits))) for source in sources
    }
    reading = [unit for own in units.values() for unit in own]
    config = {
        "format": args.format,
        "columns": sorted(args.columns),
        "negatives": args.negatives,
        "kind": args.kind,
        "language": args.language,
        "seed": args.seed,
    }
    identity = unit_id(*(f"{key}={value}" for key, value in config.items()), *(unit.unit_id for unit in reading))
    folder = storage.join(
        args.temp or storage.join(args.output, TEMPORARY_FOLDER), f"import-{unit_id(identity, args.output)}"
    )
    listed = [
        _segment(source, unit, args.language) for source in sources if source.layout for unit in units[source.path]
    ]
    segments = Segments(folder, tuple(listed), bits)
    passes = [Pass(ReadFiles(rules, segments, args.keep_rejects), tuple(reading))]
    if not listed:
        return passes, config, None
    for name, miner in (
        ("index", IndexTexts(segments, args.keep_rejects)),
        ("pairs", MakePairs(segments, args.negatives, args.seed, args.keep_rejects)),
    ):
        partitions = tuple(Unit(unit_id(name, identity, i), f"partition {i}", 0, i) for i in range(1 << bits))
        passes.append(Pass(miner, partitions))
    return passes, config, folder


def _segment(source: Source, unit: Unit, language: str | None) -> Segment:
    layout = source.layout
    return Segment(
        unit=unit.unit_id,
        uri=source.path,
        name=source.name,
        split=source.split,
        kind=str(source.kind),
        language=language or source.language,
        holds_ids=layout is not None and layout.holds_ids,
        has_many_a_line=layout is not None and layout.name == "hard_negatives",
    )


def _bits(size: int) -> int:
    """Partitions as a power of two, from the input alone: the same rows whatever the workers are."""
    return min(MOST_BITS, max(0, (size // PARTITION_BYTES).bit_length()))


def _say_left_out(paths: Sequence[str]) -> None:
    if paths:
        more = f", and {len(paths) - _SHOWN:,} more" if len(paths) > _SHOWN else ""
        log_json.warn(f"left out, in no known layout: {', '.join(paths[:_SHOWN])}{more}")


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, plan and run the job; returns the exit status. Raises UsageError and JobFailedError."""
    command: Command = parse(make_parser(), argv)
    args = command.args
    if args.negatives < 0:
        raise UsageError(f"--negatives is {args.negatives}; it must be 0 or more")
    found = find_sources(args.input, args.format, _columns(args.columns))
    _say_left_out(found.left_out)
    passes, config, temporary = plan(args, found.read)
    if args.dry_run:
        return print_import_plan(command, found.read, passes[0].units, passes[0].miner.rules)
    return run_passes(command, passes, config, temporary)


def _columns(given: Sequence[str]) -> Columns:
    try:
        return parse_columns(given)
    except ValueError as error:
        raise UsageError(str(error)) from None


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill import`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("import", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
