"""`pairmill select`: the rows of a pair set that an expression, scores, caps or chance choose, as a pair set.

What can be lost: the rows that the rules leave out, each counted by the first rule that does. Rows stay in their order
and in their split, with the signatures of a deduplicated set; the graph is that of `pipelines.set_job`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pipelines.failures import report_errors
from pipelines.input_sets import find_sets
from pipelines.options import JobParser, UsageError, job_parser, parse
from pipelines.pair_scores import find_scores
from pipelines.selection import BALANCED_COLUMNS, Selection
from pipelines.set_job import run_set_job
from schemas.where import parse_where

WHERE_HELP = (
    "rows of which an expression is true, such as "
    '\'kind = "docstring_code" and signals.anchor_words >= 5 and provenance.license in ("MIT", "BSD-3-Clause")\''
)
BALANCE_HELP = f"draw the same number of rows of each value of a column ({', '.join(BALANCED_COLUMNS)}) in each split"


def make_parser() -> JobParser:
    """The command's flags."""
    parser = job_parser(
        "select",
        "Write the rows of a pair set that are wanted as a pair set. Rules are applied in the order below.",
        inputs="the folder of one pair set",
        resumable=True,
        takes_recipe=False,
    )
    add = parser.add_argument
    add("--where", metavar="EXPRESSION", help=WHERE_HELP)
    add("--scores", action="extend", nargs="+", default=[], metavar="FILE", help="Parquet with row_id, rank and score")
    add("--max-rank", type=int, metavar="K", help="with --scores: the own positive is among the best K")
    add("--min-score", type=float, metavar="S", help="with --scores: the pair scores at least S")
    add("--balance", choices=BALANCED_COLUMNS, help=BALANCE_HELP)
    add("--per-value", type=int, metavar="N", help="with --balance: so many rows (default: those of the rarest value)")
    add("--sample", type=_sample, metavar="N|SHARE", help="draw N rows, or a share such as 0.1 or 10%%, by --seed")
    return parser


def read_selection(args: argparse.Namespace) -> Selection:
    """The rules that the flags give. Raises UsageError and WhereError."""
    asks_scores = args.max_rank is not None or args.min_score is not None
    if bool(args.scores) != asks_scores:
        raise UsageError("--scores goes with --max-rank or --min-score, and these with --scores")
    if not (args.where or args.scores or args.balance or args.sample is not None):
        raise UsageError("nothing says which rows are wanted; give --where, --scores, --balance or --sample")
    if args.where is not None:
        parse_where(args.where)
    if args.per_value is not None and args.balance is None:
        raise UsageError(f"--per-value goes with --balance; name a column ({', '.join(BALANCED_COLUMNS)})")
    for name in ("max_rank", "per_value"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be 1 or more, not {value}")
    return Selection(
        where=args.where,
        scores=find_scores(args.scores) if args.scores else None,
        max_rank=args.max_rank,
        min_score=args.min_score,
        balance=args.balance,
        per_value=args.per_value,
        sample=args.sample,
        seed=args.seed,
    )


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, plan and run the job; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    args = command.args
    rules = read_selection(args)
    inputs = find_sets(args.input, args.output)
    if len(inputs.folders) > 1:
        raise UsageError(f"select takes one set, not {len(inputs.folders)}; join them first with pairmill merge")
    config = {
        "where": rules.where,
        "scores": rules.scores.identities if rules.scores else None,
        "max_rank": rules.max_rank,
        "min_score": rules.min_score,
        "balance": rules.balance,
        "per_value": rules.per_value,
        "sample": rules.sample,
    }
    return run_set_job(command, rules, inputs, config, survey=rules if rules.needs_survey else None)


def _sample(text: str) -> int | float:
    """A number of rows, or a share of them. Raises argparse.ArgumentTypeError."""
    try:
        if text.isdigit():
            value: int | float = int(text)
        else:
            value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1
    if not (0 < value <= 1 if isinstance(value, float) else value >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of rows nor a share such as 0.1 or 10%")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill select`: 0 done, 1 the work failed, 2 the arguments are wrong."""
    return report_errors("select", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
