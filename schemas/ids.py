"""Names of content and of occurrences: what makes two pairs the same, and two rows.

Both ids are 32 hexadecimal digits of xxh3-128 over parts that are each prefixed by their length, so that no two
different lists of parts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import xxhash


def length_prefixed(*parts: bytes) -> bytes:
    """The parts one after the other, each after its length as 8 little-endian bytes."""
    return b"".join([piece for part in parts for piece in (length_prefix(len(part)), part)])


@lru_cache(maxsize=4096)
def length_prefix(length: int) -> bytes:
    """The length as 8 little-endian bytes; the common ones are kept."""
    return length.to_bytes(8, "little")


def pair_id(kind: str, anchor: str, positive: str) -> str:
    """The id of this content: kind, anchor and positive, whatever their source."""
    return xxhash.xxh3_128_hexdigest(length_prefixed(kind.encode(), anchor.encode(), positive.encode()))


def row_id(content: str, place: Sequence[str | int]) -> str:
    """The id of this occurrence: its pair id and where it stood.

    `place` for web pages: last path part of the file, record offset, ordinal; for code: repository, path, start and
    end byte; for tables: last path part of the file, row number. Never a local folder or a time, so that the
    same input elsewhere gives the same ids. Integers and strings of the same digits differ.
    """
    return xxhash.xxh3_128_hexdigest(length_prefixed(content.encode()) + b"".join(map(_place_part, place)))


def numbered_row_ids(contents: Sequence[str], place: Sequence[str | int], numbers: Sequence[int]) -> list[str]:
    """`row_id(content, (*place, number))` of each occurrence in one place, as the rows of a table and of a page are."""
    ids = [content.encode() for content in contents]
    within, digits = b"".join(map(_place_part, place)), [b"i%d" % number for number in numbers]
    return [
        xxhash.xxh3_128_hexdigest(length_prefix(len(own)) + own + within + length_prefix(len(number)) + number)
        for own, number in zip(ids, digits, strict=True)
    ]


@lru_cache(maxsize=1024, typed=True)
def _place_part(part: str | int) -> bytes:
    """Kept for a while: the rows of a page or a file have most of their place in common."""
    return length_prefixed((b"i" if isinstance(part, int) else b"s") + str(part).encode())
