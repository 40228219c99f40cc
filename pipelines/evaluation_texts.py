"""Evaluation texts that training pairs must not contain: read from files and folders, and indexed once a process.

JSONL, JSON, CSV, TSV, Parquet and plain text (a line a text), also gzipped. A benchmark is named by its file, or by the
folder that was given; a pair set's folder gives its data. `miners.contamination` says which strings count as texts.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from miners.contamination import EvaluationIndex, build_index, evaluation_record
from miners.contamination.records import PAIR_SIDES
from miners.near_duplicates import ShingleRule
from pipelines import storage
from pipelines.options import UsageError
from pipelines.set_files import load_manifest
from schemas.manifest import MANIFEST_NAME
from schemas.side_hash import side_hash

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt")
_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class EvaluationFile:
    """A file, and the benchmark that its texts belong to."""

    path: str
    benchmark: str


@dataclass(frozen=True)
class EvaluationTexts:
    """Everything that is looked for; text i is of benchmark `benchmarks[i]`."""

    names: tuple[str, ...]
    """The benchmarks, by name."""
    benchmarks: np.ndarray
    """int32: place in `names` of each text."""
    hashes: np.ndarray
    """int64, sorted and distinct: side hashes of the texts, as text and as code."""
    hash_items: np.ndarray
    """int64: the text of each hash."""
    text: EvaluationIndex
    code: EvaluationIndex
    repositories: dict[str, int]
    """`owner/name` → place in `names`."""

    def items(self) -> dict[str, int]:
        """How many distinct texts each benchmark has."""
        counts = np.bincount(self.benchmarks, minlength=len(self.names)).tolist()
        return dict(zip(self.names, counts, strict=True))


def find_evaluation_files(patterns: Sequence[str]) -> tuple[EvaluationFile, ...]:
    """The files that the patterns name, by benchmark and path. Raises UsageError for a pattern without any."""
    found: dict[str, EvaluationFile] = {}
    for pattern in patterns:
        files = list(_folder_files(pattern.rstrip("/"))) or [
            EvaluationFile(info.path, _stem(info.path)) for info in storage.expand([pattern])
        ]
        for file in files:
            found.setdefault(file.path, file)
    return tuple(sorted(found.values(), key=lambda file: (file.benchmark, file.path)))


@lru_cache(maxsize=1)
def evaluation_texts(files: tuple[EvaluationFile, ...], text: ShingleRule, code: ShingleRule) -> EvaluationTexts:
    """Read and index all texts; of equal ones in several benchmarks the first counts.

    Raises UsageError, with the file and the line, for what cannot be read.
    """
    names = tuple(dict.fromkeys(file.benchmark for file in files))
    texts: list[str] = []
    benchmarks: list[int] = []
    hashes: dict[int, int] = {}
    repositories: dict[str, int] = {}
    for file in files:
        number = names.index(file.benchmark)
        for record in map(evaluation_record, _records(file.path)):
            if record.repository:
                repositories.setdefault(record.repository, number)
            for found in record.texts:
                own = side_hash(found, is_code=False)
                if own not in hashes:
                    hashes[own] = len(texts)
                    hashes.setdefault(side_hash(found, is_code=True), len(texts))
                    texts.append(found)
                    benchmarks.append(number)
    order = np.array(sorted(hashes), np.int64)
    try:
        indexes = build_index(texts, text), build_index(texts, code)
    except ValueError as error:
        raise UsageError(str(error)) from None
    places = np.fromiter((hashes[value] for value in order.tolist()), np.int64, len(order))
    return EvaluationTexts(names, np.array(benchmarks, np.int32), order, places, *indexes, repositories)


def _folder_files(folder: str) -> Iterator[EvaluationFile]:
    """The evaluation files below a folder; those of a subfolder are a benchmark of their own."""
    if storage.exists(storage.join(folder, MANIFEST_NAME)):
        for entry in load_manifest(folder).data_files():
            yield EvaluationFile(storage.join(folder, entry.path), _stem(folder))
        return
    for info in storage.walk(folder):
        below = info.path[len(folder) + 1 :].split("/")
        if _suffix(info.path) in SUFFIXES:
            yield EvaluationFile(info.path, "/".join([_stem(folder), *below[:-1][:1]]))


def _stem(path: str) -> str:
    name = storage.last_part(path).removesuffix(".gz")
    suffix = _suffix(name)
    return name.removesuffix(suffix) if suffix in SUFFIXES else name


def _suffix(path: str) -> str:
    name = path.rsplit("/", 1)[-1].removesuffix(".gz")
    return name[name.rfind(".") :].lower() if "." in name else ""


def _records(path: str) -> Iterator[object]:
    read = {
        ".jsonl": _json_lines,
        ".json": _json,
        ".csv": _csv,
        ".tsv": _csv,
        ".parquet": _parquet,
        ".txt": lambda _, file: (line.decode() for line in file),
    }.get(_suffix(path))
    if read is None:
        raise UsageError(f"{path}: evaluation texts are read from {', '.join(SUFFIXES)} files, which may be gzipped")
    try:
        with ExitStack() as stack:
            file = stack.enter_context(storage.open_read(path))
            if path.endswith(".gz"):
                file = stack.enter_context(gzip.open(file))
            yield from read(path, file)
    except (ValueError, csv.Error, EOFError, OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} cannot be read as evaluation texts: {str(error).splitlines()[0]}") from None


def _json_lines(path: str, file: BinaryIO) -> Iterator[object]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number:,}: {error}") from None


def _json(path: str, file: BinaryIO) -> Iterator[object]:
    value = json.load(file)
    yield from value if isinstance(value, list) else [value]


def _csv(path: str, file: BinaryIO) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    is_tsv = _suffix(path) == ".tsv"
    reader = csv.DictReader(text, **({"delimiter": "\t", "quoting": csv.QUOTE_NONE} if is_tsv else {}))
    for row in reader:
        # What stands beyond the last named column comes under None.
        yield {str(name): value for name, value in row.items()}


def _parquet(path: str, file: BinaryIO) -> Iterator[object]:
    parquet = pq.ParquetFile(file)
    names = set(parquet.schema_arrow.names)
    pair = [*PAIR_SIDES, "group", "kind"]
    for batch in parquet.iter_batches(_BATCH_ROWS, columns=pair if names.issuperset(pair) else None):
        yield from batch.to_pylist()
