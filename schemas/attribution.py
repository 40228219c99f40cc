"""`ATTRIBUTION.tsv`: whose code a pair set holds, under which licence, and where that licence is written.

One line a repository, revision and licence, in the order of these, after a line with the columns' names. Tabs and line
ends within a value are written as spaces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from typing import BinaryIO

ATTRIBUTION_NAME = "ATTRIBUTION.tsv"
UNKNOWN = "NOASSERTION"
"""SPDX's word for a licence of which nothing is known."""
_BLANKS = re.compile(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Attribution:
    """One line. What is not known is empty."""

    repo: str
    revision: str
    license: str
    """SPDX expression, or `NOASSERTION`."""
    found_in: str
    """Where the licence is stated: `tag`, `notice` (both in the source file), `file`, `metadata`; several by commas."""
    license_file: str
    """The file of the repository that states it."""
    license_url: str
    """A permanent link to that file."""
    rows: int = 0
    """Pairs that come from it."""


COLUMNS = tuple(field.name for field in fields(Attribution))


def write_attribution(file: BinaryIO, lines: Iterable[Attribution]) -> tuple[int, int, str]:
    """Write the lines in the order given; gives their number, the file's bytes and its sha256."""
    digest, size, count = hashlib.sha256(), 0, -1
    for values in _rows(lines):
        data = "\t".join(plain(str(value)) for value in values).encode() + b"\n"
        digest.update(data)
        file.write(data)
        size += len(data)
        count += 1
    return count, size, digest.hexdigest()


def read_attribution(lines: Iterable[str]) -> Iterator[Attribution]:
    """The lines of a file that `write_attribution` wrote. Raises ValueError for another."""
    for number, line in enumerate(lines, 1):
        values = line.rstrip("\n").split("\t")
        if number == 1 and tuple(values) != COLUMNS:
            raise ValueError(f"{ATTRIBUTION_NAME} does not begin with {', '.join(COLUMNS)}")
        if number > 1:
            if len(values) != len(COLUMNS) or not values[-1].isdigit():
                raise ValueError(f"line {number} of {ATTRIBUTION_NAME} has not the columns {', '.join(COLUMNS)}")
            yield Attribution(*values[:-1], rows=int(values[-1]))


def plain(value: str) -> str:
    """The value as a line holds it."""
    return _BLANKS.sub(" ", value)


def _rows(lines: Iterable[Attribution]) -> Iterator[tuple[object, ...]]:
    yield COLUMNS
    yield from map(astuple, lines)
