"""Evaluation texts that training pairs must not contain: JSONL, Parquet, CSV or plain text files as side hashes.

Every string of a row counts as a text (lists of strings too), short ones included; of a plain text file every line. A
text is compared as text and as code, whole, after the normalisation of the side hashes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.options import UsageError
from schemas.side_hash import side_hash

SUFFIXES = (".jsonl", ".parquet", ".csv", ".txt")


@lru_cache(maxsize=2)
def evaluation_hashes(paths: Sequence[str]) -> dict[int, str]:
    """Side hash → name of the file that has the text; of several files the first by name. Raises UsageError."""
    found: dict[int, str] = {}
    for path in sorted(paths):
        name = path.replace("\\", "/").rsplit("/", 1)[-1]
        for text in _texts(path):
            if text.strip():
                found.setdefault(side_hash(text, is_code=False), name)
                found.setdefault(side_hash(text, is_code=True), name)
    return found


def _texts(path: str) -> Iterator[str]:
    data = storage.read_bytes(path)
    try:
        if path.endswith(".parquet"):
            for row in pq.read_table(io.BytesIO(data)).to_pylist():
                yield from _strings(row)
        elif path.endswith(".csv"):
            for row in pa_csv.read_csv(io.BytesIO(data)).to_pylist():
                yield from _strings(row)
        elif path.endswith(".jsonl"):
            for line in data.decode().splitlines():
                yield from _strings(json.loads(line)) if line.strip() else ()
        elif path.endswith(".txt"):
            yield from data.decode().splitlines()
        else:
            raise UsageError(f"{path}: evaluation texts are read from {', '.join(SUFFIXES)} files")
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"{path} cannot be read as evaluation texts: {str(error).splitlines()[0]}") from None


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
