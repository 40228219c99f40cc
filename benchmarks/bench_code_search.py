"""Several models and BM25 on one pair set's split, in one run and one table.

``python benchmarks/bench_code_search.py --data PAIR_SET RUN/model sentence-transformers/all-MiniLM-L6-v2``

Comments are taken out of the candidates, and every score is given again with the functions' names masked: what is
left is what a model knows beyond words that both sides share. Seconds are of encoding, ranking and intervals.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from train.command_line import CommandParser
from train.encoders import load_encoder
from train.evaluation.measured import MODEL
from train.evaluation.paired_search import PROTOCOLS, PairedSearch
from train.evaluation.rows import ScoreRow, score_rows
from train.evaluation.table import format_tables
from train.journal import Journal
from train.split_rows import read_split


def bench(data: str, split: str, models: Sequence[str], device: str) -> list[ScoreRow]:
    """Score rows of every model under its own path, and BM25's once; seconds go to standard output."""
    search = PairedSearch(
        task="pair-set",
        data=f"{PurePath(data).name}/{split}",
        rows=read_split(data, split),
        protocols=tuple(PROTOCOLS),
        strip_comments=True,
        mask_names=True,
        device=device,
        journal=Journal(quiet=True),
    )
    found: list[ScoreRow] = []
    for model in models:
        encoder = load_encoder(model, device)
        started = time.monotonic()
        scores = score_rows(search.measure(encoder), seed=0)
        print(f"{model}: {time.monotonic() - started:.1f} s", flush=True)
        found += [replace(row, system=model) for row in scores if row.system == MODEL]
    found += score_rows(search.baselines(), seed=0)
    return sorted(found, key=lambda row: (row.texts, row.protocol, row.part))


def main() -> None:
    parser = CommandParser(prog="bench_code_search", description="Models and BM25 on one pair set, in one table.")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="model folder, or ORG/NAME on the Hugging Face hub")
    parser.add_argument("--data", required=True, help="folder of the pair set")
    parser.add_argument("--split", default="test", help="which of its splits (default: test)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda (default: cpu)")
    args = parser.parse(sys.argv[1:])
    try:
        rows = bench(args.data, args.split, args.models, args.device)
    except ValueError as error:
        parser.error(str(error))
    print(format_tables(rows))


if __name__ == "__main__":
    main()
