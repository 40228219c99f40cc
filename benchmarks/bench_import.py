"""What `pairmill import` costs on files in MS MARCO's layout, and how that grows with them.

    python -m benchmarks.bench_import --passages 250000 1000000

Makes a collection with as many passages of 56 words, a query and a judgement for each 16 of them, and 48 triples of ids
a query, as the release has about them; imports it, and prints lines a CPU second, the peak of memory of all processes
together, and the bytes of temporary files. Beside it stands a Python that only imports Beam, for the memory that is
none of the data's.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.process_tree import run

PASSAGE_WORDS, QUERY_WORDS, TRIPLES = 56, 6, 48
PASSAGES_A_QUERY = 16
WATCHED_EVERY = 0.2


def write_msmarco(folder: Path, passages: int, seed: int) -> int:
    """The files of a made-up MS MARCO; returns their lines."""
    draw = random.Random(seed)
    words = [f"word{i}" for i in range(5000)]
    queries = range(passages, passages + passages // PASSAGES_A_QUERY)
    folder.mkdir()
    with open(folder / "collection.tsv", "w") as file:
        file.writelines(f"{i}\t{' '.join(draw.choices(words, k=PASSAGE_WORDS))}\n" for i in range(passages))
    with open(folder / "queries.train.tsv", "w") as file:
        file.writelines(f"{i}\t{' '.join(draw.choices(words, k=QUERY_WORDS))} {i}\n" for i in queries)
    answers = {query: draw.randrange(passages) for query in queries}
    with open(folder / "qrels.train.tsv", "w") as file:
        file.writelines(f"{query}\t0\t{answer}\t1\n" for query, answer in answers.items())
    with open(folder / "qidpidtriples.train.full.2.tsv", "w") as file:
        for query, answer in answers.items():
            file.writelines(f"{query}\t{answer}\t{draw.randrange(passages)}\n" for _ in range(TRIPLES))
    return passages + len(queries) * (2 + TRIPLES)


def watch_size(folder: Path, stop: threading.Event, most: list[int]) -> None:
    """Keep in `most` the largest size that the folder had."""
    while not stop.is_set():
        sizes = 0
        for path in folder.rglob("*"):
            try:
                sizes += path.stat().st_size
            except OSError:
                continue
        most[0] = max(most[0], sizes)
        time.sleep(WATCHED_EVERY)


def measure(passages: int, negatives: int, workers: int, seed: int) -> str:
    """One line of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = write_msmarco(folder / "in", passages, seed)
        size = sum(path.stat().st_size for path in (folder / "in").iterdir())
        (folder / "temp").mkdir()
        stop, most = threading.Event(), [0]
        watcher = threading.Thread(target=watch_size, args=(folder / "temp", stop, most))
        watcher.start()
        command = [sys.executable, "-m", "pipelines.import_pairs", "--input", str(folder / "in"), "--quiet"]
        command += ["--output", str(folder / "out"), "--temp", str(folder / "temp")]
        command += ["--negatives", str(negatives), "--workers", str(workers)]
        cost = run(command, OMP_NUM_THREADS="1")
        stop.set()
        watcher.join()
    return (
        f"{passages:>10,} {size / 1e6:>8,.0f} {lines:>11,} {cost.cpu:>8.1f} {lines / cost.cpu:>12,.0f} "
        f"{cost.wall:>7.1f} {cost.peak_mb:>8,.0f} {most[0] / 1e6:>8,.0f}"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, nargs="+", default=[250_000, 1_000_000])
    parser.add_argument("--negatives", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    bare = run([sys.executable, "-c", "import time, pipelines.import_pairs; time.sleep(1)"], OMP_NUM_THREADS="1")
    print(f"imports alone: {bare.peak_mb:,.0f} MB")
    print("  passages       MB       lines    CPU s  lines/CPU s  wall s  peak MB  temp MB")
    for passages in args.passages:
        print(measure(passages, args.negatives, args.workers, args.seed), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
