"""Which split a group falls into: a keyed hash of the group alone, so that it is stable for ever.

The intervals are nested: test grows from the bottom of the hash range, validation from its top. Changing one
share never moves a group of the other.
"""

from __future__ import annotations

from functools import lru_cache

import xxhash

from schemas.ids import length_prefixed

_RANGE = 1 << 64


def check_shares(validation: float, test: float) -> None:
    """Raise ValueError unless both shares are in [0, 1) and leave room for training rows."""
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ValueError(
            f"the shares of validation ({validation}) and test ({test}) must be 0 or more and sum to less than 1"
        )


@lru_cache(maxsize=1 << 16)
def split_of(group: str, key: str, validation: float, test: float) -> str:
    """`train`, `validation` or `test` for a group (a registrable domain, a repository, or a row's own id)."""
    position = xxhash.xxh3_64_intdigest(length_prefixed(key.encode(), group.encode()))
    if position < int(test * _RANGE):
        return "test"
    if position >= _RANGE - int(validation * _RANGE):
        return "validation"
    return "train"
