"""What a job decided of each row, as a code: the ledger that follows from it, and the rows that are rejected.

A job's rules are (stage, reason, …) by code, in the order of the ledger's stages; code 0 is kept, with no stage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.ledger import STAGES, Ledger
from schemas.rejects import EXCERPT_CHARS, REJECTS_SCHEMA

Rules = Sequence[tuple[str, ...]]


def count_verdicts(job: str, rules: Rules, codes: np.ndarray) -> Ledger:
    """The ledger of rows with these verdicts: each stage reads what none before it dropped."""
    ledger = Ledger(job)
    stages = STAGES[job]
    last = np.array([stages.index(rule[0]) if rule[0] else len(stages) for rule in rules])
    reached = last[codes]
    for i, stage in enumerate(stages):
        ledger.read(stage, int((reached >= i).sum()))
        ledger.keep(stage, int((reached > i).sum()))
        ledger.made(stage, int((reached > i).sum()))
    for code, rule in enumerate(rules):
        if rule[0]:
            ledger.drop(rule[0], rule[1], int((codes == code).sum()))
    return ledger


def rejected_rows(table: pa.Table, rules: Rules, codes: np.ndarray) -> pa.Table:
    """The rows that were not kept, with stage and reason, in `REJECTS_SCHEMA`."""
    told = [pa.array([rule[i] for rule in rules]).take(pa.array(codes[codes > 0])) for i in range(2)]
    dropped = table.filter(pa.array(codes > 0))
    excerpts = pc.utf8_slice_codeunits(dropped["anchor"], 0, EXCERPT_CHARS)
    return pa.Table.from_arrays([*told, excerpts, dropped["provenance"]], schema=REJECTS_SCHEMA)
