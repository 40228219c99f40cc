"""`pairmill hard-negatives` beside sentence-transformers' `mine_hard_negatives`: one model, the same pairs, one run.

``python benchmarks/bench_hard_negatives.py [--pairs 200000] [--dimension 64] [--model static|transformer]``

Pairs are neighbouring pieces of real text of this machine, recombined, each once. Either tool runs whole and alone in a
process of its own, from files to files: the peer reads a Parquet file of two columns and writes its data set, pairmill
reads a pair set and writes one, with what it must exclude beyond the own positive. Both give `--count` negatives from
the same window of ranks below the own positive. The figures are queries a second (of the whole process, by the clock),
CPU seconds, and the peak of resident memory of the process and its children (PSS, sampled). The peer runs with its
defaults (16,384 queries at a time), and with `--peer-batches` also with smaller blocks; `--faiss` adds both tools with
faiss. The model is made here, with random weights, and read by both from one folder: `static` is a table of vectors, so
that the time is that of the search; `transformer` is a BERT of 2 layers, 128 wide: give it fewer pairs. Checked: the
share of the peer's negatives that are ours too (ours leave known answers out, so it may be below 100 %).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.made_pair_set import write_pair_set
from benchmarks.process_tree import Cost, run
from benchmarks.real_texts import documents
from schemas import Provenance, make_pair, read_pair_set
from schemas.pair import pairs_to_table
from train.static_encoder import StaticEncoder
from train.transformer_encoder import from_scratch
from train.word_tokenizer import train_marked_tokenizer, train_word_tokenizer

VOCABULARY = 30_000
LENGTH = 128
CHARS = 300
ROWS_A_PART = 50_000
PEER = """
import json, sys
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import mine_hard_negatives
given = json.loads(sys.argv[1])
pairs = Dataset.from_parquet(given["pairs"], cache_dir=given["cache"])
model = SentenceTransformer(given["model"], device="cpu")
mined = mine_hard_negatives(pairs, model, range_max=given["ranks"], absolute_margin=0.0, num_negatives=given["count"],
    output_format="triplet", batch_size=256, verbose=False, **given["settings"])
mined.to_parquet(given["output"])
"""
OURS = "import sys; from train.hard_negatives import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class Given:
    """What both tools read."""

    folder: Path
    pairs: int
    ranks: int
    count: int
    threads: int

    @property
    def set(self) -> Path:
        return self.folder / "set"

    @property
    def table(self) -> Path:
        return self.folder / "pairs.parquet"

    @property
    def model(self) -> Path:
        return self.folder / "model"


def pieces(count: int, seed: int) -> Iterator[str]:
    """So many different texts: real pieces, and halves of them put together anew when they run out."""
    real = list(dict.fromkeys(documents(min(count, 120_000), CHARS, seed)))
    yield from real[:count]
    rng, seen = random.Random(seed), set(real)
    while len(seen) < count:
        one, two = rng.choice(real), rng.choice(real)
        text = one[: CHARS // 2] + two[CHARS // 2 :]
        if text not in seen:
            seen.add(text)
            yield text


def make_pairs(given: Given, seed: int) -> list[str]:
    """The pair set and the peer's table of the same pairs; gives the texts."""
    texts = list(pieces(2 * given.pairs, seed))
    random.Random(seed).shuffle(texts)
    anchors, positives = texts[::2], texts[1::2]
    # A pair shares half of its anchor, as neighbours share their subject.
    positives = [a[: CHARS // 2] + p[CHARS // 2 :] for a, p in zip(anchors, positives, strict=True)]
    positives = [p if p.strip() else "blank" for p in positives]
    pq.write_table(pa.table({"anchor": anchors, "positive": positives}), given.table)
    parts = []
    for start in range(0, given.pairs, ROWS_A_PART):
        rows = range(start, min(given.pairs, start + ROWS_A_PART))
        made = [
            make_pair(
                kind="neighbor_text",
                language="en",
                anchor=anchors[i],
                positive=positives[i],
                place=("bench", i),
                group=f"site{i}.org",
                provenance=Provenance(url=f"https://site{i}.org/"),
            )
            for i in rows
        ]
        parts.append(pairs_to_table(made))
    write_pair_set(given.set, parts)
    return anchors[:20_000] + positives[:20_000]


def make_model(folder: Path, kind: str, dimension: int, texts: Sequence[str]) -> None:
    """A model with random weights, as sentence-transformers and the evaluator both read it."""
    torch.manual_seed(0)
    if kind == "static":
        tokenizer = train_word_tokenizer(texts, VOCABULARY)
        StaticEncoder(tokenizer, dimension, LENGTH, repeats="sum").save(folder)
    else:
        tokenizer = train_marked_tokenizer(texts, VOCABULARY)
        shape = {"hidden_size": 128, "layers": 2, "heads": 2, "intermediate_size": 512}
        from_scratch(tokenizer, shape, "mean", LENGTH).save(folder)


def ours(given: Given, name: str, *more: str) -> Cost:
    """One run of pairmill."""
    command = [sys.executable, "-c", OURS, "--input", str(given.set), "--model", str(given.model)]
    command += ["--output", str(given.folder / name), "--quiet", "--ranks", "1", str(given.ranks)]
    return run([*command, "--count", str(given.count), *more], **_environment(given))


def peer(given: Given, name: str, **settings: object) -> Cost:
    """One run of the peer."""
    value = {"pairs": str(given.table), "model": str(given.model), "output": str(given.folder / f"{name}.parquet")}
    value |= {"cache": str(given.folder / "cache"), "ranks": given.ranks, "count": given.count, "settings": settings}
    return run([sys.executable, "-c", PEER, json.dumps(value)], **_environment(given))


def _environment(given: Given) -> dict[str, str]:
    root = str(Path(__file__).resolve().parent.parent)
    return {"OMP_NUM_THREADS": str(given.threads), "PYTHONPATH": root, "TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1"}


def shared(given: Given, mine: str, theirs: str) -> float:
    """The share of the peer's negatives that are ours too."""
    table = read_pair_set(given.folder / mine).to_table(columns=["anchor", "negatives"])
    found = {row["anchor"]: set(row["negatives"]) for row in table.to_pylist()}
    triples = pq.read_table(given.folder / f"{theirs}.parquet").to_pylist()
    return sum(row["negative"] in found[row["anchor"]] for row in triples) / len(triples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=64, help="of the static model's vectors")
    parser.add_argument("--model", choices=("static", "transformer"), default="static")
    parser.add_argument("--ranks", type=int, default=50, help="the last rank that negatives are taken from")
    parser.add_argument("--count", type=int, default=5, help="negatives a row")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-batches", type=int, nargs="*", default=[], help="further block sizes of the peer")
    parser.add_argument("--faiss", action="store_true", help="also both with faiss")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given = Given(Path(folder), args.pairs, args.ranks, args.count, args.threads)
        make_model(given.model, args.model, args.dimension, make_pairs(given, args.seed))
        costs = {"pairmill": ours(given, "ours"), "sentence-transformers": peer(given, "peer")}
        for size in args.peer_batches:
            costs[f"sentence-transformers, blocks of {size:,}"] = peer(given, f"peer{size}", faiss_batch_size=size)
        if args.faiss:
            costs["pairmill --index faiss"] = ours(given, "ours-faiss", "--index", "faiss")
            costs["sentence-transformers, use_faiss"] = peer(given, "peer-faiss", use_faiss=True)
        agreement = shared(given, "ours", "peer")
    title = f"{args.pairs:,} pairs, {args.model} model, {args.count} of ranks 1 to {args.ranks}, {args.threads} threads"
    table = Table("tool", "seconds", "CPU seconds", "queries a second", "peak MB", title=title)
    for name, cost in costs.items():
        figures = f"{cost.wall:,.0f}", f"{cost.cpu:,.0f}", f"{args.pairs / cost.wall:,.0f}", f"{cost.peak_mb:,.0f}"
        table.add_row(name, *figures)
    Console(width=110).print(table)
    first, second = list(costs.values())[:2]
    print(
        f"pairmill beside sentence-transformers: {second.wall / first.wall:.2f} times its queries a second "
        f"({second.cpu / first.cpu:.2f} by CPU), {first.peak_mb / second.peak_mb:.3f} of its peak memory; "
        f"{agreement:.1%} of its negatives are among ours"
    )


if __name__ == "__main__":
    main()
