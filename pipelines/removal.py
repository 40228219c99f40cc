"""Taking rows out of the files of a pair set: which rows a takedown names, and each file without them.

Two passes over the files. The first finds the rows; the second writes the files that hold them again, and those whose
negatives or rejects repeat their text. Nothing of a removed row is written but ids and hashes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from miners.takedown import REASONS, Takedown
from pipelines import storage
from pipelines.finish import file_entry
from pipelines.row_ids import id_bytes
from schemas.attribution import UNKNOWN, Attribution
from schemas.ids import length_prefixed
from schemas.manifest import FileEntry
from schemas.rejects import EXCERPT_CHARS
from schemas.removed import REMOVED_SCHEMA
from schemas.writer import PartWriter

BATCH_ROWS = 2048
_PLACE = ("uri", "offset", "repo", "path", "start_byte", "ordinal")
"""What tells where a row stood; a reject of the same place is of the same text."""
_ASKED = ("url", "repo", "revision", "license")
_HASHES = ("anchor_hash", "positive_hash")
_SIDES = ("anchor", "positive")


@dataclass(frozen=True)
class Found:
    """What a takedown names in one data file."""

    rows: np.ndarray
    """Places in the file."""
    removed: pa.Table
    """In REMOVED_SCHEMA."""
    matched: frozenset[int]
    """Which of the takedown's lines named a row."""
    attribution: tuple[Attribution, ...]
    """What the file's lines lose, as counts below 0."""
    texts: np.ndarray
    """uint64: hashes of what a reject of the same place or text would have."""

    def reasons(self) -> Counter[str]:
        """Rows by reason."""
        return Counter(self.removed["reason"].to_pylist())


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


def find_rows(path: str, takedown: Takedown, *, with_texts: bool) -> Found:
    """The rows of a data file that are named; `with_texts`: there are rejects, which may hold the same text."""
    columns = ["row_id", "pair_id", *_HASHES, "kind", *(_SIDES if with_texts else ())]
    columns += [f"provenance.{name}" for name in dict.fromkeys((*_ASKED, *_PLACE))]
    rows, tables, matched, texts = [], [], set(), []
    attribution: Counter[tuple[str, str, str]] = Counter()
    first = 0
    for table in _batches(path, columns):
        named = _named(table, takedown)
        matched.update(line for _, lines in named.values() for line in lines)
        places = sorted(named)
        if places:
            chosen = table.take(places)
            rows += [first + place for place in places]
            reasons = pa.array([named[place][0] for place in places])
            columns_left = [chosen[name].combine_chunks() for name in REMOVED_SCHEMA.names[:-1]]
            tables.append(pa.Table.from_arrays([*columns_left, reasons], schema=REMOVED_SCHEMA))
            stood = [_provenance(row) for row in chosen["provenance"].to_pylist()]
            attribution.update(
                (row["repo"], row["revision"] or "", row["license"] or UNKNOWN) for row in stood if row["repo"]
            )
            texts += [place for row in stood if (place := _place_hash(row))]
            for side in _SIDES if with_texts else ():
                texts += [_text_hash(text) for text in chosen[side].to_pylist()]
        first += table.num_rows
    return Found(
        np.array(rows, np.int64),
        pa.concat_tables(tables) if tables else REMOVED_SCHEMA.empty_table(),
        frozenset(matched),
        tuple(Attribution(*key, "", "", "", -n) for key, n in sorted(attribution.items())),
        np.array(texts, np.uint64),
    )


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
    for table in _batches(storage.join(folder, entry.path), ["anchor_hash", "positive_hash", "negative_hashes"]):
        stays = ~drop[first : first + table.num_rows]
        repeated = np.isin(table["anchor_hash"], gone.sides) | np.isin(table["positive_hash"], gone.sides)
        done.shared += int((repeated & stays).sum())
        done.negatives += int(np.isin(_flat(table.filter(pa.array(stays))["negative_hashes"]), gone.sides).sum())
        first += table.num_rows
    done.is_changed = bool(drop.any() or done.negatives)
    if not done.is_changed:
        done.entries.append(entry)
        return done
    tables = _without(_batches(storage.join(folder, entry.path)), drop, gone if done.negatives else None)
    done.entries += _write(target, entry, tables)
    return done


def rewrite_beside(folder: str, entry: FileEntry, rows: np.ndarray, target: Callable[[str], str]) -> list[FileEntry]:
    """The file of signatures beside a data file, without `rows`."""
    drop = np.zeros(entry.rows, bool)
    drop[rows] = True
    return _write(target, entry, _without(_batches(storage.join(folder, entry.path)), drop, None))


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
    for table in _batches(storage.join(folder, entry.path)):
        stood = list(map(_provenance, table["provenance"].to_pylist()))
        texts = map(_text_hash, table["excerpt"].fill_null("").to_pylist())
        hashes = list(zip(map(_place_hash, stood), texts, strict=True))
        is_gone = np.isin(np.array(hashes, np.uint64).reshape(-1, 2), gone.texts).any(axis=1)
        is_gone |= np.array([bool(_lines_of(takedown, row)) for row in stood], bool)
        if copies is not None:
            is_gone |= copies[first : first + table.num_rows]
        first += table.num_rows
        drops.append(is_gone)
    drop = np.concatenate(drops)
    done.rejects, done.is_changed = int(drop.sum()), bool(drop.any())
    if done.is_changed:
        done.entries += _write(target, entry, _without(_batches(storage.join(folder, entry.path)), drop, None))
    else:
        done.entries.append(entry)
    return done


def followers(folder: str, evidence: Iterable[FileEntry], row_ids: np.ndarray) -> np.ndarray:
    """The row_ids (sorted, 16 bytes) with those of all rows that dedupe had removed for one of them, step by step."""
    columns = ["removed_row_id", "kept_row_id"]
    pairs = [
        (id_bytes(known["removed_row_id"]), id_bytes(known["kept_row_id"]))
        for entry in evidence
        for table in _batches(storage.join(folder, entry.path), columns)
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
    tables = _batches(storage.join(folder, evidence.path), ["removed_row_id"])
    return np.concatenate([np.isin(id_bytes(table["removed_row_id"]), gone.rows) for table in tables])


def _named(table: pa.Table, takedown: Takedown) -> dict[int, tuple[str, list[int]]]:
    """Place in the table → reason, and all lines that name the row."""
    named: dict[int, dict[str, list[int]]] = {}
    provenance = table["provenance"].combine_chunks()
    repo = pc.struct_field(provenance, "repo").to_pylist()
    kinds = takedown.kinds()
    if kinds & {"url", "domain"}:
        for place, url in enumerate(pc.struct_field(provenance, "url").to_pylist()):
            if lines := takedown.by_url(url):
                named.setdefault(place, {})["url"] = lines
    if "repo" in kinds:
        known = {name: takedown.by_repo(name) for name in set(repo) - {None}}
        for place, name in enumerate(repo):
            if name is not None and known[name]:
                named.setdefault(place, {})["repo"] = known[name]
    if "license" in kinds:
        licenses = pc.struct_field(provenance, "license").to_pylist()
        known = {name: takedown.by_license(name) for name in set(licenses)}
        for place, name in enumerate(licenses):
            # A page's licence is hardly ever known: that of code is asked for, or one that is stated.
            if known[name] and (name is not None or repo[place] is not None):
                named.setdefault(place, {})["license"] = known[name]
    if "id" in kinds:
        ids = zip(table["row_id"].to_pylist(), table["pair_id"].to_pylist(), strict=True)
        for place, (row_id, pair_id) in enumerate(ids):
            if lines := takedown.by_id(row_id, pair_id):
                named.setdefault(place, {})["id"] = lines
    return {
        place: (min(found, key=REASONS.index), [line for lines in found.values() for line in lines])
        for place, found in named.items()
    }


def _lines_of(takedown: Takedown, stood: dict[str, Any]) -> list[int]:
    """The lines that name a place, whatever stood there."""
    lines = takedown.by_url(stood["url"]) + takedown.by_repo(stood["repo"])
    if stood["license"] or stood["repo"]:
        lines += takedown.by_license(stood["license"])
    return lines


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


def _batches(path: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    with storage.open_read(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=columns):
            yield pa.Table.from_batches([batch])


def _flat(lists: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(lists.combine_chunks().flatten(), np.int64)


def _provenance(row: dict[str, Any] | None) -> dict[str, Any]:
    return row or dict.fromkeys((*_ASKED, *_PLACE))


def _place_hash(row: dict[str, Any]) -> int:
    """0 where it is not known as exactly as that."""
    if row["offset"] is None and row["start_byte"] is None:
        return 0
    return xxhash.xxh3_64_intdigest(length_prefixed(*(str(row[name]).encode() for name in _PLACE)))


@lru_cache(maxsize=64)
def _text_hash(text: str) -> int:
    """Of as much as a reject keeps."""
    return xxhash.xxh3_64_intdigest(text[:EXCERPT_CHARS].encode())
