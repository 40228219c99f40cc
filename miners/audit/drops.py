"""What was dropped or failed on the way to a set, with samples: from the rejects that a job kept, else the evidence.

Every reason of every ledger has one entry, so that each drop of the flow picture leads to samples of it or to the flag
that would have kept some.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.audit.hashing import hash_strings
from miners.audit.redaction import redacted
from miners.audit.samples import link_of, place_of
from schemas.ledger import REMOVAL

REJECT_COLUMNS = ("stage", "reason", "excerpt", "provenance")
SHOWN_DROPS = 5
_WHERE = ("uri", "path", "url", "offset", "start_byte", "ordinal")

Reason = tuple[str, str, str]
"""(job, stage, reason)."""


@dataclass
class Drops:
    """Of each reason the rejects with the smallest keyed hashes of where they stood."""

    found: dict[Reason, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)

    def add(self, table: pa.Table, job: str, seed: int) -> None:
        """Take in rows of a file of rejects (`schemas.rejects`) that `job` wrote."""
        keys = hash_strings(_where(table), seed)
        names = [f"{a}/{b}" for a, b in zip(*(table[c].to_pylist() for c in ("stage", "reason")), strict=True)]
        distinct, codes = np.unique(np.array(names, dtype=object), return_inverse=True)
        for code, name in enumerate(distinct):
            at = np.flatnonzero(codes == code)
            smallest = at[np.argsort(keys[at], kind="stable")[:SHOWN_DROPS]]
            stage, reason = name.split("/", 1)
            rows = table.take(pa.array(smallest)).to_pylist()
            self._rank((job, stage, reason), [(int(keys[i]), row) for i, row in zip(smallest, rows, strict=True)])

    def merge(self, other: Drops) -> None:
        """Take in those of other files."""
        for reason, found in other.found.items():
            self._rank(reason, found)

    def _rank(self, reason: Reason, found: Sequence[tuple[int, dict[str, Any]]]) -> None:
        everything = [*self.found.get(reason, ()), *found]
        self.found[reason] = sorted(everything, key=lambda item: (item[0], item[1]["excerpt"] or ""))[:SHOWN_DROPS]


def drop_figures(
    figures: Mapping[str, Any], drops: Drops, rows: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One entry a reason of a ledger: its key, how many items, samples, and where there are none what would give some.

    `figures` holds the ledgers and the evidence; `rows` those rows that the evidence names, by row_id.
    """
    jobs_with_rejects = {job for job, _, _ in drops.found}
    own = figures["ledger"]["job"]
    entries = []
    for ledger in (*figures["ancestors"], figures["ledger"]):
        job = ledger["job"]
        for stage, outcome, drop in _reasons(ledger):
            samples = [_reject(row) for _, row in drops.found.get((job, stage, drop["name"]), ())]
            if not samples and job == own and ledger is figures["ledger"]:
                samples = list(_evidence(figures["evidence"], drop["name"], rows))
                samples += list(_failures(ledger, stage, drop["name"]))
            entries.append(
                {
                    "key": drop_key(job, stage, drop["name"]),
                    "job": job,
                    "stage": stage,
                    "reason": drop["name"],
                    "outcome": outcome,
                    "items": drop["pairs"],
                    "samples": samples,
                    "hint": None if samples else _hint(job, stage, own, job in jobs_with_rejects),
                }
            )
    return entries


def drop_key(job: str, stage: str, reason: str) -> str:
    """The name by which the page's ledger and its samples find each other."""
    return f"{job}/{stage}/{reason}"


def evidence_row_ids(evidence: Mapping[str, Any] | None) -> set[str]:
    """The rows that the examples of the evidence name: removed ones, and those that were kept instead."""
    examples = [row for entry in (evidence or {"by_rule": ()})["by_rule"] for row in entry["examples"]]
    return {row[name] for row in examples for name in ("removed_row_id", "kept_row_id") if row[name]}


def _reasons(ledger: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for stage in ledger["stages"]:
        for outcome in ("dropped", "failed"):
            for drop in stage[outcome]:
                yield stage["stage"], outcome, drop


def _reject(row: Mapping[str, Any]) -> dict[str, Any]:
    provenance = {k: v for k, v in (row["provenance"] or {}).items() if v is not None}
    return {
        "from": "rejects",
        "excerpt": redacted(row["excerpt"] or ""),
        "place": place_of(provenance),
        "link": link_of(provenance),
        "path": provenance.get("path"),
        "license": provenance.get("license"),
        "date": provenance.get("date"),
    }


def _evidence(
    evidence: Mapping[str, Any] | None, reason: str, rows: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    for entry in (evidence or {"by_rule": ()})["by_rule"]:
        if entry["reason"] == reason:
            for example in entry["examples"]:
                yield {
                    "from": "evidence",
                    "rule": entry["rule"],
                    "side": entry["side"],
                    **example,
                    "removed": rows.get(example["removed_row_id"]),
                    "kept": rows.get(example["kept_row_id"] or ""),
                }


def _failures(ledger: Mapping[str, Any], stage: str, reason: str) -> Iterator[dict[str, Any]]:
    mine = [f for f in ledger["failures"] if (f["stage"], f["reason"]) == (stage, reason)]
    for failure in mine[:SHOWN_DROPS]:
        yield {"from": "failures", "where": failure["where"], "why": failure["why"]}


def _hint(job: str, stage: str, own: str, has_rejects: bool) -> str:
    if stage == REMOVAL:
        return "Rows that were taken out of the finished set are gone, and not shown."
    if has_rejects:
        return "The rejects that were kept hold none of this reason."
    if job == own:
        return f"Run `pairmill {job}` with --keep-rejects, and the audit shows samples."
    return (
        f"Run `pairmill {job}` with --keep-rejects and give its output to the audit by --made-of, and the audit shows "
        "samples."
    )


def _where(table: pa.Table) -> list[str]:
    provenance = table["provenance"].combine_chunks()
    parts = [pc.fill_null(pc.cast(pc.struct_field(provenance, name), pa.string()), "") for name in _WHERE]
    return pc.binary_join_element_wise(*parts, "\x1f").to_pylist()
