"""What a line of a supervised set says: here is a text, these two belong together, these two do not.

Texts are named by 64-bit keys: of an id within a named store, or of the text itself where a file has no ids. (Among
the 8.8 million passages of MS MARCO two have the same key with a probability of 2e-6.)
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import xxhash


class Role(IntEnum):
    """What is said of two texts."""

    POSITIVE = 1
    """`right` answers `left`."""
    NEGATIVE = 2
    """`right` does not answer `left`."""
    TRIPLE = 3
    """`right` answers `left`, and `other` does not."""


class Text(NamedTuple):
    """A text, in UTF-8 without white space around it, and its key."""

    key: int
    text: bytes


class Statement(NamedTuple):
    """What a line says of two or three texts; `texts` are those that the line itself holds."""

    role: Role
    left: int
    right: int
    other: int = 0
    texts: tuple[Text, ...] = ()


class Refused(NamedTuple):
    """A line that says nothing that can be used; `reason` is a drop of import/record."""

    reason: str


Said = Text | Statement | Refused


def store_seed(name: str) -> int:
    """The seed of the keys of a store, such as `msmarco/queries`: the same id in two stores has two keys."""
    return xxhash.xxh3_64_intdigest(name.encode())


TEXTS = store_seed("texts")
"""The store of texts that have no ids."""


def id_key(store: int, name: str) -> int:
    """The key of an id in a store. Raises ValueError for an empty id and for half of a surrogate pair."""
    if not name:
        raise ValueError("an id is empty")
    return xxhash.xxh3_64_intdigest(name.encode(), store)


def own_text(text: str) -> Text:
    """A text that is its own id."""
    stripped = text.strip().encode()
    return Text(xxhash.xxh3_64_intdigest(stripped, TEXTS), stripped)
