"""Row ids as numbers, and the keyed hashes of them that order and sample rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import xxhash


def hex_ids(column: pa.ChunkedArray) -> np.ndarray:
    """Ids of 32 hexadecimal digits as uint64 (rows, 2), high half first."""
    digits = bytes.fromhex("".join(column.to_pylist()))
    return np.frombuffer(digits, ">u8").reshape(-1, 2).astype(np.uint64)


def packed_ids(column: pa.ChunkedArray) -> np.ndarray:
    """The same as 16 bytes each (dtype S16), which numpy sorts and compares as a whole."""
    return np.frombuffer(bytes.fromhex("".join(column.to_pylist())), "S16")


def id_bytes(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Ids of 32 hexadecimal digits as 16 bytes each, which numpy sorts and compares as a whole; nulls are left out."""
    return np.frombuffer(bytes.fromhex("".join(column.drop_null().to_pylist())), "S16")


def row_order(row_ids: Sequence[str], seed: int) -> np.ndarray:
    """uint64: xxh3-64 of each row_id under a key; the canonical, shuffled order of rows."""
    key = seed % (1 << 64)
    return np.fromiter((xxhash.xxh3_64_intdigest(row.encode(), seed=key) for row in row_ids), np.uint64, len(row_ids))
