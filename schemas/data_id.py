"""The identity of a pair set's content: independent of order, sharding and the number of workers.

Each row has a 128-bit hash; a file's sum, mod 2^128, stands in the manifest; sums add up over files, and the
`data_id` hashes each split's row count and sum. It seeds the trainer's batch plan and keys its caches.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.ids import length_prefix, length_prefixed

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
    """The sum mod 2^128 of the hashes of the table's rows.

    A row's hash is xxh3-128 over its `SUMMED_COLUMNS`, each length-prefixed: strings in UTF-8, integers as 8 bytes
    (null as none), the negatives' hashes one after another, and last xxh3-128 of the length-prefixed negatives
    (nothing where there are none).
    """
    table = table.select(SUMMED_COLUMNS).combine_chunks()
    parts = [_strings(table["row_id"])]
    parts += [_strings(table[name]) for name in ("kind", "source", "language")]
    parts += [_integers(table["cluster"]), _strings(table["group"])]
    parts += [_integers(table["anchor_hash"]), _integers(table["positive_hash"])]
    parts += _negatives(table["negative_hashes"], table["negatives"])
    digest = xxhash.xxh3_128_intdigest
    return sum(map(digest, map(b"".join, zip(*parts, strict=True)))) % MODULUS


def data_id(splits: Mapping[str, tuple[int, int]]) -> str:
    """32 hex digits from {split: (rows, sum of row hashes)}; empty splits do not count."""
    parts = [f"pairmill data_id {DATA_ID_VERSION}".encode()]
    for split in sorted(splits):
        rows, total = splits[split]
        if rows:
            parts += [split.encode(), str(rows).encode(), f"{total % MODULUS:032x}".encode()]
    return xxhash.xxh3_128_hexdigest(length_prefixed(*parts))


def _strings(column: pa.ChunkedArray) -> list[bytes]:
    """Each value length-prefixed; what repeats is encoded once."""
    names = column.combine_chunks()
    if pa.types.is_dictionary(names.type):
        encoded = [length_prefixed(name.encode()) for name in names.dictionary.to_pylist()]
        return [length_prefixed(b"") if i is None else encoded[i] for i in names.indices.to_pylist()]
    values = names.fill_null("").cast(pa.binary()).to_pylist()
    return [length_prefix(len(value)) + value for value in values]


def _integers(column: pa.ChunkedArray) -> list[bytes]:
    """Each int64 length-prefixed, a null as nothing."""
    values = np.stack([np.full(len(column), 8, "<i8"), column.fill_null(0).to_numpy().astype("<i8")], 1).tobytes()
    found = [values[i : i + 16] for i in range(0, len(values), 16)]
    for i in np.flatnonzero(column.is_null().to_numpy()).tolist() if column.null_count else ():
        found[i] = length_prefixed(b"")
    return found


def _negatives(hashes: pa.ChunkedArray, texts: pa.ChunkedArray) -> tuple[list[bytes], list[bytes]]:
    """The two last parts of each row; most rows have no negatives, and lists are slow to take apart."""
    none = length_prefixed(b"")
    parts = [none] * len(hashes), [none] * len(hashes)
    for column, part, encode in ((hashes, parts[0], _hash_list), (texts, parts[1], _text_list)):
        filled = np.flatnonzero(pc.list_value_length(column).fill_null(0).to_numpy())
        for i, values in zip(filled.tolist(), column.take(pa.array(filled)).to_pylist(), strict=True):
            part[i] = length_prefixed(encode(values))
    return parts


def _hash_list(values: list[int]) -> bytes:
    return b"".join(value.to_bytes(8, "little", signed=True) for value in values)


def _text_list(values: list[str]) -> bytes:
    return xxhash.xxh3_128_digest(length_prefixed(*(text.encode() for text in values)))
