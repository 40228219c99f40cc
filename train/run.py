"""Trains an embedding model: ``python train/run.py --data PAIR_SET --recipe static-cpu --output RUN``.

In: pair sets and a recipe. Out: RUN/model (what sentence-transformers loads), RUN/checkpoints, RUN/recipe.yaml and
RUN/metrics.jsonl. Exit status: 0 done or stopped by SIGTERM with a checkpoint, 1 the training failed, 2 the arguments
are wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # run as a script: Python put this folder on the path, where the project's root belongs
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse
import shutil
import time
from collections.abc import Sequence
from tempfile import TemporaryDirectory

import pyarrow as pa
import torch

from schemas.pair_set import read_manifest, read_pair_set
from train import checkpoint
from train.allocator import keep_freed_memory
from train.building import build_caches, build_encoder, build_plan, start_static_weights
from train.command_line import CommandParser
from train.encoder import Encoder
from train.model_card import model_card
from train.model_folder import CARD_NAME
from train.recipe import Recipe, read_recipe
from train.run_folder import RunFolder
from train.static_encoder import StaticEncoder
from train.token_cache import SPLIT
from train.training import Learner, LossNotFinite, Result, train

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
        if not args.output:
            raise ValueError("give the run's folder with --output")
        run = RunFolder(Path(args.output))
        run.prepare(overwrite=args.overwrite, resume=args.resume or args.resume_anyway)
        return _train(recipe, data, run, device, args)
    except ValueError as error:
        parser.error(str(error))
    except LossNotFinite as error:
        ids = [row["pair_id"] for row in _rows(data[error.step.part], error.step.rows[:PAIRS_NAMED])]
        print(f"{error}; its pairs begin with {', '.join(ids)} (all: --explain-step {error.number})", file=sys.stderr)
    except (RuntimeError, OSError) as error:
        print(f"the training failed: {error}", file=sys.stderr)
    return 1


def _train(recipe: Recipe, data: Sequence[str], run: RunFolder, device: str, args: argparse.Namespace) -> int:
    started = time.monotonic()
    keep_freed_memory()
    run.recipe.write_text(recipe.to_yaml(), encoding="utf-8")
    encoder = build_encoder(recipe, data, run)
    caches = build_caches(recipe, data, encoder, run.tokens, quiet=args.quiet)
    plan = build_plan(recipe, data, caches)
    if isinstance(encoder, StaticEncoder):
        start_static_weights(encoder, caches, recipe.static.idf_power)
    learner = Learner(encoder, recipe).to(device)
    manifests = [read_manifest(name) for name in data]
    origin = checkpoint.Origin(
        tuple(manifest.data_id for manifest in manifests), encoder.fingerprint(), recipe.to_yaml()
    )
    newest = checkpoint.latest(run.checkpoints)
    if newest and not args.resume_anyway:
        formerly = {data_id for manifest in manifests for data_id in manifest.formerly}
        checkpoint.check_origin(newest, origin, formerly)
    result = train(recipe, plan, caches, learner, run, origin, resume_from=newest, quiet=args.quiet)
    if not result.is_finished:
        print(f"stopped after step {result.steps:,}; go on with --resume", file=sys.stderr)
        return 0
    _write_model(recipe, learner, run, origin, result, plan.rows, plan.batch)
    if not args.quiet:
        seconds = time.monotonic() - started
        loss = "" if result.loss is None else f", loss {result.loss:.4f}"
        print(f"{result.steps:,} steps in {seconds:,.0f} s{loss}; the model is in {run.model}", file=sys.stderr)
    return 0


def _write_model(
    recipe: Recipe,
    learner: Learner,
    run: RunFolder,
    origin: checkpoint.Origin,
    result: Result,
    rows: int,
    batch: int,
) -> None:
    """Writes RUN/model whole or not at all."""
    encoder: Encoder = learner.encoder.eval()
    part = run.root / "model.part"
    shutil.rmtree(part, ignore_errors=True)
    encoder.save(part)
    card = model_card(
        recipe,
        dimension=encoder.dimension,
        rows=rows,
        data_ids=origin.data_ids,
        steps=result.steps,
        batch=batch,
        loss=result.loss,
        temperature=1.0 / float(learner.temperature().detach()),
    )
    (part / CARD_NAME).write_text(card, encoding="utf-8")
    shutil.rmtree(run.model, ignore_errors=True)
    part.replace(run.model)


def _explain(recipe: Recipe, data: Sequence[str], number: int) -> int:
    """Prints the pairs of a step. The plan does not depend on tokens, so the smallest encoder serves."""
    if number < 0:
        raise ValueError("steps are counted from 0: --explain-step takes 0 or more")
    with TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        encoder = build_encoder(read_recipe("static-cpu", ["static.vocabulary=300", "static.dimension=1"]), data, run)
        caches = build_caches(recipe, data, encoder, run.tokens, quiet=True)
        step = build_plan(recipe, data, caches).step(number)
    print(f"step {number}: {len(step.rows):,} pairs of {step.source} from {data[step.part]}")
    for row in _rows(data[step.part], step.rows):
        print(f"{row['row_id']}\t{_line(row['anchor'])}\t{_line(row['positive'])}")
    return 0


def _rows(folder: str, rows: Sequence[int]) -> list[dict[str, str]]:
    """Ids and texts of train rows by their place in the set's canonical order."""
    columns = ["row_id", "pair_id", "anchor", "positive"]
    return read_pair_set(folder, SPLIT).scanner(columns).take(pa.array(rows)).to_pylist()


def _line(text: str, width: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _recipe(args: argparse.Namespace) -> Recipe:
    settings = list(args.set)
    if args.steps is not None:
        settings += [f"steps={args.steps}", "epochs=null"]
    return read_recipe(args.recipe, settings)


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
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint, where there is one")
    parser.add_argument("--resume-anyway", action="store_true", help="as --resume, from another recipe or other data")
    parser.add_argument("--overwrite", action="store_true", help="delete what a run left in --output, and start again")
    parser.add_argument("--explain-step", type=int, metavar="N", help="print the pairs of step N and end")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 or auto (cuda where there is one)")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


if __name__ == "__main__":
    sys.exit(main())
