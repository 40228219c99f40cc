"""One tool of `bench_dedupe.py` on one Parquet file, in a process of its own; prints its figures as a line of JSON.

``python benchmarks/dedupe_peers.py TOOL TABLE FOLDER``

The other tools' parts import nothing of pairmill, so that they run in an environment of their own. Every tool gets the
same documents; reading them is counted for all, writing only where the tool writes.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

BANDS, ROWS, PERMUTATIONS, SHINGLE, THRESHOLD = 16, 8, 128, 5, 0.8
_WORD = re.compile(r"\w+")


def texts_of(table: str) -> list[str]:
    """The documents: both sides of each pair, one after the other."""
    import pyarrow.parquet as pq

    read = pq.read_table(table, columns=["anchor", "positive"])
    return [a + b for a, b in zip(read["anchor"].to_pylist(), read["positive"].to_pylist(), strict=True)]


def five_words(text: str) -> list[str]:
    """Shingles of five words, as strings."""
    found = _WORD.findall(text.lower())
    return [" ".join(found[i : i + SHINGLE]) for i in range(max(1, len(found) - SHINGLE + 1))]


def pairmill(table: str, folder: str) -> int:
    """The whole job: Parquet in, pair set out, everything verified. `folder` gets the result."""
    from pipelines import dedupe

    workers = os.environ.get("BENCH_WORKERS", "1")
    flags = os.environ.get("BENCH_FLAGS", "").split()
    if dedupe.main(["--input", table, "--output", f"{folder}/pairs", "--workers", workers, "--quiet", *flags]):
        raise SystemExit("the job failed")
    manifest = json.loads(Path(f"{folder}/pairs/manifest.json").read_bytes())
    return sum(manifest["splits"].values())


def _rensa(table: str, tokens: Callable[[str], list[str]]) -> int:
    from rensa import RMinHash, RMinHashLSH

    index, sketches, kept = RMinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=BANDS), {}, 0
    for i, text in enumerate(texts_of(table)):
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=42)
        sketch.update(tokens(text))
        if not any(sketch.jaccard(sketches[j]) >= THRESHOLD for j in index.query(sketch)):
            kept += 1
            sketches[i] = sketch
            index.insert(i, sketch)
    return kept


def rensa_readme(table: str, folder: str) -> int:
    """RMinHash and RMinHashLSH with the README's tokens, single words: another similarity, estimated."""
    del folder
    return _rensa(table, str.split)


def rensa_shingles(table: str, folder: str) -> int:
    """The same with five-word shingles, made in Python, as everybody else here has them."""
    del folder
    return _rensa(table, five_words)


def datasketch(table: str, folder: str) -> int:
    """`update_batch` and MinHashLSH, unverified, nothing written."""
    from datasketch import MinHash, MinHashLSH

    del folder
    index, kept = MinHashLSH(params=(BANDS, ROWS), num_perm=PERMUTATIONS), 0
    empty = MinHash(num_perm=PERMUTATIONS, scheme="affine32", seed=1)
    for i, text in enumerate(texts_of(table)):
        sketch = empty.copy()
        sketch.update_batch([shingle.encode() for shingle in five_words(text)])
        if not index.query(sketch):
            kept += 1
            index.insert(i, sketch)
    return kept


def _datatrove(table: str, folder: str) -> int:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter

    def reader() -> ParquetReader:
        def adapt(self: object, data: dict, path: str, id_in_file: int) -> dict:
            return {"text": data["anchor"] + data["positive"], "id": f"{path}/{id_in_file}"}

        return ParquetReader(str(Path(table).parent), glob_pattern=Path(table).name, adapter=adapt)

    config = MinhashConfig(n_grams=SHINGLE, num_buckets=BANDS, hashes_per_bucket=ROWS)
    stages = [
        [reader(), MinhashDedupSignature(f"{folder}/signatures", config=config)],
        [MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/buckets", config=config)],
        [MinhashDedupCluster(f"{folder}/buckets", f"{folder}/remove", config=config)],
        [reader(), MinhashDedupFilter(f"{folder}/remove"), ParquetWriter(f"{folder}/kept", compression="zstd")],
    ]
    for number, stage in enumerate(stages):
        tasks = BANDS if number == 1 else 1
        LocalPipelineExecutor(stage, tasks=tasks, workers=1, logging_dir=f"{folder}/logs-{number}").run()
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in Path(f"{folder}/kept").glob("*.parquet"))


def datatrove_whole(table: str, folder: str) -> int:
    """The four stages as its example has them, Parquet in and out."""
    return _datatrove(table, folder)


def datatrove_split(table: str, folder: str) -> int:
    """The same with `str.split` for its tokeniser."""
    from datatrove.pipeline.dedup import minhash

    class Words:
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

    minhash.load_word_tokenizer = lambda language: Words()
    return _datatrove(table, folder)


def text_dedup(table: str, folder: str) -> int:
    """`python -m text_dedup.minhash` on a text column, one process."""
    import subprocess

    import pyarrow as pa
    import pyarrow.parquet as pq

    os.makedirs(f"{folder}/in")
    pq.write_table(pa.table({"text": texts_of(table)}), f"{folder}/in/train.parquet")
    flags = {
        "path": "parquet",
        "data_files": f"{folder}/in/train.parquet",
        "split": "train",
        "column": "text",
        "cache_dir": f"{folder}/cache",
        "output": f"{folder}/out",
        "num_perm": PERMUTATIONS,
        "b": BANDS,
        "r": ROWS,
        "ngram": SHINGLE,
        "hash_func": "xxh3",
        "hash_bits": 32,
        "num_proc": 1,
    }
    given = [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    subprocess.run([sys.executable, "-m", "text_dedup.minhash", *given], check=True, stdout=subprocess.DEVNULL)
    from datasets import load_from_disk

    return len(load_from_disk(f"{folder}/out"))


TOOLS = {
    tool.__name__: tool
    for tool in (
        pairmill,
        rensa_readme,
        rensa_shingles,
        datasketch,
        datatrove_whole,
        datatrove_split,
        text_dedup,
    )
}


def peak_memory() -> int:
    """Bytes that this process held at most (ru_maxrss would count what the process before `exec` held)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def main() -> None:
    name, table, folder = sys.argv[1:]
    started = time.monotonic()
    kept = TOOLS[name](table, folder)
    wall = time.monotonic() - started
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "kept": kept,
        "wall": wall,
        "cpu": sum(usage.ru_utime + usage.ru_stime for usage in (own, children)),
        "peak": peak_memory(),
    }
    print("figures " + json.dumps(figures))


if __name__ == "__main__":
    main()
