"""`pairmill demo`: the whole line on real input found on this machine, with nothing bundled.

In: the Python packages of the running environment, the standard library, and HTML documentation that real packages
ship, fetched from the package registry and captured into WARCs. Out, below --output: pair sets, an audit report, a
trained model and its scores beside BM25 on repositories that it has not seen. Each step is a `pairmill` command,
printed as it runs; a second call keeps the steps that ended well.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pairmill.demo_input import code_input, web_input
from pairmill.demo_steps import STATE_NAME, Runner, Step, StepError

INTERRUPTED = 130
USAGE_ERROR = 2
RECIPE = "static-cpu"
TEST_SHARE = "0.15"
"""Of about a hundred repositories: enough are held out for intervals over repositories."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo; 0 done, 1 a step failed, 2 wrong arguments, 130 interrupted."""
    args = _parser().parse_args(argv)
    folder = Path(os.path.abspath(args.output))
    try:
        _check(folder, args.workers)
    except ValueError as error:
        print(f"pairmill demo: {error}", file=sys.stderr)
        return USAGE_ERROR
    begun = time.monotonic()
    try:
        runner = _run(folder, args.workers, args.quiet)
    except StepError as error:
        print(f"pairmill demo: {error} Finished steps are kept: the same command goes on from here.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\npairmill demo: stopped. Finished steps are kept: the same command goes on from here.", file=sys.stderr)
        return INTERRUPTED
    print(_closing(folder, runner.seconds(), time.monotonic() - begun))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pairmill demo",
        description="Mine, clean, audit, train and evaluate on real input found on this machine.",
        allow_abbrev=False,
    )
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder for everything that the demo makes")
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes of the mining, dedupe and audit (default: the cores)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only each step's closing line")
    return parser


def _check(folder: Path, workers: int) -> None:
    if workers < 1:
        raise ValueError(f"--workers must be 1 or more, not {workers}.")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder.")
    if folder.is_dir() and not (folder / STATE_NAME).exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds files that are not the demo's; name an empty or a new folder.")
    missing = [name for name in ("warcio", "torch", "sentence_transformers") if find_spec(name) is None]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing; install it with: pip install 'pairmill[train,demo]'")


def _run(folder: Path, workers: int, quiet: bool) -> Runner:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATE_NAME).touch()
    runner = Runner(folder)
    print("== input", flush=True)
    begun = time.monotonic()
    warcs = web_input(folder / "input", _say)
    repositories = code_input(folder / "input", _say)
    runner.note_seconds("input", time.monotonic() - begun)
    for step in steps(folder, warcs, repositories, workers, quiet):
        runner.run(step)
    return runner


def steps(folder: Path, warcs: Sequence[Path], repositories: Sequence[str], workers: int, quiet: bool) -> list[Step]:
    """The demo's commands in order."""
    web, code, pairs, report, run = (folder / name for name in ("web", "code", "pairs", "report", "training"))
    scores = folder / "scores.json"
    job = ("--workers", str(workers), *(("--quiet",) if quiet else ()))
    hush = ("--quiet",) if quiet else ()
    mined = [web, code] if warcs else [code]
    mine_web = Step(
        "mine the web pages",
        ("mine-web", "--input", *map(str, warcs), "--output", str(web)),
        job,
        web,
        lambda: _is_pair_set(web),
        continue_flags=("--resume",),
        redo_flags=("--overwrite",),
    )
    return [
        *([mine_web] if warcs else []),
        Step(
            "mine the code",
            ("mine-code", "--input", *repositories, "--output", str(code)),
            job,
            code,
            lambda: _is_pair_set(code),
            continue_flags=("--resume",),
            redo_flags=("--overwrite",),
        ),
        Step(
            "remove duplicates and split",
            ("dedupe", "--input", *map(str, mined), "--output", str(pairs), "--test-share", TEST_SHARE),
            job,
            pairs,
            lambda: _is_pair_set(pairs),
            continue_flags=("--overwrite",),
            redo_flags=("--overwrite",),
        ),
        Step("verify", ("verify", str(pairs)), hush, pairs, lambda: True),
        Step(
            "audit",
            ("audit", "--input", str(pairs), "--output", str(report)),
            job,
            report,
            lambda: (report / "report.html").exists() and (report / "audit.json").exists(),
            continue_flags=("--overwrite",),
            redo_flags=("--overwrite",),
        ),
        Step(
            "train",
            ("train", "--data", str(pairs), "--recipe", RECIPE, "--output", str(run)),
            hush,
            run,
            lambda: (run / "model" / "modules.json").exists(),
            continue_flags=("--resume",),
            redo_flags=("--overwrite",),
        ),
        Step(
            "evaluate",
            (
                *("evaluate", str(run / "model"), "--tasks", "pair-set", "--data", str(pairs)),
                *("--strip-comments", "--mask-names", "--output", str(scores)),
            ),
            hush,
            scores,
            scores.exists,
        ),
    ]


def _is_pair_set(folder: Path) -> bool:
    from schemas.verify import faults

    try:
        return next(iter(faults(str(folder))), None) is None
    except (OSError, ValueError):
        return False


def _say(line: str) -> None:
    print(f"  {line}", flush=True)


def _closing(folder: Path, seconds: dict[str, float], wall: float) -> str:
    from schemas.pair_set import read_manifest

    rows = ", ".join(f"{n:,} {split}" for split, n in read_manifest(folder / "pairs").splits.items())
    width = max(map(len, seconds))
    return "\n".join(
        [
            "",
            f"pair set   {folder / 'pairs'}  ({rows})",
            f"report     {folder / 'report' / 'report.html'}",
            f"model      {folder / 'training' / 'model'}",
            f"scores     {folder / 'scores.json'}",
            "",
            "seconds of each step:",
            *(f"  {name:<{width}}  {value:7.1f}" for name, value in seconds.items()),
            f"  {'this call':<{width}}  {wall:7.1f}",
        ]
    )
