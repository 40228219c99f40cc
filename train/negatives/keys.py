"""The keys of a pair set's rows, by which a row's known answers are told from wrong ones.

In: a pair set, a few columns at a time. Out: arrays with an entry a row, in canonical order (train, validation, test;
of each the files by name): some 70 bytes a row, whatever the length of its texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from schemas.manifest import FileEntry, Manifest
from schemas.pair import SPLITS
from schemas.pair_set import open_folder
from schemas.side_hash import positive_is_code, to_signed

WITHIN = ("source", "split")
"""What the candidates of a row share with it: source and split, or the split alone."""

_COLUMNS = ("anchor_hash", "positive_hash", "cluster", "kind", "source", "negative_hashes")
_PAGE_COLUMNS = ("provenance.url", "provenance.uri", "provenance.offset")
_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class PairKeys:
    """Every field but the last three has one entry a row."""

    anchor_hash: np.ndarray
    positive_hash: np.ndarray
    cluster: np.ndarray
    has_cluster: np.ndarray
    """False where the cluster is null; null equals nothing."""
    page: np.ndarray
    """Hash of the page that a text pair stood on."""
    has_page: np.ndarray
    is_code: np.ndarray
    """Whether the positive is source code."""
    scope: np.ndarray
    """Index of the rows among which a row's candidates are, in `scopes`."""
    given_offsets: np.ndarray
    """rows + 1 of them: the negatives that a row has already are `given_hashes` between two."""
    given_hashes: np.ndarray
    scopes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.anchor_hash)


def data_files(manifest: Manifest) -> list[FileEntry]:
    """The set's data files in canonical order."""
    return [entry for split in SPLITS for entry in manifest.data_files(split)]


def file_batches(
    folder: str, entry: FileEntry, columns: Sequence[str] | None, rows: int = _ROWS_AT_ONCE
) -> Iterator[pa.RecordBatch]:
    """The rows of one file, in order, at most so many at a time; all columns where `columns` is None."""
    system, root = open_folder(folder)
    with system.open_input_file(f"{root}/{entry.path}") as file:
        yield from pq.ParquetFile(file).iter_batches(batch_size=rows, columns=columns and list(columns))


def read_keys(folder: str, manifest: Manifest, within: str) -> PairKeys:
    """The keys of all rows; candidates are sought in the row's split, and with `within` "source" in its source."""
    scopes: dict[str, int] = {}
    parts: list[dict[str, np.ndarray]] = []
    for entry in data_files(manifest):
        for batch in file_batches(folder, entry, [*_COLUMNS, *_PAGE_COLUMNS]):
            names = [f"{entry.split}: {name}" if within == "source" else f"{entry.split}" for name in _named(batch)]
            places = np.array([scopes.setdefault(name, len(scopes)) for name in names], np.int32)
            parts.append(_keys(batch) | {"scope": places[batch.column("source").indices.to_numpy()]})
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(arrays.pop("given_counts"))])
    return PairKeys(**arrays, given_offsets=offsets, scopes=tuple(scopes))


def _named(batch: pa.RecordBatch) -> list[str]:
    return batch.column("source").dictionary.to_pylist()


def _keys(batch: pa.RecordBatch) -> dict[str, np.ndarray]:
    cluster, kind, given = batch.column("cluster"), batch.column("kind"), batch.column("negative_hashes")
    code = np.array([positive_is_code(name) for name in kind.dictionary.to_pylist()], bool)
    is_code = code[kind.indices.to_numpy()]
    page, has_page = _pages(batch.column("provenance"), is_code)
    return {
        "anchor_hash": batch.column("anchor_hash").to_numpy(),
        "positive_hash": batch.column("positive_hash").to_numpy(),
        "cluster": cluster.fill_null(0).to_numpy(),
        "has_cluster": np.asarray(cluster.is_valid()),
        "page": page,
        "has_page": has_page,
        "is_code": is_code,
        "given_counts": given.value_lengths().to_numpy().astype(np.int64),
        "given_hashes": given.flatten().to_numpy(),
    }


def _pages(provenance: pa.StructArray, is_code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The page's address, or else the record it was read from. Code has none: functions of one file are wrong answers
    to each other, and good ones."""
    url, uri, offset = (provenance.field(name).to_pylist() for name in ("url", "uri", "offset"))
    pages = np.zeros(len(is_code), np.int64)
    known = np.zeros(len(is_code), bool)
    for i in np.flatnonzero(~is_code):
        name = url[i] or (None if uri[i] is None or offset[i] is None else f"{uri[i]}\0{offset[i]}")
        if name is not None:
            pages[i], known[i] = to_signed(xxhash.xxh3_64_intdigest(name.encode())), True
    return pages, known
