"""Measures an embedding model: ``python train/evaluate.py MODEL --tasks pair-set --data PAIR_SET``.

In: a model folder (ours, sentence-transformers', Hugging Face's) and what the tasks ask for (`train.evaluation`). Out:
a table a task on standard output and, with --output, one JSON file with the items' values beside it. Every row names
its protocol, and baselines stand beside the model on the very same candidates. With --score-pairs PAIR_SET: the rank
and score of every pair's own positive, as Parquet, for `pairmill audit` and `pairmill select`. Exit status: 0 done,
1 the measuring failed, 2 the arguments are wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: Python put this folder on the path, where the project's root belongs
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse
import time
from collections.abc import Sequence

from train.command_line import CommandParser
from train.evaluation.flags import known_names
from train.evaluation.paired_search import PROTOCOLS
from train.evaluation.registry import TASKS
from train.evaluation.result import Result, measured_by, write_result
from train.evaluation.table import format_tables
from train.evaluation.task import Prepared, Setting
from train.journal import Journal
from train.named_inputs import check_pair_set_folder, device_named, load_model
from train.negatives.keys import WITHIN
from train.score_pairs import SUFFIX, score_pairs


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status, or raises SystemExit(2) with a sentence for wrong arguments."""
    parser = _parser()
    args = parser.parse(sys.argv[1:] if argv is None else argv)
    try:
        if args.seed < 0:
            raise ValueError(f"--seed {args.seed} is below 0; any number from 0 on will do")
        output = _output(args.output)
        setting = Setting(device_named(args.device), args.seed, Journal(args.quiet))
        if args.score_pairs:
            return _score_pairs(args, output, setting.device, parser.prog)
        return _measure(args, output, setting, parser.prog)
    except ValueError as error:
        parser.error(str(error))


def _measure(args: argparse.Namespace, output: Path | None, setting: Setting, prog: str) -> int:
    """Measures the tasks asked for; returns the exit status. ValueError for wrong arguments."""
    started = time.monotonic()
    prepared = _prepared(args, setting)
    encoder = load_model(_model_of(args), setting.device)
    try:
        found = measured_by(encoder, prepared)
    except (ArithmeticError, OSError, RuntimeError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    identities = {name: one.identity for name, one in prepared.items()}
    result = Result(args.model, identities, found, setting, time.monotonic() - started)
    if output:
        write_result(output, result)
    if not args.quiet:
        print(
            f"{args.model}, seed {args.seed}; scores in percent, 95 % intervals of the first by bootstrap over groups"
        )
    print(format_tables(result.rows))
    return 0


def _prepared(args: argparse.Namespace, setting: Setting) -> dict[str, Prepared]:
    """The tasks asked for, by --tasks or by their input; ValueError where there is none, or one without its input."""
    given = [name for name, task in TASKS.items() if getattr(args, _field(task.flag)) is not None]
    names = given if args.tasks is None else known_names(args.tasks, TASKS, "task")
    if not names:
        flags = ", ".join(f"{task.flag} ({name})" for name, task in TASKS.items())
        raise ValueError(f"say what to measure on: {flags}; or --score-pairs PAIR_SET")
    for name in names:
        if name not in given:
            raise ValueError(f"the task {name} needs its input: give it with {TASKS[name].flag}")
    return {name: TASKS[name].prepare(args, setting) for name in names}


def _field(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _model_of(args: argparse.Namespace) -> str:
    if args.model is None:
        raise ValueError("name a MODEL: its folder, or ORG/NAME on the Hugging Face hub")
    return args.model


def _score_pairs(args: argparse.Namespace, output: Path | None, device: str, prog: str) -> int:
    """Scores every pair of a set; returns the exit status. ValueError for wrong arguments."""
    if args.tasks:
        raise ValueError("--score-pairs is a run of its own; leave --tasks out")
    if output is None or output.suffix != SUFFIX:
        raise ValueError(f"--score-pairs writes a Parquet file: name it with --output, such as scores{SUFFIX}")
    check_pair_set_folder(args.score_pairs, "--score-pairs")
    encoder = load_model(_model_of(args), device)
    try:
        scores = score_pairs(
            args.score_pairs,
            encoder,
            args.model,
            output,
            within=args.within,
            device=device,
            temp=args.temp,
            quiet=args.quiet,
        )
    except (ArithmeticError, OSError, RuntimeError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    first, ten = (float((scores.rank <= k).mean()) for k in (1, 10))
    print(f"{output}: {len(scores.rank):,} pairs; own positive first {first:.1%}, among the best ten {ten:.1%}")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="evaluate", description="Measure an embedding model, beside baselines on the same texts."
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="model folder, or ORG/NAME on the Hugging Face hub")
    parser.add_argument("--tasks", help="what to measure, comma-separated (default: every task whose input is given)")
    parser.add_argument("--output", metavar="FILE", help="where the scores go: JSON; of --score-pairs Parquet")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 (default: cuda where there is one)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="print the tables alone")
    for name, task in TASKS.items():
        task.add_flags(parser.add_argument_group(f"task {name}", task.summary))
    _add_code_flags(parser.add_argument_group("tasks of pairs (pair-set, code-search)"))
    _add_score_flags(parser.add_argument_group("scores of pairs, a run of their own"))
    return parser


def _add_code_flags(group: argparse._ArgumentGroup) -> None:
    protocols = "; ".join(f"{name}: {text}" for name, text in PROTOCOLS.items())
    group.add_argument("--protocol", default=",".join(PROTOCOLS), help=f"comma-separated, default all ({protocols})")
    group.add_argument("--strip-comments", action="store_true", help="take comments and docstrings out of candidates")
    group.add_argument(
        "--mask-names", action="store_true", help="also score candidates with their function's name masked"
    )


def _add_score_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--score-pairs", metavar="PAIR_SET", help="write rank and score of each pair's own positive, as Parquet"
    )
    group.add_argument(
        "--within",
        default="source",
        choices=WITHIN,
        help="candidates are of the row's split and source, or of its split",
    )
    group.add_argument("--temp", metavar="FOLDER", help="for vectors (default: beside the output)")


def _output(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"--output {name} is not a file in a folder that exists; name one, such as scores.json")
    return path


if __name__ == "__main__":
    raise SystemExit(main())
