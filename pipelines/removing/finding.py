"""The first pass over a data file: the rows that a takedown names. What is kept of them are ids and hashes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.takedown import REASONS, Takedown
from pipelines.removing.traces import ASKED, PLACE, SIDES, batches, place_hash, provenance_of, text_hash
from schemas.attribution import UNKNOWN, Attribution
from schemas.removed import REMOVED_SCHEMA

_HASHES = ("anchor_hash", "positive_hash")


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


def find_rows(path: str, takedown: Takedown, *, with_texts: bool) -> Found:
    """The rows of a data file that are named; `with_texts`: there are rejects, which may hold the same text."""
    columns = ["row_id", "pair_id", *_HASHES, "kind", *(SIDES if with_texts else ())]
    columns += [f"provenance.{name}" for name in dict.fromkeys((*ASKED, *PLACE))]
    rows, tables, matched, texts = [], [], set(), []
    attribution: Counter[tuple[str, str, str]] = Counter()
    first = 0
    for table in batches(path, columns):
        named = _named(table, takedown)
        matched.update(line for _, lines in named.values() for line in lines)
        places = sorted(named)
        if places:
            chosen = table.take(places)
            rows += [first + place for place in places]
            reasons = pa.array([named[place][0] for place in places])
            columns_left = [chosen[name].combine_chunks() for name in REMOVED_SCHEMA.names[:-1]]
            tables.append(pa.Table.from_arrays([*columns_left, reasons], schema=REMOVED_SCHEMA))
            stood = [provenance_of(row) for row in chosen["provenance"].to_pylist()]
            attribution.update(
                (row["repo"], row["revision"] or "", row["license"] or UNKNOWN) for row in stood if row["repo"]
            )
            texts += [place for row in stood if (place := place_hash(row))]
            for side in SIDES if with_texts else ():
                texts += [text_hash(text) for text in chosen[side].to_pylist()]
        first += table.num_rows
    return Found(
        np.array(rows, np.int64),
        pa.concat_tables(tables) if tables else REMOVED_SCHEMA.empty_table(),
        frozenset(matched),
        tuple(Attribution(*key, "", "", "", -n) for key, n in sorted(attribution.items())),
        np.array(texts, np.uint64),
    )


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


def lines_of(takedown: Takedown, stood: dict[str, Any]) -> list[int]:
    """The lines that name a place, whatever stood there."""
    lines = takedown.by_url(stood["url"]) + takedown.by_repo(stood["repo"])
    if stood["license"] or stood["repo"]:
        lines += takedown.by_license(stood["license"])
    return lines
