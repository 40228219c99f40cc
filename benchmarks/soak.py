"""Does a process that mines, dedupes and verifies again and again stay as large as it was?

    python benchmarks/soak.py --minutes 60 --warc FILE … [--code FOLDER …] [--workers N]

Each turn mines the WARC files and the code (default: packages of the standard library), dedupes both sets into one
and verifies it, all in this process and its children, as a notebook or a service would; each turn must give the rows
of the first. Printed at each turn: resident memory of the process tree (PSS), its open files and
processes, all after the turn. At the end the slope of each over the turns, by Theil and Sen with its 95 % interval,
without the first turns, in which rules and models are loaded and allocators fill; `growing` where the whole interval
lies above what is allowed. Exit status 1 where something grows.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import contextlib
import io
import os
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from process_tree import tree_mb, tree_of, tree_open_files
from scipy.stats import theilslopes

from pipelines import dedupe, mine_code, mine_web
from schemas import verify
from schemas.pair_set import read_manifest

PACKAGES = ("email", "json", "asyncio", "http", "xml")
WARM_UP_TURNS = 3
LEAST_TURNS = 5
CONFIDENCE = 0.95
ALLOWED = {"memory MB": 0.5, "open files": 0.05, "processes": 0.05}
"""Growth a turn that is no growth: memory is a matter of allocators too."""


@dataclass(frozen=True)
class Turn:
    """What a turn took and left."""

    seconds: float
    measured: dict[str, float]
    data_id: str


def call(job: str, main: Callable[[Sequence[str]], int], flags: Sequence[str]) -> None:
    """Run a job in this process, silently. Raises RuntimeError where it fails."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = main(list(flags))
    if status:
        raise RuntimeError(f"{job} ended with {status}: {said.getvalue()[-2000:]}")


def turn(warcs: Sequence[str], code: Sequence[str], workers: int) -> Turn:
    """Mine, dedupe, verify."""
    begin = time.monotonic()
    jobs = ("--workers", str(workers), "--quiet", "--output")
    with tempfile.TemporaryDirectory(prefix="pairmill-soak-") as folder:
        web, repositories, pairs = (os.path.join(folder, name) for name in ("web", "code", "pairs"))
        call("mine-web", mine_web.main, ("--input", *warcs, *jobs, web))
        call("mine-code", mine_code.main, ("--input", *code, *jobs, repositories))
        call("dedupe", dedupe.main, ("--input", web, repositories, *jobs, pairs))
        call("verify", verify.main, (pairs,))
        data_id = read_manifest(pairs).data_id
    root = os.getpid()
    measured = {
        "memory MB": tree_mb(root),
        "open files": float(tree_open_files(root)),
        "processes": float(len(tree_of(root))),
    }
    return Turn(time.monotonic() - begin, measured, data_id)


def verdicts(turns: Sequence[Turn]) -> dict[str, bool]:
    """Print each measure's slope over the turns; whether it grows, by its name."""
    counted, growing = turns[WARM_UP_TURNS:], {}
    for name, allowed in ALLOWED.items():
        values = [one.measured[name] for one in counted]
        slope, _, low, high = theilslopes(values, range(len(values)), CONFIDENCE)
        growing[name] = bool(low > allowed)
        print(
            f"{name}: {min(values):,.1f} to {max(values):,.1f}, {slope:+.3f} a turn ({low:+.3f} to {high:+.3f}): "
            f"{'growing' if growing[name] else 'flat'}"
        )
    return growing


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--warc", nargs="+", required=True, metavar="FILE", help="WARC files to mine each turn")
    library = sysconfig.get_path("stdlib")
    parser.add_argument(
        "--code",
        nargs="+",
        default=[os.path.join(library, name) for name in PACKAGES],
        metavar="FOLDER",
        help="repositories to mine each turn (default: five packages of the standard library)",
    )
    parser.add_argument("--workers", type=int, default=1, help="worker processes of each job (default: 1, in memory)")
    args = parser.parse_args()
    end = time.monotonic() + args.minutes * 60
    turns: list[Turn] = []
    print(f"{'turn':>4} {'seconds':>8} " + " ".join(f"{name:>10}" for name in ALLOWED), flush=True)
    while time.monotonic() < end:
        one = turn(args.warc, args.code, args.workers)
        turns.append(one)
        figures = " ".join(f"{one.measured[name]:>10,.1f}" for name in ALLOWED)
        print(f"{len(turns):>4} {one.seconds:>8.1f} {figures}", flush=True)
        if one.data_id != turns[0].data_id:
            print(f"turn {len(turns)} gave other rows than the first")
            return 1
    if len(turns) < WARM_UP_TURNS + LEAST_TURNS:
        print(f"{len(turns)} turns are too few to tell; give more --minutes or less input")
        return 1
    return int(any(verdicts(turns).values()))


if __name__ == "__main__":
    raise SystemExit(main())
