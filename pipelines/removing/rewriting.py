"""The second pass over the files of a set: those that hold a removed row are written again without it, and those whose
negatives or rejects repeat its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import compress

import numpy as np
import pyarrow as pa

from miners.takedown import Takedown
from pipelines import storage
from pipelines.removing.finding import lines_of
from pipelines.removing.traces import batches, place_hash, provenance_of, text_hash
from pipelines.row_ids import id_bytes
from schemas.finished import file_entry
from schemas.manifest import FileEntry
from schemas.writer import PartWriter


@dataclass(frozen=True)
class Gone:
    """What is to be found nowhere any more."""

    sides: np.ndarray
    """Sorted side hashes of the removed rows."""
    texts: np.ndarray
    """Sorted hashes of their places and of the beginnings of their sides."""
    rows: np.ndarray
    """Sorted row_ids as 16 bytes: theirs, and of what dedupe had removed for them."""


@dataclass
class Rewritten:
    """A file after the second pass: its line of the manifest (None where no row is left), and what happened."""

    entries: list[FileEntry] = field(default_factory=list)
    is_changed: bool = False
    shared: int = 0
    """Rows that stay, and have a side in common with a removed one."""
    negatives: int = 0
    rejects: int = 0


def rewrite_data(
    folder: str, entry: FileEntry, gone: Gone, rows: np.ndarray, target: Callable[[str], str]
) -> Rewritten:
    """A data file and its signatures without `rows`, and without negatives of removed text; as it is where none is.

    `target` gives the path to write a file of the set to.
    """
    done = Rewritten()
    drop = np.zeros(entry.rows, bool)
    drop[rows] = True
    first = 0
    for table in batches(storage.join(folder, entry.path), ["anchor_hash", "positive_hash", "negative_hashes"]):
        stays = ~drop[first : first + table.num_rows]
        repeated = np.isin(table["anchor_hash"], gone.sides) | np.isin(table["positive_hash"], gone.sides)
        done.shared += int((repeated & stays).sum())
        done.negatives += int(np.isin(_flat(table.filter(pa.array(stays))["negative_hashes"]), gone.sides).sum())
        first += table.num_rows
    done.is_changed = bool(drop.any() or done.negatives)
    if not done.is_changed:
        done.entries.append(entry)
        return done
    tables = _without(batches(storage.join(folder, entry.path)), drop, gone if done.negatives else None)
    done.entries += _write(target, entry, tables)
    return done


def rewrite_beside(folder: str, entry: FileEntry, rows: np.ndarray, target: Callable[[str], str]) -> list[FileEntry]:
    """The file of signatures beside a data file, without `rows`."""
    drop = np.zeros(entry.rows, bool)
    drop[rows] = True
    return _write(target, entry, _without(batches(storage.join(folder, entry.path)), drop, None))


def rewrite_rejects(
    folder: str,
    entry: FileEntry,
    evidence: FileEntry | None,
    gone: Gone,
    takedown: Takedown,
    target: Callable[[str], str],
) -> Rewritten:
    """A file of rejects without those that the takedown names, and those of the place or the text of a removed row.

    Dedupe's `evidence` of the same unit has the same rows in the same order: it tells near-duplicates of a removed row.
    """
    done = Rewritten()
    drops = []
    copies = None if evidence is None else _removed_for(folder, evidence, gone)
    first = 0
    for table in batches(storage.join(folder, entry.path)):
        stood = list(map(provenance_of, table["provenance"].to_pylist()))
        texts = map(text_hash, table["excerpt"].fill_null("").to_pylist())
        hashes = list(zip(map(place_hash, stood), texts, strict=True))
        is_gone = np.isin(np.array(hashes, np.uint64).reshape(-1, 2), gone.texts).any(axis=1)
        is_gone |= np.array([bool(lines_of(takedown, row)) for row in stood], bool)
        if copies is not None:
            is_gone |= copies[first : first + table.num_rows]
        first += table.num_rows
        drops.append(is_gone)
    drop = np.concatenate(drops)
    done.rejects, done.is_changed = int(drop.sum()), bool(drop.any())
    if done.is_changed:
        done.entries += _write(target, entry, _without(batches(storage.join(folder, entry.path)), drop, None))
    else:
        done.entries.append(entry)
    return done


def followers(folder: str, evidence: Iterable[FileEntry], row_ids: np.ndarray) -> np.ndarray:
    """The row_ids (sorted, 16 bytes) with those of all rows that dedupe had removed for one of them, step by step."""
    columns = ["removed_row_id", "kept_row_id"]
    pairs = [
        (id_bytes(known["removed_row_id"]), id_bytes(known["kept_row_id"]))
        for entry in evidence
        for table in batches(storage.join(folder, entry.path), columns)
        if (known := table.filter(table["kept_row_id"].is_valid())).num_rows
    ]
    if not pairs:
        return np.unique(row_ids)
    removed, kept = (np.concatenate(side) for side in zip(*pairs, strict=True))
    known, more = np.unique(row_ids), row_ids
    while len(more):
        more = np.setdiff1d(removed[np.isin(kept, more)], known)
        known = np.union1d(known, more)
    return known


def _removed_for(folder: str, evidence: FileEntry, gone: Gone) -> np.ndarray:
    """Which rows of a file of evidence are of rows that were removed for one that is gone now (bool)."""
    tables = batches(storage.join(folder, evidence.path), ["removed_row_id"])
    return np.concatenate([np.isin(id_bytes(table["removed_row_id"]), gone.rows) for table in tables])


def _without(tables: Iterable[pa.Table], drop: np.ndarray, gone: Gone | None) -> Iterator[pa.Table]:
    """The rows that `drop` does not name, and where `gone` is given without negatives of removed text."""
    first = 0
    for table in tables:
        kept = table.filter(pa.array(~drop[first : first + table.num_rows]))
        first += table.num_rows
        yield kept if gone is None else _without_negatives(kept, gone)


def _without_negatives(table: pa.Table, gone: Gone) -> pa.Table:
    hashes = table["negative_hashes"].to_pylist()
    stays = [~np.isin(np.array(values, np.int64), gone.sides) for values in hashes]
    for name, values in (("negatives", table["negatives"].to_pylist()), ("negative_hashes", hashes)):
        left = [list(compress(row, keep)) for row, keep in zip(values, stays, strict=True)]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), pa.array(left, table.schema.field(place).type))
    return table


def _write(target: Callable[[str], str], entry: FileEntry, tables: Iterable[pa.Table]) -> list[FileEntry]:
    """The tables as the file `entry.path`; nothing for no rows."""
    with ExitStack() as stack:
        writer = None
        for table in tables:
            if table.num_rows and writer is None:
                file = stack.enter_context(storage.writing(target(entry.path)))
                writer = PartWriter(file, table.schema.remove_metadata())
            if writer is not None:
                writer.write(table)
        return [file_entry(entry.path, entry.split, writer.close())] if writer is not None else []


def _flat(lists: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(lists.combine_chunks().flatten(), np.int64)
