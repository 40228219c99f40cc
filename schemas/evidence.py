"""Files of a deduplicated set beside its rows: evidence, one row a removal, and the signatures of what was kept."""

from __future__ import annotations

import pyarrow as pa

EVIDENCE_SCHEMA = pa.schema(
    [
        pa.field("removed_row_id", pa.string(), nullable=False),
        pa.field("kept_row_id", pa.string()),
        pa.field("removed_pair_id", pa.string(), nullable=False),
        pa.field("kept_pair_id", pa.string()),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("side", pa.string()),
        pa.field("similarity", pa.float64()),
        pa.field("bands_shared", pa.int32()),
        pa.field("removed_group", pa.string()),
        pa.field("kept_group", pa.string()),
        pa.field("kept_set", pa.string()),
        pa.field("benchmark", pa.string()),
    ]
)
"""`kept_*` is the row of the same stage for which this one was removed; null for contamination, where `benchmark` names
the evaluation file, and for a pair without text. `similarity` is the exact Jaccard index of the shingle sets, 1 for
equal contents; `kept_set` is the data_id of the earlier set that holds the kept row, null where this one does;
`bands_shared` counts the bands by which a near-duplicate was found. `side`: joint, anchor or positive.
"""


def signatures_schema(permutations: int) -> pa.Schema:
    """Rows in the order of the data file of the same name; the joint signature is the minimum of both, by place."""
    signature = pa.list_(pa.field("item", pa.uint32(), nullable=False), permutations)
    return pa.schema(
        [
            pa.field("row_id", pa.string(), nullable=False),
            pa.field("anchor", signature, nullable=False),
            pa.field("positive", signature, nullable=False),
        ]
    )
