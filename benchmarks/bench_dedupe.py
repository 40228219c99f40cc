"""`pairmill dedupe` beside its peers on the same documents in one run; and how its cost grows.

``python benchmarks/bench_dedupe.py peers [--count 100000] [--datatrove PYTHON] [--text-dedup PYTHON]``
``python benchmarks/bench_dedupe.py growth [--counts 100000 400000 1600000] [--chars 600]``
``python benchmarks/bench_dedupe.py workers [--count 400000]``

`peers`: documents of some 5.7 KB, real text recombined, one in ten a copy or near copy. Every tool runs alone, one
thread, in a process of its own; the figure is documents a CPU second, children included. pairmill runs whole: from a
plain Parquet table, and from a pair set as mining leaves it, to a set with evidence and signatures, every candidate
verified, leaks between splits searched on three sides. rensa runs with its README's tokens, single words, and with the
shingles of five words that all others have. datatrove and text-dedup need environments of their own: give their
Python. `growth`: CPU seconds and peak memory with a fixed budget for a partition; the exponent is that of time over
documents. `workers`: two processes beside one. A machine that does other work meanwhile gives less even figures;
"stolen" is the share of the processor time that the host of a virtual machine kept from it, near 0 on an idle one.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json
import math
import os
import random
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.made_pair_set import write_pair_set
from benchmarks.process_tree import processor_times, stolen_share
from benchmarks.real_texts import documents
from pipelines.deduping.plain_tables import read_parquet

PEERS = Path(__file__).with_name("dedupe_peers.py")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "ARROW_IO_THREADS"), "1")
PASSAGE_CHARS = 2600
PIECES = 9
"""Of a document: two that share one are far from any threshold."""
BATCH = 5000


@dataclass(frozen=True)
class Figures:
    """What a run cost: seconds, bytes, and what it kept."""

    kept: int
    wall: float
    cpu: float
    peak: float
    stolen: float = 0.0
    """See `process_tree.stolen_share`."""


def recombined(count: int, chars: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """(anchor, positive, group) of documents that are made of real passages; one in ten resembles an earlier one."""
    rng = random.Random(seed)
    passages, piece = documents(6000, PASSAGE_CHARS, seed), max(60, chars // PIECES)
    recent: list[list[str]] = []
    for _ in range(count):
        if recent and rng.random() < 0.1:
            parts = list(rng.choice(recent))
            for _ in range(rng.randrange(2)):
                parts[rng.randrange(len(parts))] = _piece(passages, rng, max(10, piece // 10))
        else:
            parts = []
            while sum(map(len, parts)) < chars:
                parts.append(_piece(passages, rng, piece))
        recent.append(parts)
        recent = recent[-5000:]
        middle = max(1, len(parts) // 2)
        anchor, positive = " ".join(parts[:middle]), " ".join(parts[middle:])
        if not positive.strip():
            anchor, positive = anchor[: len(anchor) // 2], anchor[len(anchor) // 2 :]
        yield anchor, positive, f"site-{rng.randrange(max(300, count // 20))}.example"


def _piece(passages: Sequence[str], rng: random.Random, chars: int) -> str:
    passage = rng.choice(passages)
    start = rng.randrange(max(1, len(passage) - chars))
    return passage[start : start + chars]


def write_documents(path: Path, count: int, chars: int, seed: int) -> int:
    """Write the table; returns the bytes of text."""
    names, size = ("anchor", "positive", "group"), 0
    writer = None
    rows: list[tuple[str, str, str]] = []
    for number, row in enumerate(recombined(count, chars, seed), 1):
        rows.append(row)
        size += len(row[0]) + len(row[1])
        if len(rows) == BATCH or number == count:
            table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            rows = []
    if writer:
        writer.close()
    return size


def measure(tool: str, table: Path, python: str = sys.executable, workers: int = 1) -> Figures:
    """Run a tool of `dedupe_peers.py` in a process of its own."""
    with tempfile.TemporaryDirectory(dir=table.parent) as folder:
        environment = {**os.environ, **ONE_THREAD, "BENCH_WORKERS": str(workers), "HF_HUB_OFFLINE": "1"}
        given = [python, str(PEERS), tool, str(table), folder]
        if tool == "pairmill":
            environment["PYTHONPATH"] = str(PEERS.parent.parent)
        times = processor_times()
        done = subprocess.run(given, env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("figures ")]
    if not lines:
        raise SystemExit(f"{tool} failed:\n{done.stderr[-2000:]}")
    figures = Figures(**json.loads(lines[-1].removeprefix("figures ")), stolen=stolen_share(times))
    told = f"{figures.cpu:.1f} CPU s, {figures.wall:.1f} s, {figures.stolen:.0%} stolen"
    print(f"{tool}, {table.name}: {told}", file=sys.stderr, flush=True)
    return figures


def bench_peers(args: argparse.Namespace, folder: Path, console: Console) -> None:
    table = folder / "documents.parquet"
    size = write_documents(table, args.count, args.chars, args.seed)
    groups = range(pq.read_metadata(table).num_row_groups)
    pairs = write_pair_set(folder / "set", (batch.pairs for batch in read_parquet(str(table), groups, 0, BATCH)))
    few = min(args.few or args.count, args.count)
    start = _first_rows(table, folder, few)
    measure("pairmill", _first_rows(table, folder, 200))  # compiles what is not yet
    ours = (
        ("pairmill, plain table", args.count, measure("pairmill", table)),
        ("pairmill, pair set", args.count, measure("pairmill", pairs)),
    )
    peers = [(tool, args.count, measure(tool, table)) for tool in ("rensa_readme", "rensa_shingles", "datasketch")]
    slow = [("datatrove_whole", args.datatrove), ("datatrove_split", args.datatrove), ("text_dedup", args.text_dedup)]
    peers += [(tool, few, measure(tool, start, python)) for tool, python in slow if python]
    title = f"{args.count:,} documents, {size / 1e6:,.0f} MB of text, one thread"
    columns = ("tool", "documents", "kept", "CPU s", "documents a CPU s", "table is", "set is", "peak MB", "stolen")
    shown = Table(*columns, title=title)
    for name, count, figures in (*ours, *peers):
        ratios = [figures.cpu / count / (own.cpu / args.count) for _, _, own in ours]
        cells = (f"{figures.cpu:.1f}", f"{count / figures.cpu:,.0f}", *(f"{ratio:.2f} x" for ratio in ratios))
        held = f"{figures.peak / 1e6:,.0f}", f"{figures.stolen:.0%}"
        shown.add_row(name, f"{count:,}", f"{figures.kept:,}", *cells, *held)
    console.print(shown)


def _first_rows(table: Path, folder: Path, count: int) -> Path:
    path = folder / f"first-{count}.parquet"
    pq.write_table(pq.read_table(table).slice(0, count), path)
    return path


def bench_growth(args: argparse.Namespace, folder: Path, console: Console) -> None:
    columns = ("documents", "kept", "CPU s", "documents a CPU s", "peak MB", "stolen", "exponent")
    shown = Table(*columns, title="growth, one process")
    before: tuple[int, Figures] | None = None
    for count in args.counts:
        table = folder / f"documents-{count}.parquet"
        write_documents(table, count, args.chars, args.seed)
        figures = measure("pairmill", table)
        exponent = math.log(figures.cpu / before[1].cpu) / math.log(count / before[0]) if before else math.nan
        shown.add_row(
            f"{count:,}",
            f"{figures.kept:,}",
            f"{figures.cpu:.1f}",
            f"{count / figures.cpu:,.0f}",
            f"{figures.peak / 1e6:,.0f}",
            f"{figures.stolen:.0%}",
            f"{exponent:.3f}",
        )
        before = count, figures
        table.unlink()
    console.print(shown)


def bench_workers(args: argparse.Namespace, folder: Path, console: Console) -> None:
    table = folder / "documents.parquet"
    write_documents(table, args.count, args.chars, args.seed)
    columns = ("workers", "kept", "CPU s", "wall s", "stolen", "CPU of one", "speed of one")
    shown = Table(*columns, title=f"{args.count:,} documents")
    one = measure("pairmill", table)
    for workers, figures in ((1, one), (2, measure("pairmill", table, workers=2))):
        cost, speed = figures.cpu / one.cpu, one.wall / figures.wall
        shown.add_row(
            f"{workers}",
            f"{figures.kept:,}",
            f"{figures.cpu:.1f}",
            f"{figures.wall:.1f}",
            f"{figures.stolen:.0%}",
            f"{cost:.2f} x",
            f"{speed:.2f} x",
        )
    console.print(shown)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench_dedupe", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    peers = commands.add_parser("peers", help="beside rensa, datasketch, datatrove and text-dedup")
    peers.add_argument("--count", type=int, default=100_000, help="documents")
    peers.add_argument("--chars", type=int, default=5700, help="characters of a document")
    peers.add_argument("--few", type=int, help="documents for datatrove and text-dedup, which take long (default: all)")
    peers.add_argument("--datatrove", metavar="PYTHON", help="Python of an environment with datatrove")
    peers.add_argument("--text-dedup", metavar="PYTHON", help="Python of an environment with text-dedup")
    growth = commands.add_parser("growth", help="time and memory over the number of documents")
    growth.add_argument("--counts", type=int, nargs="+", default=[100_000, 400_000, 1_600_000])
    growth.add_argument("--chars", type=int, default=600)
    workers = commands.add_parser("workers", help="two processes beside one")
    workers.add_argument("--count", type=int, default=400_000)
    workers.add_argument("--chars", type=int, default=2000)
    for command in (peers, growth, workers):
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--temp", help="folder for documents and results (default: the system's)")
    return parser


def main() -> None:
    args = make_parser().parse_args()
    runs = {"peers": bench_peers, "growth": bench_growth, "workers": bench_workers}
    with tempfile.TemporaryDirectory(dir=args.temp) as name:
        runs[args.command](args, Path(name), Console(width=110))


if __name__ == "__main__":
    main()
