"""Which of two duplicates is kept: a known licence first, then the better docstring, the latest date, the longer pair,
the smaller pair_id, the smaller row_id; of captures of one page the latest. Nothing of it depends on where or when a
row is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

_UNKNOWN_LICENSES = frozenset({"", "none", "noassertion", "unknown", "other"})
_DATE_BITS = np.uint64(59)
_DATE_MASK = np.uint64((1 << 59) - 1)
_NOT_DIGIT = re.compile(r"\D")


@lru_cache(maxsize=4096)
def merit(license: str | None, docstring_quality: int, date: str | None) -> int:
    """An integer below 2^64, larger for the better row: licence known (1 bit), quality (4 bits), date (59 bits).

    `date` is ISO 8601 in UTC; its digits down to seconds order it, a shorter one counts from its beginning.
    """
    known = (license or "").strip().lower() not in _UNKNOWN_LICENSES
    digits = _NOT_DIGIT.sub("", date or "")[:14].ljust(14, "0")
    return known << 63 | docstring_quality << 59 | int(digits)


def with_captures_by_date(merits: np.ndarray, pages: np.ndarray) -> np.ndarray:
    """Merits (uint64) with which rows of one page are ordered by date alone; `pages` 0 is no page.

    All of them get the best licence and quality among them, so that the order of all rows stays one order.
    """
    result = merits.copy()
    places = np.flatnonzero(pages)
    _, page = np.unique(pages[places], return_inverse=True)
    best = np.zeros(int(page.max(initial=-1)) + 1, np.uint64)
    np.maximum.at(best, page, merits[places] >> _DATE_BITS)
    result[places] = best[page] << _DATE_BITS | merits[places] & _DATE_MASK
    return result


def docstring_quality(docstring: str) -> int:
    """0 to 3, a point each: five words or more, a capital letter at the start, and an end of a sentence."""
    text = docstring.strip()
    return (len(text.split(None, 5)) >= 5) + text[:1].isupper() + text.endswith((".", "!", "?", "。"))


def survivor_rank(merits: np.ndarray, lengths: np.ndarray, pair_ids: np.ndarray, row_ids: np.ndarray) -> np.ndarray:
    """The place of each row in the order of survival, 0 the best (int64).

    `merits` uint64, `lengths` in characters, ids uint64 arrays (rows, 2), high half first. Rows that are equal in all
    keep their order.
    """
    keys: Sequence[np.ndarray] = (
        row_ids[:, 1],
        row_ids[:, 0],
        pair_ids[:, 1],
        pair_ids[:, 0],
        -lengths.astype(np.int64),
        ~merits,
    )
    order = np.lexsort(keys)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank
