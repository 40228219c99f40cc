"""Rows that were left out, written on request (`--keep-rejects`): where each stood, why, and an excerpt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from schemas.pair import PROVENANCE_TYPE, Provenance

EXCERPT_CHARS = 500

REJECTS_SCHEMA = pa.schema(
    [
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("excerpt", pa.string()),
        pa.field("provenance", PROVENANCE_TYPE),
    ]
)


@dataclass(frozen=True, slots=True)
class Reject:
    """One dropped or failed item; `excerpt` is the head of its text, as far as there is text."""

    stage: str
    reason: str
    provenance: Provenance
    excerpt: str = ""


def rejects_to_table(rejects: Sequence[Reject]) -> pa.Table:
    """The rejects as an Arrow table in `REJECTS_SCHEMA`; excerpts are cut to `EXCERPT_CHARS`."""
    rows = [
        {
            "stage": reject.stage,
            "reason": reject.reason,
            "excerpt": reject.excerpt[:EXCERPT_CHARS],
            "provenance": asdict(reject.provenance),
        }
        for reject in rejects
    ]
    return pa.Table.from_pylist(rows, REJECTS_SCHEMA)
