"""Fifth pass of dedupe: one worker decides, on arrays of the rows that share anything, and writes verdicts a unit.

In: facts, edges and what was scanned of each row; untouched rows are never gathered. Out: a file of verdicts with
evidence for each unit, and the counts that hold for the whole input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from miners.near_duplicates.resolve import (
    ANCHOR,
    EMPTY,
    JOINT,
    KEPT,
    POSITIVE,
    REMOVED,
    RULES,
    SIDES,
    Contamination,
    Edges,
    Rows,
    Verdicts,
    resolve,
)
from miners.near_duplicates.survivor_order import with_captures_by_date
from pipelines import storage
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.contamination import FOUND_KINDS, Decision, Decontamination, count_rows, decide
from pipelines.deduping.files import TemporaryFiles, read_arrays, read_table, write_table
from pipelines.deduping.groups import GROUP_KINDS, GroupCounts
from pipelines.deduping.match import FACT_KINDS
from pipelines.deduping.passing import PASSING
from pipelines.deduping.source_loss import losses_to_json
from pipelines.deduping.verify import EDGE_KINDS
from schemas.evidence import EVIDENCE_SCHEMA
from schemas.ledger import LISTED_FAILURES

VERDICT_SCHEMA = pa.schema(
    [pa.field("row", pa.uint32()), pa.field("code", pa.uint8()), pa.field("cluster", pa.int64()), *EVIDENCE_SCHEMA]
)


class ResolveRows(beam.DoFn):
    """(PASSING, everything) → (unit, "") for each unit, and (PASSING, counts of the whole)."""

    def __init__(self, config: DedupeConfig, files: TemporaryFiles, wanted: Decontamination | None = None) -> None:
        self.config, self.files, self.wanted = config, files, wanted

    def process(self, element: tuple[str, Iterable[bytes]]) -> Iterator[tuple[str, bytes]]:
        """Decide on the whole input."""
        told = sorted((json.loads(value) for value in element[1]), key=lambda item: json.dumps(item, sort_keys=True))
        units = {item["unit"]: item["rows"] for item in told if "unit" in item}
        sets = {item["unit"]: item["existing"] for item in told if item.get("existing")}
        new = sorted(units.keys() - sets.keys())
        summary = _sums(told)
        summary["rows"] = sum(units[unit] for unit in new)
        summary["bad"] = sum(item.get("bad", 0) for item in told)
        summary["listed"] = sorted(row for item in told for row in item.get("listed", ()))[:LISTED_FAILURES]
        near, leaks = self._edges([item["edges"] for item in told if "edges" in item])
        decision = self._contamination(new) if self.wanted else None
        facts = [item["facts"] for item in told if "facts" in item]
        groups = self._groups([unit for unit in new if units[unit]])
        known, places = self._touched(facts, units, sets, near, leaks, decision)
        summary["groups"] = {"count": len(groups.keys), "largest": int(groups.counts.max(initial=0))}
        if known is not None:
            found, benchmarks = decision.at(places) if decision else (Contamination.none(), np.zeros(0, np.int64))
            verdicts = resolve(as_rows(known), near, leaks, self.config.caps(), found)
            summary["largest_cluster"] = verdicts.largest_cluster
            summary["removed"] = {
                f"{stage}/{reason}": int(np.isin(verdicts.codes, _codes(stage, reason)).sum())
                for stage, reason in dict.fromkeys(rule[:2] for rule in RULES[1:])
            }
            is_new = known["existing"].to_numpy() == 0
            lost = groups.losses(
                known["group"].filter(pa.array(is_new)), verdicts.codes[is_new], self.config.max_source_loss
            )
            summary["groups"]["losses"] = losses_to_json(lost)
            names = self._benchmarks(verdicts, found, benchmarks)
            self._write(known, verdicts, places, Said(names, sets))
            if decision:
                dropped = verdicts.codes[found.rows] == found.codes
                summary["contamination"] = count_rows(decision, dropped, self.wanted.texts().names)
        for unit in new:
            yield f"{unit:06d}", b""
        yield PASSING, json.dumps({"summary": summary}).encode()

    def _edges(self, partitions: list[int]) -> tuple[dict[int, Edges], dict[int, Edges]]:
        comparisons = self.config.comparisons()
        kinds = EDGE_KINDS * len(comparisons)
        parts = [read_arrays(storage.read_bytes(self.files.path("edges", p)), kinds) for p in partitions]
        near, leaks = {}, {}
        for i, comparison in enumerate(comparisons):
            if parts:
                columns = [np.concatenate([part[4 * i + j] for part in parts]) for j in range(4)]
                order = np.lexsort((columns[1], columns[0]))
                edges = Edges(*(column[order] for column in columns))
                found = leaks if comparison.across_splits else near
                if comparison.side in found:  # text and code by the same side: their pairs are never the same
                    edges = Edges(
                        *map(np.concatenate, zip(astuple(found[comparison.side]), astuple(edges), strict=True))
                    )
                found[comparison.side] = edges
        return near, leaks

    def _touched(
        self,
        partitions: list[int],
        units: dict[int, int],
        sets: dict[int, str],
        near: dict[int, Edges],
        leaks: dict[int, Edges],
        decision: Decision | None,
    ) -> tuple[pa.Table | None, np.ndarray]:
        """The rows that share anything, and their (unit, row)."""
        facts = [read_arrays(storage.read_bytes(self.files.path("facts", p)), FACT_KINDS) for p in partitions]
        pairs = np.unique(np.concatenate([np.zeros(0, np.uint64), *(fact[0] for fact in facts)]))
        hashes = np.unique(np.concatenate([np.zeros(0, np.uint64), *(fact[1] for fact in facts)]))
        names = {side: _ends(leaks.get(side)) for side in (JOINT, ANCHOR, POSITIVE)}
        names[JOINT] = np.unique(np.concatenate([names[JOINT], *map(_ends, near.values())]))
        tables, places = [], []
        for unit, count in sorted(units.items()):
            if not count:
                continue
            table = read_table(storage.read_bytes(self.files.path("rows", unit)))
            existing = pa.array(np.full(count, unit in sets, "u1"))
            table = table.add_column(table.num_columns - 1, "existing", existing)
            rows = as_rows(table)
            chosen = (rows.barred != KEPT) | are_among(rows.pair_ids[:, 1], pairs)
            if decision:
                chosen[decision.rows[decision.units == unit]] = True
            for side in (ANCHOR, POSITIVE):
                own = (rows.anchor_hashes if side == ANCHOR else rows.positive_hashes).view(np.uint64)
                chosen |= are_among(own, hashes)
            for side, wanted in names.items():
                chosen |= are_among(rows.contents(side), wanted)
            mine = np.flatnonzero(chosen)
            tables.append(
                table.take(mine).set_column(table.num_columns - 1, "group", table["group"].take(mine).cast(pa.string()))
            )
            places.append(np.stack([np.full(len(mine), unit), mine], 1))
        if not sum(map(len, places)):
            return None, np.zeros((0, 2), int)
        return pa.concat_tables(tables).combine_chunks(), np.concatenate(places)

    def _groups(self, units: list[int]) -> GroupCounts:
        paths = [self.files.path("groups", unit) for unit in units]
        return GroupCounts.of([read_arrays(storage.read_bytes(path), GROUP_KINDS) for path in paths])

    def _contamination(self, units: list[int]) -> Decision:
        paths = [(unit, self.files.path("contamination", unit)) for unit in units]
        return decide([(unit, read_arrays(storage.read_bytes(path), FOUND_KINDS)) for unit, path in paths], self.wanted)

    def _write(self, known: pa.Table, verdicts: Verdicts, places: np.ndarray, said: Said) -> None:
        """A file of verdicts for each unit that is new, with the rows that go or change their cluster."""
        own = known["pair_low"].to_numpy().view(np.int64)
        told = np.flatnonzero((verdicts.codes > 0) | (verdicts.clusters != own))
        units = places[told, 0]
        for unit in np.setdiff1d(units, list(said.sets)).tolist():
            mine = told[np.searchsorted(units, unit) : np.searchsorted(units, unit, "right")]
            table = _table(known, verdicts, mine, places, said)
            write_table(self.files.path("verdicts", unit), table)

    def _benchmarks(self, verdicts: Verdicts, found: Contamination, benchmarks: np.ndarray) -> pa.Array:
        """The benchmark of each row that contamination dropped."""
        names: list[str | None] = [None] * len(verdicts.codes)
        for row, code, benchmark in zip(found.rows.tolist(), found.codes.tolist(), benchmarks.tolist(), strict=True):
            if verdicts.codes[row] == code:
                names[row] = self.wanted.texts().names[benchmark]
        return pa.array(names, pa.string())


@dataclass(frozen=True)
class Said:
    """What evidence says besides verdicts."""

    benchmarks: pa.Array
    """Of each row, where contamination dropped it."""
    sets: Mapping[int, str]
    """Which units are of an earlier set, and its data_id."""


def _table(known: pa.Table, verdicts: Verdicts, mine: np.ndarray, places: np.ndarray, said: Said) -> pa.Table:
    """Verdicts and evidence of the rows `mine`."""
    codes, similarity, bands = verdicts.codes[mine], verdicts.similarity[mine], verdicts.bands[mine]
    keepers = verdicts.keepers[mine]
    kept = pa.array(keepers, mask=keepers < 0)
    sets = [
        said.sets.get(unit) if keeper >= 0 else None for unit, keeper in zip(places[keepers, 0], keepers, strict=True)
    ]
    rules = [pa.array([rule[i] for rule in RULES]).take(pa.array(codes)) for i in range(3)]
    compared = (codes > 0) & (codes != EMPTY) & (codes != REMOVED)
    columns = {
        "row": pa.array(places[mine, 1].astype(np.uint32)),
        "code": pa.array(codes),
        "cluster": pa.array(verdicts.clusters[mine]),
        "removed_row_id": _hex(known, "row", mine),
        "kept_row_id": _hex(known, "row", keepers),
        "removed_pair_id": _hex(known, "pair", mine),
        "kept_pair_id": _hex(known, "pair", keepers),
        "stage": rules[0],
        "reason": rules[1],
        "rule": rules[2],
        "side": pa.array(np.array(SIDES, object)[verdicts.sides[mine]], pa.string(), mask=~compared),
        "similarity": pa.array(similarity, mask=np.isnan(similarity)),
        "bands_shared": pa.array(bands, mask=bands == 0),
        "removed_group": known["group"].take(pa.array(mine)),
        "kept_group": known["group"].take(kept),
        "kept_set": pa.array(sets, pa.string()),
        "benchmark": said.benchmarks.take(pa.array(mine)),
    }
    return pa.table(columns).cast(VERDICT_SCHEMA)


def are_among(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which values are among the `wanted`, sorted ones: these are many and the same for each unit."""
    if not len(wanted):
        return np.zeros(len(values), bool)
    return wanted[np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)] == values


def as_rows(known: pa.Table) -> Rows:
    """What was scanned, as the arrays that decisions are made on."""
    column = {name: known[name].to_numpy() for name in known.column_names if name != "group"}
    return Rows(
        pair_ids=np.stack([column["pair_high"], column["pair_low"]], 1),
        row_ids=np.stack([column["row_high"], column["row_low"]], 1),
        anchor_hashes=column["anchor_hash"],
        positive_hashes=column["positive_hash"],
        merits=with_captures_by_date(column["merit"], column["page"]),
        lengths=column["length"],
        splits=column["split"],
        barred=column["barred"],
        existing=column["existing"].astype(bool),
        clusters=column["cluster"],
    )


def _sums(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Candidates compared and skipped, by comparison."""
    summary: dict[str, Any] = {}
    for name in ("compared", "skipped"):
        total: dict[str, int] = {}
        for item in told:
            for comparison, n in item.get(name, {}).items():
                total[comparison] = total.get(comparison, 0) + n
        summary[name] = total
    return summary


def _ends(edges: Edges | None) -> np.ndarray:
    return np.zeros(0, np.uint64) if edges is None else np.unique(np.concatenate([edges.left, edges.right]))


def _codes(stage: str, reason: str) -> list[int]:
    return [code for code, rule in enumerate(RULES) if rule[:2] == (stage, reason)]


def _hex(known: pa.Table, name: str, rows: np.ndarray) -> pa.Array:
    """The ids of rows as hexadecimal digits; null for row -1."""
    halves = np.stack([known[f"{name}_high"].to_numpy()[rows], known[f"{name}_low"].to_numpy()[rows]], 1)
    digits = halves.astype(">u8").tobytes().hex()
    ids = [digits[i : i + 32] for i in range(0, len(digits), 32)]
    return pa.array([None if row < 0 else name for row, name in zip(rows.tolist(), ids, strict=True)], pa.string())
