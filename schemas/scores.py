"""A model's opinion of each pair: Parquet files with one row a pair, by row_id, beside a pair set and not part of it.

Other columns are left alone. `pairmill select --scores` reads such files.
"""

from __future__ import annotations

import pyarrow as pa

SCORES_SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
    ]
)
"""`rank`: the place of the pair's own positive among all candidates for its anchor, 1 for the best; of equals each has
the last place. `score`: the similarity of anchor and positive, such as the cosine of their vectors.
"""

DATA_ID_KEY = b"pairmill.data_id"
"""In the file's metadata: the data_id of the pair set that was scored."""
MODEL_KEY = b"pairmill.model"
WITHIN_KEY = b"pairmill.within"
"""What the candidates share with the row: its split and source (`source`), or its split alone (`split`)."""
