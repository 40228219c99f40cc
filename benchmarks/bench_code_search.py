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

from train.command_line import CommandParser
from train.encoders import load_encoder
from train.journal import Journal
from train.pair_set_search import SearchOptions, search_scores
from train.score_rows import ScoreRow, format_table
from train.split_rows import read_split


def bench(data: str, split: str, models: Sequence[str], device: str) -> list[ScoreRow]:
    """Score rows of every model under its own path, and BM25's once; seconds go to standard output."""
    rows = read_split(data, split)
    options = SearchOptions(strip_comments=True, mask_names=True, device=device)
    found: list[ScoreRow] = []
    for model in models:
        encoder = load_encoder(model, device)
        started = time.monotonic()
        scores = search_scores(rows, encoder, options, Journal(quiet=True))
        print(f"{model}: {time.monotonic() - started:.1f} s", flush=True)
        found += [replace(row, system=model) for row in scores if row.system == "model"]
    found += [row for row in scores if row.system == "bm25"]
    return sorted(found, key=lambda row: (row.candidates, row.protocol, row.source))


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
    print(format_table(rows))


if __name__ == "__main__":
    main()
