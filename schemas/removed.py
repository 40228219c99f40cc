"""The list of rows that were taken out of a finished set: hashes alone, so that their text is kept nowhere.

It stays in the set (`removed/list.parquet`), by row_id, without a date; what is made with this set in sight leaves
these rows and these contents out.
"""

from __future__ import annotations

import pyarrow as pa

REMOVED_PATH = "removed/list.parquet"

REMOVED_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("anchor_hash", pa.int64(), nullable=False),
        pa.field("positive_hash", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""`reason`: by which list a row was named: `url`, `repo`, `license` or `id`."""

CARRIED_NOTE = "removed_elsewhere"
"""The ledger's note of how many rows of the list were removed from sets that this one was made beside."""
