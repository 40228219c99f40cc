"""Cuts the train rows of a pair set into tokens once, ahead of training, and opens the result memory-mapped.

The cache lies beside the runs that use it and is keyed by the set's `data_id`, the tokenizer and the lengths, so a
changed set or tokenizer makes another one. It is written elsewhere first and renamed whole. `pipelines.token_cache`
writes the same bytes on many machines.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from tokenizers import Tokenizer

from schemas.pair_set import read_manifest, read_pair_set
from schemas.token_cache import ARRAYS, INDEX_NAME, array_path, open_array, read_index
from schemas.token_rows import ROWS_AT_ONCE, CacheSettings, Joint, TokenRows, cut_texts, identity_arrays, token_rows
from train.encoder import Encoder, Role, Side
from train.ragged import Ragged

SPLIT = "train"
THREADS = min(os.cpu_count() or 1, 4)
"""Batches of rows in work at once. Each is cut on all cores; what remains of it to Python is done beside the others."""

Report = Callable[[int, int], None]
"""Called with rows done and rows in all."""


@dataclass(frozen=True)
class TokenCache:
    """The tokens of one pair set. Arrays are memory-mapped: only what a step reads comes to memory."""

    folder: Path
    rows: int
    sources: tuple[str, ...]
    arrays: dict[str, np.ndarray]

    @classmethod
    def open(cls, folder: Path) -> TokenCache:
        """A finished cache; ValueError, with the mend, where it is damaged."""
        index = read_index(folder)
        arrays = {name: open_array(folder, name) for name in ARRAYS}
        return cls(folder, index["rows"], tuple(index["sources"]), arrays)

    def tokens(self, role: Role, numbers: np.ndarray) -> Ragged:
        """The tokens of one side of rows, or of hard negatives, by their numbers, in the order given."""
        return Ragged(self.arrays[f"{role}_ids"], self.arrays[f"{role}_offsets"]).take(numbers)


def open_or_make(
    data: str,
    encoder: Encoder,
    lengths: dict[Side, int],
    folder: Path,
    report: Report | None = None,
    *,
    negatives: int = 0,
) -> TokenCache:
    """The cache of a pair set's train split under `folder`, made if it is not there.

    `lengths` are the most tokens kept of each side, `negatives` the most hard negatives of a row. ValueError where the
    set is no finished one or has no train rows.
    """
    manifest = read_manifest(data)
    if not manifest.splits.get(SPLIT):
        raise ValueError(f"{data} has no rows in its split {SPLIT}, so there is nothing to train on")
    settings = CacheSettings(lengths["anchor"], lengths["positive"], negatives)
    target = folder / settings.key(manifest.data_id, SPLIT, encoder.fingerprint())
    if not (target / INDEX_NAME).is_file():
        _make(data, manifest.splits[SPLIT], encoder.text_tokenizer.to_str(), settings, target, report)
    return TokenCache.open(target)


def without_tokens(data: str, negatives: int = 0) -> TokenCache:
    """What the batch plan reads of a pair set's train rows, in memory."""
    columns = ["anchor_hash", "positive_hash", "cluster", "source", *(["negative_hashes"] if negatives else [])]
    table = read_pair_set(data, SPLIT).to_table(columns=columns)
    places: dict[str, int] = {}
    arrays = identity_arrays(table, places)
    if negatives:
        counts = np.minimum(pc.list_value_length(table["negative_hashes"]).to_numpy(), negatives)
        arrays["negative_rows"] = np.concatenate([[0], np.cumsum(counts)])
    return TokenCache(Path(), len(table), tuple(places), arrays)


def _make(data: str, total: int, definition: str, settings: CacheSettings, target: Path, report: Report | None) -> None:
    making = target.with_name(f"{target.name}.{os.getpid()}.part")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        joint = Joint()
        with ExitStack() as stack:
            files = {name: stack.enter_context(array_path(making, name).open("wb")) for name in ARRAYS}
            for name, file in files.items():
                file.write(joint.first_bytes(name))
            for part in _parts(data, definition, settings):
                for name, file in files.items():
                    file.write(joint.placed(name, part.arrays[name], part.size))
                joint.passed(part.size)
                if report:
                    report(joint.rows, total)
        (making / INDEX_NAME).write_bytes(joint.index(target.name))
        shutil.rmtree(target, ignore_errors=True)
        making.replace(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _parts(data: str, definition: str, settings: CacheSettings) -> Iterator[TokenRows]:
    """The set's rows, cut by several threads, in their order; few are in memory at once."""
    own = threading.local()

    def cut(texts: Sequence[str], length: int) -> tuple[np.ndarray, np.ndarray]:
        if not hasattr(own, "tokenizer"):  # cutting changes a tokenizer's settings
            own.tokenizer = Tokenizer.from_str(definition)
        return cut_texts(own.tokenizer, texts, length)

    batches = read_pair_set(data, SPLIT).scanner(settings.columns, batch_size=ROWS_AT_ONCE).to_batches()
    waiting: deque[Future[TokenRows]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for batch in batches:
            waiting.append(pool.submit(token_rows, batch, cut, settings))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
