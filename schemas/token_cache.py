"""The token cache's format: a pair set's sides cut into tokens once, ahead of training, in files to be memory-mapped.

A cache is a folder of raw little-endian arrays and an index, written last, which says what the tokens were made from.
Rows stand in the set's canonical order (files by name, read in order). Tokens are without special tokens: delimiters
are the trainer's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = "pairmill token cache"
VERSION = 2
INDEX_NAME = "index.json"

ARRAYS: Mapping[str, np.dtype] = {
    "anchor_ids": np.dtype("<u4"),
    "anchor_offsets": np.dtype("<i8"),  # rows + 1 of them, from 0
    "positive_ids": np.dtype("<u4"),
    "positive_offsets": np.dtype("<i8"),
    "negative_rows": np.dtype("<i8"),  # rows + 1 of them, from 0: the first hard negative of each row, best first
    "negative_ids": np.dtype("<u4"),
    "negative_offsets": np.dtype("<i8"),  # hard negatives + 1 of them, from 0
    "negative_hash": np.dtype("<i8"),
    "anchor_hash": np.dtype("<i8"),
    "positive_hash": np.dtype("<i8"),
    "cluster": np.dtype("<i8"),
    "has_cluster": np.dtype("?"),  # False: the cluster is null, and equals no other
    "source": np.dtype("<i4"),  # place in the index's list of sources
}


def tokenizer_hash(definition: str) -> str:
    """sha256 of a tokenizer's definition (its `tokenizer.json`), 32 hex digits; lengths aside, which the key has apart.

    ValueError where it is no JSON object.
    """
    values = json.loads(definition)
    if not isinstance(values, dict):
        raise ValueError("a tokenizer's definition is a JSON object")
    values |= {"truncation": None, "padding": None}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


def cache_key(
    data_id: str, split: str, tokenizer: str, anchor_length: int, positive_length: int, negatives: int
) -> str:
    """The name of a cache: 32 hex digits of all that its content depends on, this format's version included.

    `tokenizer` is its `tokenizer_hash`; lengths are the most tokens kept of each side, `negatives` the most hard
    negatives kept of a row.
    """
    made_from = [FORMAT, VERSION, data_id, split, tokenizer, anchor_length, positive_length, negatives]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]


def array_name(name: str) -> str:
    """The name of the file of one array of `ARRAYS`."""
    return f"{name}.bin"


def array_path(folder: Path, name: str) -> Path:
    """That file in a cache on this machine."""
    return folder / array_name(name)


def open_array(folder: Path, name: str) -> np.ndarray:
    """One array, memory-mapped and read-only."""
    path = array_path(folder, name)
    if path.stat().st_size == 0:  # nothing can be mapped of an empty file
        return np.zeros(0, ARRAYS[name])
    return np.memmap(path, ARRAYS[name], mode="r")


def read_index(folder: Path) -> dict[str, Any]:
    """What the cache says of itself. ValueError where the folder holds no whole cache of this version."""
    try:
        index = json.loads((folder / INDEX_NAME).read_text(encoding="utf-8"))
        if index["format"] != FORMAT or index["version"] != VERSION:
            raise KeyError("format")
        sizes = {name: array_path(folder, name).stat().st_size for name in ARRAYS}
        expected = {name: index["elements"][name] * kind.itemsize for name, kind in ARRAYS.items()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"{folder} holds no whole token cache of version {VERSION}; delete it to make it again"
        ) from None
    for name, size in sizes.items():
        if size != expected[name]:
            raise ValueError(f"{array_path(folder, name)} is damaged; delete {folder} to make it again")
    return index


def index_value(rows: int, sources: list[str], elements: Mapping[str, int], key: str) -> dict[str, Any]:
    """The index of a cache whose arrays have the given numbers of elements."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "key": key,
        "rows": rows,
        "sources": sources,
        "elements": dict(elements),
    }
