"""What `pairmill audit` costs on a large set: seconds, CPU seconds and the peak memory of its process tree.

``python benchmarks/bench_audit.py [--rows 1120000] [--chars 600] [--folder FOLDER] [--extras]``

The set is real text of this machine, recombined: pairs of neighbouring passages, one in ten a copy or near copy of an
earlier one, and one in four a piece of documentation with a real Python function. `pairmill dedupe` cleans and splits
it, so that the audit meets a set as people have them, with evidence and signatures. With `--folder` both sets stay
there and are taken again by the next run. Every audit runs whole and alone, with `--workers`, from the command line to
its exit; peak memory is that of all of its processes together (PSS, sampled). Some rows go in dedupe, so that the
default leaves about a million. `--extras` adds a run with `--compare` against the set before dedupe, made-up `--scores`
of every row, and a `--tokenizer` of bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import random
import tempfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from benchmarks.bench_dedupe import recombined
from benchmarks.made_pair_set import write_pair_set
from benchmarks.process_tree import Cost, run
from benchmarks.real_texts import functions
from schemas import Provenance, make_pair, read_pair_set
from schemas.manifest import MANIFEST_NAME
from schemas.pair import Pair, pairs_to_table
from schemas.pair_set import read_manifest
from schemas.scores import SCORES_SCHEMA

ROWS_A_PART = 50_000
CODE_EVERY = 4
LICENSES = ("MIT", "Apache-2.0", "CC-BY-4.0", None)


def made_pairs(rows: int, chars: int, seed: int) -> Iterator[Pair]:
    """So many pairs, one in `CODE_EVERY` of them documentation and code."""
    rng, bodies = random.Random(seed), [text.splitlines() for text in functions(5000, 30, seed)]
    for i, (anchor, positive, group) in enumerate(recombined(rows, chars, seed)):
        code = i % CODE_EVERY == 0
        if code:
            one, two = rng.choice(bodies), rng.choice(bodies)
            positive = "\n".join([f"def made_{i}(self):", *one[1 : 2 + len(one) // 2], *two[len(two) // 2 :]])
        yield make_pair(
            kind="docstring_code" if code else "neighbor_text",
            language="python" if code else "en",
            anchor=anchor if anchor.strip() else "blank",
            positive=positive if positive.strip() else "blank",
            place=("bench", i),
            group=f"github.com/{group}" if code else group,
            provenance=Provenance(
                url=None if code else f"https://{group}/{i}",
                license=rng.choice(LICENSES),
                date=f"{2015 + i % 10}-06-01T00:00:00Z",
            ),
        )


def make_sets(folder: Path, rows: int, chars: int, seed: int, workers: int) -> Cost | None:
    """`folder/mined` and `folder/clean`, unless they are there; gives what dedupe cost."""
    mined, clean = folder / "mined", folder / "clean"
    if not (mined / MANIFEST_NAME).exists():
        write_pair_set(mined, _parts(made_pairs(rows, chars, seed)))
    if (clean / MANIFEST_NAME).exists():
        return None
    command = [sys.executable, "-m", "pipelines.dedupe", "--input", str(mined), "--output", str(clean)]
    return _run([*command, "--overwrite", "--quiet", "--workers", str(workers)])


def _parts(pairs: Iterator[Pair]) -> Iterator[pa.Table]:
    waiting: list[Pair] = []
    for pair in pairs:
        waiting.append(pair)
        if len(waiting) == ROWS_A_PART:
            yield pairs_to_table(waiting)
            waiting = []
    if waiting:
        yield pairs_to_table(waiting)


def audit(folder: Path, workers: int, *more: str) -> Cost:
    """One audit of the clean set."""
    with tempfile.TemporaryDirectory(dir=folder) as output:
        command = [sys.executable, "-m", "pipelines.audit", "--input", str(folder / "clean"), "--output", output]
        return _run([*command, "--quiet", "--workers", str(workers), *more])


def _extras(folder: Path) -> list[str]:
    """Flags for everything beside the set, the files that they name made where they are not there."""
    scores, tokenizer = folder / "scores.parquet", folder / "tokenizer.json"
    ids = read_pair_set(folder / "clean").to_table(columns=["row_id"])["row_id"]
    rng = np.random.default_rng(0)
    ranks = np.minimum(rng.zipf(1.3, len(ids)), 10_000).astype(np.int32)
    table = pa.table([ids, ranks, rng.normal(0.5, 0.2, len(ids)).astype(np.float32)], schema=SCORES_SCHEMA)
    pq.write_table(table, scores)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator([], trainers.BpeTrainer(initial_alphabet=alphabet, show_progress=False))
    made.save(str(tokenizer))
    return ["--compare", str(folder / "mined"), "--scores", str(scores), "--tokenizer", str(tokenizer)]


def _run(command: list[str]) -> Cost:
    return run(command, PYTHONPATH=str(Path(__file__).resolve().parent.parent), OMP_NUM_THREADS="1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_120_000, help="of the set before dedupe")
    parser.add_argument("--chars", type=int, default=600, help="of both sides of a pair of texts together")
    parser.add_argument("--folder", type=Path, help="where the sets are kept (default: a temporary folder)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only-make", action="store_true", help="make the sets and stop")
    parser.add_argument("--extras", action="store_true", help="a second run with all that can be asked for")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        dedupe = make_sets(folder, args.rows, args.chars, args.seed, args.workers)
        if dedupe:
            print(f"dedupe: {dedupe.wall:,.0f} s, {dedupe.cpu:,.0f} CPU s, {dedupe.peak_mb:,.0f} MB", flush=True)
        if args.only_make:
            return
        rows = sum(read_manifest(folder / "clean").splits.values())
        table = Table("audit", "rows", "seconds", "CPU seconds", "peak MB", title=f"{args.workers} processes")
        runs = {"plain": [], "compare, scores, tokenizer": _extras(folder)} if args.extras else {"plain": []}
        for name, more in runs.items():
            cost = audit(folder, args.workers, *more)
            table.add_row(name, f"{rows:,}", f"{cost.wall:,.0f}", f"{cost.cpu:,.0f}", f"{cost.peak_mb:,.0f}")
        Console(width=100).print(table)


if __name__ == "__main__":
    main()
