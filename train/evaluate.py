"""Measures an embedding model: ``python train/evaluate.py MODEL --tasks pair-set --data PAIR_SET``.

In: a model folder (ours, sentence-transformers', Hugging Face's) and what the tasks ask for. Out: a table on standard
output and, with --output, one JSON file. Every row names its protocol, and BM25 stands beside the model on the very
same candidates. With --score-pairs PAIR_SET: the rank and score of every pair's own positive, as Parquet, for
`pairmill audit` and `pairmill select`. Exit status: 0 done, 1 the measuring failed, 2 the arguments are wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: Python put this folder on the path, where the project's root belongs
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from schemas.pair import SPLITS
from schemas.pair_set import read_manifest
from train.bootstrap import LEVEL, RESAMPLES
from train.command_line import CommandParser, nearest
from train.encoders import TextEncoder
from train.journal import Journal
from train.named_inputs import check_pair_set_folder, device_named, load_model
from train.negatives.keys import WITHIN
from train.pair_set_search import PROTOCOLS, SearchOptions, search_scores
from train.score_pairs import SUFFIX, score_pairs
from train.score_rows import ScoreRow, format_table
from train.split_rows import read_split

LIBRARIES = ("pairmill", "bm25s", "numpy", "sentence-transformers", "torch", "transformers")


@dataclass(frozen=True)
class Task:
    """One thing to measure. `prepare` reads and checks its input before a model is loaded (ValueError: the user's
    mistake), and gives what then measures an encoder and the fields that identify the input in the JSON."""

    summary: str
    prepare: Callable[
        [argparse.Namespace, str, Journal], tuple[Callable[[TextEncoder], list[ScoreRow]], dict[str, Any]]
    ]


def _prepare_pair_set(
    args: argparse.Namespace, device: str, journal: Journal
) -> tuple[Callable[[TextEncoder], list[ScoreRow]], dict[str, Any]]:
    if not args.data:
        raise ValueError("the task pair-set needs a pair set: give its folder with --data")
    check_pair_set_folder(args.data, "--data")
    if args.split not in SPLITS:
        raise ValueError(f"there is no split {args.split!r}{nearest(args.split, SPLITS)}; there is {', '.join(SPLITS)}")
    protocols = _names(args.protocol, PROTOCOLS, "protocol")
    options = SearchOptions(protocols, args.strip_comments, args.mask_names, device, args.seed)
    rows = read_split(args.data, args.split)
    if len(rows) < 2:
        raise ValueError(f"split {args.split} of {args.data} has one row, which any model finds; mine more")
    identity = {"data": args.data, "data_id": read_manifest(args.data).data_id, "split": args.split}
    return lambda encoder: search_scores(rows, encoder, options, journal), identity


TASKS = {"pair-set": Task("retrieval on a pair set's own split, beside BM25", _prepare_pair_set)}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status, or raises SystemExit(2) with a sentence for wrong arguments."""
    parser = _parser()
    args = parser.parse(sys.argv[1:] if argv is None else argv)
    journal = Journal(args.quiet)
    started = time.monotonic()
    try:
        if args.seed < 0:
            raise ValueError(f"--seed {args.seed} is below 0; any number from 0 on will do")
        device = device_named(args.device)
        output = _output(args.output)
        if args.score_pairs:
            return _score_pairs(args, output, device, parser.prog)
        if not args.tasks:
            raise ValueError(f"say what to measure: --tasks {','.join(TASKS)}, or --score-pairs PAIR_SET")
        prepared = {name: TASKS[name].prepare(args, device, journal) for name in _names(args.tasks, TASKS, "task")}
        encoder = load_model(args.model, device)
    except ValueError as error:
        parser.error(str(error))
    try:
        rows = [row for measure, _ in prepared.values() for row in measure(encoder)]
    except (FloatingPointError, OSError, RuntimeError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    result = {
        "model": args.model,
        "tasks": {name: identity for name, (_, identity) in prepared.items()},
        "seed": args.seed,
        "interval": {"level": LEVEL, "resamples": RESAMPLES, "method": "percentile bootstrap"},
        "device": device,
        "seconds": round(time.monotonic() - started, 1),
        "versions": {"python": platform.python_version(), **_versions()},
        "notes": journal.notes,
        "rows": [asdict(row) for row in rows],
    }
    if output:
        _write_json(output, result)
    if not args.quiet:
        print(f"{args.model}, seed {args.seed}; means in percent, 95 % intervals of the MRR by bootstrap over groups")
    print(format_table(rows))
    return 0


def _score_pairs(args: argparse.Namespace, output: Path | None, device: str, prog: str) -> int:
    """Scores every pair of a set; returns the exit status. ValueError for wrong arguments."""
    if args.tasks:
        raise ValueError("--score-pairs is a run of its own; leave --tasks out")
    if output is None or output.suffix != SUFFIX:
        raise ValueError(f"--score-pairs writes a Parquet file: name it with --output, such as scores{SUFFIX}")
    check_pair_set_folder(args.score_pairs, "--score-pairs")
    encoder = load_model(args.model, device)
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
    except (FloatingPointError, OSError, RuntimeError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    first, ten = (float((scores.rank <= k).mean()) for k in (1, 10))
    print(f"{output}: {len(scores.rank):,} pairs; own positive first {first:.1%}, among the best ten {ten:.1%}")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(prog="evaluate", description="Measure an embedding model, beside BM25 on the same texts.")
    parser.add_argument("model", metavar="MODEL", help="model folder, or ORG/NAME on the Hugging Face hub")
    tasks = "; ".join(f"{name}: {task.summary}" for name, task in TASKS.items())
    parser.add_argument("--tasks", help=f"what to measure, comma-separated ({tasks})")
    parser.add_argument("--data", help="folder of the pair set (task pair-set)")
    parser.add_argument("--split", default="test", help=f"which of its splits: {', '.join(SPLITS)} (default: test)")
    protocols = "; ".join(f"{name}: {text}" for name, text in PROTOCOLS.items())
    parser.add_argument("--protocol", default=",".join(PROTOCOLS), help=f"comma-separated, default all ({protocols})")
    parser.add_argument("--strip-comments", action="store_true", help="take comments and docstrings out of candidates")
    parser.add_argument(
        "--mask-names", action="store_true", help="also score candidates with their function's name masked"
    )
    parser.add_argument(
        "--score-pairs", metavar="PAIR_SET", help="write rank and score of each pair's own positive, as Parquet"
    )
    parser.add_argument(
        "--within",
        default="source",
        choices=WITHIN,
        help="with --score-pairs: candidates are of the row's split and source, or of its split",
    )
    parser.add_argument("--temp", metavar="FOLDER", help="with --score-pairs: for vectors (default: beside the output)")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="where the scores go: JSON, with intervals and versions; of --score-pairs Parquet",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 (default: cuda where there is one)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="print the table alone")
    return parser


def _names(text: str, known: dict[str, Any], what: str) -> tuple[str, ...]:
    """The comma-separated names, each once; ValueError for one that is not known."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            near = nearest(name, known)
            raise ValueError(f"there is no {what} {name!r}{near}; there is {', '.join(known)}")
    if not names:
        raise ValueError(f"name at least one {what}: {', '.join(known)}")
    return names


def _output(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"--output {name} is not a file in a folder that exists; name one, such as scores.json")
    return path


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None  # run from a checkout that is not installed
    return found


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
