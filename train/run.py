"""Trains an embedding model: ``python train/run.py --data PAIR_SET --recipe static-cpu --output RUN``.

In: pair sets and a recipe. Out: RUN/model (what sentence-transformers loads), RUN/checkpoints, RUN/recipe.yaml and
RUN/metrics.jsonl. Exit status: 0 done or stopped by SIGTERM with a checkpoint, 1 the training failed, 2 the arguments
are wrong. On several processes: ``torchrun --nproc-per-node 8 train/run.py …``.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: Python put this folder on the path, where the project's root belongs
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import torch
import transformers

from schemas.pair_set import read_manifest, read_pair_set
from train import checkpoint
from train.allocator import prepare_allocator
from train.batch_plan import Step
from train.building import (
    build_caches,
    build_encoder,
    build_plan,
    choose_kernels,
    first_temperature,
    start_static_weights,
)
from train.command_line import CommandParser
from train.dropout_masks import quicken_dropout
from train.graph_memory import settle_kept_tokens
from train.journal import Journal
from train.loss import Temperature
from train.model_card import write_model
from train.processes import Processes, join_processes, leave_processes
from train.recipe import Recipe
from train.recipe_file import read_recipe
from train.run_folder import RunFolder
from train.static_encoder import StaticEncoder
from train.token_cache import SPLIT, without_tokens
from train.train_rows import TrainRows
from train.training import Learner, LossNotFinite, Material, texts_of, train

PAIRS_NAMED = 20
"""Pairs of a step that an error names; --explain-step prints all."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status, or raises SystemExit(2) with a sentence for wrong arguments."""
    parser = _parser()
    args = parser.parse(sys.argv[1:] if argv is None else argv)
    try:
        recipe = _recipe(args)
        data = [_pair_set(folder) for folder in args.data]
        device = _device(args.device)
        if args.explain_step is not None:
            return _explain(recipe, data, args.explain_step)
        if args.write_tokenizer:
            return _write_tokenizer(recipe, data, Path(args.write_tokenizer))
        if not args.output:
            raise ValueError("give the run's folder with --output")
        processes, device = join_processes(device)
        try:
            return _run(recipe, data, device, processes, args)
        finally:
            leave_processes()
    except ValueError as error:
        parser.error(str(error))
    except (RuntimeError, OSError) as error:
        print(f"the training failed: {error}", file=sys.stderr)
    return 1


def _run(recipe: Recipe, data: Sequence[str], device: str, processes: Processes, args: argparse.Namespace) -> int:
    run = RunFolder(Path(args.output))
    if processes.is_first:
        if args.resume and not args.overwrite and run.is_finished:
            print(f"{run.root} is finished; its model is in {run.model}", file=sys.stderr)
            return 0
        run.prepare(overwrite=args.overwrite, resume=bool(args.resume or args.resume_anyway))
        run.recipe.write_text(recipe.to_yaml(), encoding="utf-8")
    processes.wait()
    material, learner, origin = _prepare(recipe, data, run, device, processes, args)
    newest = _checkpoint(run, origin, data, args)
    started = time.monotonic()
    try:
        result = train(material, learner, run, origin, resume_from=newest, quiet=args.quiet)
    except LossNotFinite as error:
        rows = _rows(data, material.rows, Step(error.step.source, error.step.rows[:PAIRS_NAMED]))
        ids = ", ".join(row["pair_id"] for row in rows)
        if processes.is_first:
            print(f"{error}; its pairs begin with {ids} (all: --explain-step {error.number})", file=sys.stderr)
        return 1
    if not processes.is_first:
        return 0
    if not result.is_finished:
        print(f"stopped after step {result.steps:,}; go on with --resume", file=sys.stderr)
        return 0
    write_model(material, learner, run, origin, result, Journal(args.quiet))
    if not args.quiet:
        loss = "" if result.loss is None else f", loss {result.loss:.4f}"
        seconds = time.monotonic() - started
        print(f"{result.steps:,} steps in {seconds:,.0f} s{loss}; the model is in {run.model}", file=sys.stderr)
    return 0


def _prepare(
    recipe: Recipe, data: Sequence[str], run: RunFolder, device: str, processes: Processes, args: argparse.Namespace
) -> tuple[Material, Learner, checkpoint.Origin]:
    """What trains, and from what. The first process makes tokenizer and token caches, the others read them."""
    prepare_allocator()
    quicken_dropout()
    quiet = args.quiet or not processes.is_first
    if quiet:
        transformers.utils.logging.disable_progress_bar()
    if not processes.is_first:
        processes.wait()
    encoder = build_encoder(recipe, data, run)
    caches = build_caches(recipe, data, encoder, Path(args.tokens or run.tokens), quiet=quiet)
    if processes.is_first:
        processes.wait()
    rows = TrainRows(caches)
    plan = build_plan(recipe, data, rows)
    if isinstance(encoder, StaticEncoder):
        start_static_weights(encoder, caches, recipe.static)
    temperature = Temperature(first_temperature(recipe), trained=recipe.train_temperature)
    learner = Learner(encoder, temperature).to(device)
    data_ids = tuple(read_manifest(name).data_id for name in data)
    origin = checkpoint.Origin(data_ids, encoder.fingerprint(), recipe.to_yaml())
    measure = None
    if recipe.evaluate:
        from train.validation import validation_of  # the evaluator's libraries are not needed to train

        measure = validation_of(data[0], device)
    choose_kernels(encoder, recipe, Journal(quiet))
    is_resumed = bool(args.resume or args.resume_anyway)
    texts = texts_of(rows, plan.step(0), processes)
    kept = settle_kept_tokens(recipe, encoder.train(), texts, run.graphs, processes, is_resumed=is_resumed)
    return Material(recipe, plan, rows, processes, measure, kept), learner, origin


def _checkpoint(
    run: RunFolder, origin: checkpoint.Origin, data: Sequence[str], args: argparse.Namespace
) -> Path | None:
    """Where the run goes on; None where it begins."""
    newest = checkpoint.latest(run.checkpoints)
    if newest and not args.resume_anyway:
        formerly = {data_id for name in data for data_id in read_manifest(name).formerly}
        checkpoint.check_origin(newest, origin, formerly)
    return newest


def _explain(recipe: Recipe, data: Sequence[str], number: int) -> int:
    """Prints the pairs of a step. The plan does not depend on tokens."""
    if number < 0:
        raise ValueError("steps are counted from 0: --explain-step takes 0 or more")
    rows = TrainRows([without_tokens(name, recipe.kept_negatives) for name in data])
    step = build_plan(recipe, data, rows).step(number)
    print(f"step {number}: {len(step.rows):,} pairs of {step.source}")
    for row in _rows(data, rows, step):
        texts = [row["anchor"], row["positive"], *row["negatives"]]
        print("\t".join([row["row_id"], *map(_line, texts)]))
    return 0


def _write_tokenizer(recipe: Recipe, data: Sequence[str], file: Path) -> int:
    """Writes what cuts the recipe's texts, and prints the command that cuts them on many machines."""
    with tempfile.TemporaryDirectory() as folder:
        definition = build_encoder(recipe, data, RunFolder(Path(folder))).text_tokenizer.to_str()
    file.write_text(definition, encoding="utf-8")
    negatives = f" --negatives {recipe.kept_negatives}" if recipe.kept_negatives else ""
    lengths = f"--anchor-length {recipe.anchor_length} --positive-length {recipe.positive_length}{negatives}"
    for name in data:
        print(f"pairmill token-cache --input {name} --tokenizer {file} {lengths} --output FOLDER")
    return 0


def _rows(data: Sequence[str], rows: TrainRows, step: Step) -> Iterator[dict]:
    """Ids and texts of the pairs of a step in its order, with the hard negatives that it takes."""
    columns = ["row_id", "pair_id", "anchor", "positive", "negatives"]
    places = [rows.place(row) for row in step.rows]
    found: dict[tuple[int, int], dict] = {}
    for part in {part for part, _ in places}:
        local = sorted({number for own, number in places if own == part})
        table = read_pair_set(data[part], SPLIT).scanner(columns).take(pa.array(local))
        found |= {(part, number): row for number, row in zip(local, table.to_pylist(), strict=True)}
    for order, place in enumerate(places):
        row = found[place]
        chosen = step.negatives[order] if step.negatives else ()
        yield {**row, "negatives": [row["negatives"][which] for which in chosen]}


def _line(text: str, width: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _recipe(args: argparse.Namespace) -> Recipe:
    settings = list(args.set)
    if args.steps is not None:
        settings += [f"steps={args.steps}", "epochs=null"]
    recipe = read_recipe(args.recipe, settings)
    return replace(recipe, where=args.where) if args.where is not None else recipe


def _pair_set(folder: str) -> str:
    if not read_manifest(folder).splits.get(SPLIT):
        raise ValueError(f"{folder} has no rows in its split {SPLIT}, so there is nothing to train on")
    return folder


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):
        raise ValueError(f"there is no device {name} here; give --device cpu or --device auto") from None
    return name


def _parser() -> CommandParser:
    parser = CommandParser(prog="train/run.py", description="Trains an embedding model on pair sets.")
    parser.add_argument("--data", action="append", required=True, help="a pair set's folder; may be repeated")
    parser.add_argument("--recipe", default="static-cpu", help="a file, or a name in train/recipes (static-cpu)")
    parser.add_argument("--output", help="the run's folder")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="overrides a key of the recipe")
    parser.add_argument("--steps", type=int, help="train this many steps instead of the recipe's")
    parser.add_argument("--where", metavar="EXPRESSION", help="train on these rows: 'language = \"python\"'")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        choices=["auto"],
        help="go on from the newest checkpoint; where there is none begin, and where all is done end",
    )
    parser.add_argument("--resume-anyway", action="store_true", help="as --resume, from another recipe or other data")
    parser.add_argument("--overwrite", action="store_true", help="delete what a run left in --output, and start again")
    parser.add_argument("--explain-step", type=int, metavar="N", help="print the pairs of step N and end")
    parser.add_argument("--tokens", metavar="FOLDER", help="where the pairs lie as tokens (default: in --output)")
    parser.add_argument(
        "--write-tokenizer", metavar="FILE", help="write the tokenizer for `pairmill token-cache`, and end"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 or auto (cuda where there is one)")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


if __name__ == "__main__":
    sys.exit(main())
