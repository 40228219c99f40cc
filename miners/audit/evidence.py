"""The evidence of a deduplicated set, summed up: removals by rule, how alike the two rows were, and a few of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from miners.audit.hashing import hash_strings
from miners.audit.samples import explain_command

EVIDENCE_COLUMNS = (
    "removed_row_id",
    "kept_row_id",
    "reason",
    "rule",
    "side",
    "similarity",
    "removed_group",
    "kept_group",
    "benchmark",
)
EXAMPLES = 3


@dataclass
class Removals:
    """Removals by one rule: their number, their similarities, and those of the smallest keyed hashes."""

    rows: int = 0
    similarities: int = 0
    """How many of them state a similarity."""
    least: float | None = None
    alike: int = 0
    """How many had a similarity of 1: the two texts have the same shingles."""
    examples: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def merge(self, other: Removals) -> None:
        """Add removals by the same rule."""
        self.rows += other.rows
        self.similarities += other.similarities
        self.alike += other.alike
        known = [value for value in (self.least, other.least) if value is not None]
        self.least = min(known) if known else None
        ranked = sorted(self.examples + other.examples, key=lambda item: (item[0], item[1]["removed_row_id"]))
        self.examples = ranked[:EXAMPLES]


Rule = tuple[str, str, str | None]
"""(reason, rule, side)."""


def add_evidence(removals: dict[Rule, Removals], table: pa.Table, seed: int) -> None:
    """Count the rows of an evidence file (of at least `EVIDENCE_COLUMNS`)."""
    keys = hash_strings(table.column("removed_row_id").to_pylist(), seed)
    columns = [table.column(name).to_pylist() for name in ("reason", "rule", "side")]
    rows: dict[Rule, list[int]] = {}
    for i, rule in enumerate(zip(*columns, strict=True)):
        rows.setdefault(rule, []).append(i)
    similarities = table.column("similarity").to_numpy(zero_copy_only=False).astype(float)
    for rule, at in rows.items():
        known = similarities[at][~np.isnan(similarities[at])]
        smallest = sorted(at, key=lambda i: int(keys[i]))[:EXAMPLES]
        found = table.select(EVIDENCE_COLUMNS).take(smallest).to_pylist()
        part = Removals(
            rows=len(at),
            similarities=len(known),
            least=float(known.min()) if len(known) else None,
            alike=int((known == 1).sum()),
            examples=[(int(keys[i]), row) for i, row in zip(smallest, found, strict=True)],
        )
        removals.setdefault(rule, Removals()).merge(part)


def evidence_figures(removals: Mapping[Rule, Removals], set_path: str) -> dict[str, Any] | None:
    """Removals by rule, most first, with examples; None for a set without evidence."""
    if not removals:
        return None
    ranked = sorted(removals.items(), key=lambda item: (-item[1].rows, *(part or "" for part in item[0])))
    total = sum(part.rows for part in removals.values())
    return {
        "rows": total,
        "by_rule": [
            {
                "reason": reason,
                "rule": rule,
                "side": side,
                "rows": part.rows,
                "share": part.rows / total,
                "least_similarity": part.least,
                "alike_share": part.alike / part.similarities if part.similarities else None,
                "examples": _examples(part.examples, set_path),
            }
            for (reason, rule, side), part in ranked
        ],
    }


def _examples(examples: Sequence[tuple[int, Mapping[str, Any]]], set_path: str) -> list[dict[str, Any]]:
    wanted = ("removed_row_id", "kept_row_id", "similarity", "removed_group", "kept_group", "benchmark")
    return [
        {**{name: row[name] for name in wanted}, "explain": explain_command(set_path, row["removed_row_id"])}
        for _, row in examples
    ]
