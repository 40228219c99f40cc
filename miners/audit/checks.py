"""What is checked of a set beyond counting it, in one mergeable part of the summary: texts, schema, policy, near pairs.

Every row is asked the rules of its columns and of the licence policy; the texts of a seeded sample are looked at.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.audit.hashing import hash_strings, sampled
from miners.audit.license_policy import NOT_STATED, is_excluded
from miners.audit.near_pairs import NearPairs
from miners.audit.schema_check import RECOMPUTED_COLUMNS, SCHEMA_COLUMNS, SchemaCheck
from miners.audit.tallies import Example, Tally
from miners.audit.text_checks import TEXT_COLUMNS, TextChecks, text_rows

CHECK_COLUMNS = (*SCHEMA_COLUMNS, "provenance.license")
"""What is read of every row."""
CHECKED_COLUMNS = tuple(dict.fromkeys((*TEXT_COLUMNS, *RECOMPUTED_COLUMNS)))
"""What is read besides of the sampled rows."""
_RECOMPUTED, _TEXTS = (
    list(dict.fromkeys(name.partition(".")[0] for name in names)) for names in (RECOMPUTED_COLUMNS, TEXT_COLUMNS)
)
_LABEL_CHARS = 80


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """What is checked, and of how many rows the texts."""

    text_rows: int = 20_000
    """Of so many rows the texts are looked at, and ids and hashes recomputed: of all in sets up to this size."""
    license_policy: str = "any"
    licenses: frozenset[str] | None = None
    """What the policy allows; None of one that allows any."""

    def rate(self, rows: int) -> float:
        """The share of so many rows whose texts are looked at."""
        return 1.0 if rows <= self.text_rows else self.text_rows / rows


@dataclass
class Checks:
    """See the module. `add` rows, `add_texts` of those at `text_places`, `merge` checks of other rows."""

    config: CheckConfig
    rate: float
    seed: int
    texts: TextChecks = field(default_factory=TextChecks)
    schema: SchemaCheck = field(default_factory=SchemaCheck)
    near: NearPairs = field(default_factory=NearPairs)
    excluded: Counter[str] = field(default_factory=Counter)
    """Rows that the licence policy leaves out, by licence."""
    removed: Tally = field(default_factory=Tally)
    """Rows that are on the set's own list of removed rows."""
    contamination: dict[int, list[np.ndarray]] = field(default_factory=dict)
    """What of evaluation texts was found in each file, as dedupe's scan finds it."""

    def add(self, table: pa.Table) -> np.ndarray:
        """Check rows with `CHECK_COLUMNS`; gives the places of those whose texts are to be looked at."""
        keys = self._keys(table)
        self.schema.add(table, keys)
        if self.config.licenses is not None:
            self.excluded.update(_excluded(table, self.config.licenses))
        return np.flatnonzero(sampled(keys, self.rate))

    def add_texts(self, table: pa.Table) -> None:
        """Look at the texts of sampled rows, with `CHECKED_COLUMNS`."""
        keys = self._keys(table)
        self.schema.add_texts(table.select(_RECOMPUTED), keys)
        for row in text_rows({name: table.column(name).to_pylist() for name in _TEXTS}, keys):
            self.texts.add(row)

    def add_removed(self, table: pa.Table, listed: np.ndarray) -> None:
        """Count the rows that are on the list of removed ones (bool)."""
        row_ids, keys = table.column("row_id").filter(pa.array(listed)).to_pylist(), self._keys(table)[listed]
        for row_id, key in zip(row_ids, keys.tolist(), strict=True):
            self.removed.merge(Tally(1, 1, [Example(key, row_id, "", "")]))

    def merge(self, other: Checks) -> None:
        """Add the checks of other rows."""
        self.texts.merge(other.texts)
        self.schema.merge(other.schema)
        self.near.merge(other.near)
        self.excluded.update(other.excluded)
        self.removed.merge(other.removed)
        self.contamination |= other.contamination

    def _keys(self, table: pa.Table) -> np.ndarray:
        return hash_strings(table.column("row_id").to_pylist(), self.seed & (2**64 - 1))


def _excluded(table: pa.Table, allowed: frozenset[str]) -> Counter[str]:
    """Rows that the policy leaves out, by licence."""
    licenses = pc.struct_field(table.column("provenance").combine_chunks(), "license")
    kinds = table.column("kind").combine_chunks().cast(pa.string())
    grouped = (
        pa.table({"kind": kinds, "license": licenses}).group_by(["kind", "license"]).aggregate([([], "count_all")])
    )
    counts: Counter[str] = Counter()
    for row in grouped.to_pylist():
        if is_excluded(row["kind"], row["license"], allowed):
            counts[(row["license"] or NOT_STATED)[:_LABEL_CHARS]] += row["count_all"]
    return counts
