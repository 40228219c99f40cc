"""The identity of a pair set's content: independent of order, sharding and the number of workers.

Each row has a 128-bit hash; a file's sum, mod 2^128, stands in the manifest; sums add up over files, and the
`data_id` hashes each split's row count and sum. It seeds the trainer's batch plan and keys its caches.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import xxhash

from schemas.ids import length_prefixed

DATA_ID_VERSION = 1
MODULUS = 1 << 128
SUMMED_COLUMNS = (
    "row_id",
    "kind",
    "source",
    "language",
    "cluster",
    "group",
    "anchor_hash",
    "positive_hash",
    "negative_hashes",
    "negatives",
)


def row_sums(table: pa.Table) -> int:
    """The sum mod 2^128 of the hashes of the table's rows."""
    columns = [table.column(name).to_pylist() for name in SUMMED_COLUMNS]
    total = 0
    for row in zip(*columns, strict=True):
        total += _row_hash(*row)
    return total % MODULUS


def data_id(splits: Mapping[str, tuple[int, int]]) -> str:
    """32 hex digits from {split: (rows, sum of row hashes)}; empty splits do not count."""
    parts = [f"pairmill data_id {DATA_ID_VERSION}".encode()]
    for split in sorted(splits):
        rows, total = splits[split]
        if rows:
            parts += [split.encode(), str(rows).encode(), f"{total % MODULUS:032x}".encode()]
    return xxhash.xxh3_128_hexdigest(length_prefixed(*parts))


def _row_hash(
    row_id: str,
    kind: str,
    source: str,
    language: str | None,
    cluster: int | None,
    group: str,
    anchor_hash: int,
    positive_hash: int,
    negative_hashes: list[int],
    negatives: list[str],
) -> int:
    texts = xxhash.xxh3_128_digest(length_prefixed(*(text.encode() for text in negatives))) if negatives else b""
    parts = (
        row_id.encode(),
        kind.encode(),
        source.encode(),
        b"" if language is None else language.encode(),
        b"" if cluster is None else cluster.to_bytes(8, "little", signed=True),
        group.encode(),
        anchor_hash.to_bytes(8, "little", signed=True),
        positive_hash.to_bytes(8, "little", signed=True),
        b"".join(value.to_bytes(8, "little", signed=True) for value in negative_hashes),
        texts,
    )
    return xxhash.xxh3_128_intdigest(length_prefixed(*parts))
