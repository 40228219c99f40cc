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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from train.command_line import CommandParser
from train.evaluation.comparison import compare, format_differences
from train.evaluation.flags import known_names
from train.evaluation.leaks import Leaks, find_leaks
from train.evaluation.measured import MeanOf, Measured
from train.evaluation.paired_search import PROTOCOLS
from train.evaluation.registry import TASKS
from train.evaluation.result import Result, circumstances, measured_by, read_found, write_json, write_result
from train.evaluation.table import format_tables
from train.evaluation.task import Prepared, Setting
from train.journal import Journal
from train.named_inputs import check_pair_set_folder, device_named, load_model
from train.negatives.keys import WITHIN
from train.score_pairs import SUFFIX, score_pairs

SCORES_RUN = "--score-pairs"
USAGE = """%(prog)s MODEL --data PAIR_SET [--output scores.json]
       %(prog)s MODEL --code-search PATH... --cosqa FOLDER --beir FOLDER... --sts FILE... --probe FOLDER... --mteb TASK
       %(prog)s --compare A B
       %(prog)s --report DIR...
       %(prog)s MODEL --score-pairs PAIR_SET --output scores.parquet"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status, or raises SystemExit(2) with a sentence for wrong arguments."""
    parser = _parser()
    args = parser.parse(sys.argv[1:] if argv is None else argv)
    run = _report if args.report else _score_pairs if args.score_pairs else _compare if args.compare else _measure
    try:
        if args.seed < 0:
            raise ValueError(f"--seed {args.seed} is below 0; any number from 0 on will do")
        output = _output(args.output)
        setting = Setting(device_named(args.device), args.seed, Journal(args.quiet))
        return run(args, output, setting)
    except ValueError as error:
        parser.error(str(error))
    except (ArithmeticError, OSError, RuntimeError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1


def _measure(args: argparse.Namespace, output: Path | None, setting: Setting) -> int:
    """Measures the tasks asked for; returns the exit status. ValueError for wrong arguments."""
    started = time.monotonic()
    prepared = _prepared(args, setting)
    leaks = _leaks(args.train_set, prepared, setting)
    encoder = load_model(_model_of(args), setting.device)
    with _failing_is_no_mistake():
        found = measured_by(encoder, prepared)
    identities = {name: one.identity for name, one in prepared.items()}
    result = Result(args.model, identities, found, setting, leaks, time.monotonic() - started)
    if output:
        write_result(output, result)
    if not args.quiet:
        print(f"{args.model}, seed {args.seed}; scores in percent, 95 % intervals of the first one by bootstrap")
    print(format_tables(result.rows))
    return 0


def _leaks(train_set: str | None, prepared: Mapping[str, Prepared], setting: Setting) -> Leaks | None:
    """What of the tasks' items occurs in the training set; None where none is named."""
    if train_set is None:
        return None
    check_pair_set_folder(train_set, "--train-set")
    items = {key: texts for one in prepared.values() if one.item_texts for key, texts in one.item_texts().items()}
    for name, one in prepared.items():
        if one.item_texts is None:
            setting.journal.note(f"the items of the task {name} are not known: none was looked for in {train_set}")
    leaks = find_leaks(train_set, items, setting.journal)
    setting.journal.note(
        f"{train_set} holds {len(leaks.equal) + len(leaks.near):,} of {leaks.items:,} evaluation items: "
        f"{len(leaks.equal):,} equal, {len(leaks.near):,} near"
    )
    return leaks


def _compare(args: argparse.Namespace, output: Path | None, setting: Setting) -> int:
    """Compares two models, measured now or before; returns the exit status. ValueError for wrong arguments."""
    if args.model is not None or args.train_set is not None:
        raise ValueError("--compare A B names both models itself and takes no other, and no --train-set")
    started = time.monotonic()
    prepared: dict[str, Prepared] = {}
    models = [name for name in args.compare if not name.endswith(".json")]
    if models:
        prepared = _prepared(args, setting, f"{models[0]} is no result (.json) and is measured now: ")
    else:
        _check_idle(args, ())
    encoders = {name: load_model(name, setting.device) for name in models}
    names: list[str] = []
    lists: list[Sequence[Measured | MeanOf]] = []
    for name in args.compare:
        if name in encoders:
            with _failing_is_no_mistake():
                found = [row for one in prepared.values() for row in one.measure(encoders[name])]
        else:
            name, found = read_found(Path(name))
        names.append(name)
        lists.append(found)
    differences = compare(*lists, args.seed, setting.journal)
    if not differences:
        raise ValueError("the two have no test in common on the same items; measure both with the same tasks and data")
    if output:
        told = circumstances(setting, time.monotonic() - started)
        rows = [asdict(one) | {"is_real": one.is_real} for one in differences]
        write_json(output, {"a": names[0], "b": names[1], **told, "differences": rows})
    if not args.quiet:
        print(
            f"A: {names[0]}\nB: {names[1]}\nin percent; 95 % intervals of B - A by paired bootstrap, seed {args.seed}"
        )
    print(format_differences(differences))
    return 0


def _report(args: argparse.Namespace, output: Path | None, setting: Setting) -> int:
    """Writes the page about results and runs; returns the exit status. ValueError for wrong arguments."""
    if args.model is not None or args.tasks or args.compare or args.score_pairs or args.train_set:
        raise ValueError("--report is a run of its own, of results that lie in its folders: measure first")
    _check_idle(args, ())
    from train.report.inputs import read_folders
    from train.report.page import PAGE_NAME, write_page

    report = read_folders(args.report)
    page = output or Path(args.report[0]) / PAGE_NAME
    write_page(report, page)
    print(f"{page}: {len(report.results):,} results, {len(report.runs):,} training runs")
    return 0


@contextmanager
def _failing_is_no_mistake() -> Iterator[None]:
    """What fails while a model is measured is no wrong argument, so not a ValueError."""
    try:
        yield
    except ValueError as error:
        raise RuntimeError(str(error)) from error


def _prepared(args: argparse.Namespace, setting: Setting, why: str = "") -> dict[str, Prepared]:
    """The tasks asked for, by --tasks or by their input; ValueError where there is none (the sentence begins with
    `why`), or one without its input."""
    given = [name for name, task in TASKS.items() if getattr(args, _field(task.flag)) is not None]
    names = given if args.tasks is None else known_names(args.tasks, TASKS, "task")
    if not names:
        flags = ", ".join(f"{task.flag} ({name})" for name, task in TASKS.items())
        raise ValueError(f"{why}say what to measure on: {flags}{'' if why else '; or --score-pairs PAIR_SET'}")
    for name in names:
        if name not in given:
            raise ValueError(f"the task {name} needs its input: give it with {TASKS[name].flag}")
    _check_idle(args, given)
    return {name: TASKS[name].prepare(args, setting) for name in names}


def _check_idle(args: argparse.Namespace, running: Collection[str]) -> None:
    """ValueError for a flag that none of the `running` tasks reads: who gives it would think that it did something."""
    of_tasks = [(task.add_flags, (name,)) for name, task in TASKS.items()]
    for add_flags, readers in [*of_tasks, *CODE_FLAGS.items(), (_add_score_flags, (SCORES_RUN,))]:
        if set(readers) & set(running):
            continue
        for field, default in _defaults(add_flags).items():
            if getattr(args, field) != default:
                flag = f"--{field.replace('_', '-')}"
                raise ValueError(f"{flag} changes nothing here: it is read by {', '.join(readers)} alone")


def _defaults(add_flags: Callable[[argparse._ArgumentGroup], None]) -> dict[str, Any]:
    """The flags' fields with their defaults."""
    parser = argparse.ArgumentParser(add_help=False)
    add_flags(parser.add_argument_group())
    return vars(parser.parse_args([]))


def _field(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _model_of(args: argparse.Namespace) -> str:
    if args.model is None:
        raise ValueError("name a MODEL: its folder, or ORG/NAME on the Hugging Face hub")
    return args.model


def _score_pairs(args: argparse.Namespace, output: Path | None, setting: Setting) -> int:
    """Scores every pair of a set; returns the exit status. ValueError for wrong arguments."""
    if args.tasks or args.train_set:
        raise ValueError("--score-pairs is a run of its own; leave --tasks and --train-set out")
    _check_idle(args, (SCORES_RUN,))
    if output is None or output.suffix != SUFFIX:
        raise ValueError(f"--score-pairs writes a Parquet file: name it with --output, such as scores{SUFFIX}")
    check_pair_set_folder(args.score_pairs, "--score-pairs")
    encoder = load_model(_model_of(args), setting.device)
    scores = score_pairs(
        args.score_pairs,
        encoder,
        args.model,
        output,
        within=args.within,
        device=setting.device,
        temp=args.temp,
        quiet=args.quiet,
    )
    first, ten = (float((scores.rank <= k).mean()) for k in (1, 10))
    print(f"{output}: {len(scores.rank):,} pairs; own positive first {first:.1%}, among the best ten {ten:.1%}")
    return 0


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="evaluate",
        usage=USAGE,
        description="Measure an embedding model, beside baselines on the same texts. A task runs when its input is "
        "given, and every row names its protocol.",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="model folder, or ORG/NAME on the Hugging Face hub")
    parser.add_argument(
        "--tasks",
        metavar="NAMES",
        help=f"which of {', '.join(TASKS)}, comma-separated (default: every task whose input is given)",
    )
    parser.add_argument(
        "--train-set",
        metavar="PAIR_SET",
        help="look for the evaluation's items in the training pairs, and score without those too",
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        help="two models, with the tasks to measure them by, or two results that --output wrote (.json): paired "
        "differences, and which are real",
    )
    parser.add_argument(
        "--report",
        nargs="+",
        metavar="DIR",
        help="write one HTML page, DIR/report.html or --output, of the results and training runs in these folders",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="where the scores go: JSON, with every item's values as Parquet beside it, which --compare reads; of "
        "--score-pairs Parquet, of --report HTML",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 (default: cuda where there is one)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="print the tables alone")
    for name, task in TASKS.items():
        task.add_flags(parser.add_argument_group(f"task {name}", task.summary))
    for add_flags, names in CODE_FLAGS.items():
        add_flags(parser.add_argument_group(f"tasks {', '.join(names)}"))
    _add_score_flags(parser.add_argument_group("scores of pairs, a run of their own"))
    return parser


def _add_protocol_flags(group: argparse._ArgumentGroup) -> None:
    protocols = "; ".join(f"{name}: {text}" for name, text in PROTOCOLS.items())
    group.add_argument(
        "--protocol", default=",".join(PROTOCOLS), metavar="NAMES", help=f"comma-separated, default all ({protocols})"
    )
    group.add_argument(
        "--mask-names", action="store_true", help="score a second time with each function's own name masked"
    )


def _add_comment_flag(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--strip-comments", action="store_true", help="take comments and docstrings out of the code")


CODE_FLAGS = {
    _add_protocol_flags: ("pair-set", "code-search"),
    _add_comment_flag: ("pair-set", "code-search", "cosqa"),
}
"""Flags that several tasks read, and which."""


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
