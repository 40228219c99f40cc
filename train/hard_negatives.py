"""Adds hard negatives to a pair set: ``pairmill hard-negatives --input SET --model MODEL --output OUT``.

In: a pair set, and a model (or `--method bm25`). Out: the same rows in the same files, each with the best wrong answers
behind the negatives that it has. Candidates are the positives of its split (and source); what the set knows to be an
answer is never one (`train.negatives.known_answers`). Exit status: 0 done, 1 the work failed, 2 wrong arguments.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: Python put this folder on the path, where the project's root belongs
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse
import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from schemas.ledger import LedgerError
from schemas.manifest import Manifest
from schemas.pair_set import read_manifest
from schemas.split_settings import split_settings
from train.command_line import CommandParser
from train.encoders import TextEncoder
from train.named_inputs import check_pair_set_folder, device_named, load_model
from train.negatives.choice import ChoiceRule
from train.negatives.estimate import estimate
from train.negatives.keys import WITHIN, read_keys
from train.negatives.layout import lay_out
from train.negatives.nearest import INDEXES, check_index
from train.negatives.result import WORK_FOLDER, Run, output_folder, write_result
from train.negatives.work import Work, vector_finder, word_finder, work_name
from train.progress import Meter

METHODS = ("model", "bm25")


@dataclass(frozen=True)
class Settings:
    """What the result depends on; it stands in the manifest, and a run is only resumed with the same."""

    inputs: tuple[str]
    """The data_id of the set."""
    dedupe: dict[str, Any] | None
    """By which settings of dedupe it was split and signed, as every set keeps them that is made of such a one."""
    method: str
    model: str | None
    model_hash: str | None
    """sha256 of the model's files; None for a hub name."""
    index: str
    within: str
    rule: ChoiceRule

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        rule = asdict(self.rule) | {"ranks": list(self.rule.ranks)}
        return asdict(self) | {"inputs": list(self.inputs), "rule": rule}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status, or raises SystemExit(2) with a sentence for wrong arguments."""
    parser = _parser()
    args = parser.parse(sys.argv[1:] if argv is None else argv)
    try:
        device = device_named(args.device)
        check_pair_set_folder(args.input, "--input")
        if Path(args.input).resolve() == Path(args.output).resolve():
            raise ValueError("--output is the set itself; name another folder, the set stays as it is")
        manifest = read_manifest(args.input)
        if not manifest.splits:
            raise ValueError(f"{args.input} has no rows; mine more")
        settings = _settings(args, manifest)
        encoder = load_model(args.model, device) if args.method == "model" else None
        if args.dry_run:
            print(estimate(args.input, manifest, encoder, settings.within, settings.rule, device))
            return 0
        with output_folder(
            Path(args.output), settings.as_dict(), overwrite=args.overwrite, resume=args.resume
        ) as run_id:
            return _run(args, manifest, Run(run_id, settings.as_dict()), settings, encoder, device)
    except (FloatingPointError, LedgerError, OSError, EOFError, RuntimeError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        parser.error(str(error))


def _run(
    args: argparse.Namespace,
    manifest: Manifest,
    run: Run,
    settings: Settings,
    encoder: TextEncoder | None,
    device: str,
) -> int:
    keys = read_keys(args.input, manifest, settings.within)
    layout = lay_out(keys)
    output = Path(args.output)
    folder = (Path(args.temp) if args.temp else output / WORK_FOLDER) / work_name(run.config)
    if args.overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    work = Work(folder, settings.rule.count, encoder.dimension if encoder else 0)

    def step(title: str, call: Callable[..., Any], *values: Any) -> Any:
        with Meter(title, len(keys), quiet=args.quiet) as meter:
            return call(*values, report=meter.at)

    try:
        step("encode" if encoder else "read", work.encode, args.input, manifest, layout, encoder)
        if encoder:
            find = vector_finder(work, layout, settings.index, device)
        else:
            find = word_finder(work, keys, layout)
        step("search", work.search, keys, layout, settings.rule, find)
        result = step("write", write_result, args.input, manifest, output, run, work, keys, layout)
    finally:
        work.close()
    shutil.rmtree(folder if args.temp else output / WORK_FOLDER, ignore_errors=True)
    _print(result, args.output, quiet=args.quiet)
    return 0


def _print(manifest: Manifest, output: str, *, quiet: bool) -> None:
    notes = manifest.ledger["notes"]
    if not quiet:
        for name, n in notes.items():
            print(f"{name.replace('_', ' ')}: {n:,}")
    rows = ", ".join(f"{split} {n:,}" for split, n in manifest.splits.items())
    print(f"{output}: {rows}; {notes['negatives_added']:,} negatives (data_id {manifest.data_id})")


def _settings(args: argparse.Namespace, manifest: Manifest) -> Settings:
    if (args.method == "model") != (args.model is not None):
        raise ValueError("give --model a model's folder, or --method bm25 and no model")
    if args.method == "bm25" and args.index != "blocks":
        raise ValueError("--index is for the vectors of a model; leave it out with --method bm25")
    check_index(args.index)
    margin = args.margin
    if margin is None and args.method == "model":
        margin = ChoiceRule.margin
    rule = ChoiceRule(args.count, tuple(args.ranks), margin, args.relative_margin)
    model_hash = _folder_hash(Path(args.model)) if args.model and Path(args.model).is_dir() else None
    return Settings(
        inputs=(manifest.data_id,),
        dedupe=split_settings(manifest),
        method=args.method,
        model=_name(args.model),
        model_hash=model_hash,
        index=args.index,
        within=args.within,
        rule=rule,
    )


def _name(model: str | None) -> str | None:
    """A hub name as it is; of a folder its last two parts: the result must not depend on where it lies."""
    return "/".join(Path(model).parts[-2:]) if model else None


def _folder_hash(folder: Path) -> str:
    """sha256 of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _parser() -> CommandParser:
    rule = ChoiceRule()
    parser = CommandParser(
        prog="pairmill hard-negatives", description="Add the best wrong answers to the rows of a pair set."
    )
    parser.add_argument("--input", required=True, metavar="SET", help="a pair set's folder")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder for the result, on this machine")
    parser.add_argument("--model", metavar="MODEL", help="model folder, or ORG/NAME on the Hugging Face hub")
    parser.add_argument("--method", default="model", choices=METHODS, help="search by embeddings, or by BM25")
    parser.add_argument("--count", type=int, default=rule.count, help=f"negatives a row (default: {rule.count})")
    parser.add_argument(
        "--ranks",
        type=int,
        nargs=2,
        default=rule.ranks,
        metavar=("FROM", "TO"),
        help="which places to take them from, among the candidates that are no known answer (default: 1 100)",
    )
    parser.add_argument(
        "--margin",
        type=float,
        metavar="M",
        help="a negative scores less than the own positive less M (default: 0; with bm25 whatever it scores)",
    )
    parser.add_argument(
        "--relative-margin", type=float, metavar="SHARE", help="and less than the own positive less this share of it"
    )
    parser.add_argument(
        "--within",
        default="source",
        choices=WITHIN,
        help="candidates are of the row's split and source, or of its split",
    )
    parser.add_argument(
        "--index", default="blocks", choices=INDEXES, help="how embeddings are searched; both are exact"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:1 (default: cuda where there is one)")
    parser.add_argument("--temp", metavar="FOLDER", help="folder for temporary files (default: inside the output)")
    parser.add_argument("--resume", action="store_true", help="go on with an unfinished result of the same settings")
    parser.add_argument("--overwrite", action="store_true", help="replace a result that is in the way")
    parser.add_argument("--dry-run", action="store_true", help="measure a sample, say what it would take, and stop")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the closing line")
    return parser


if __name__ == "__main__":
    sys.exit(main())
