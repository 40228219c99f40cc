"""Reads the files of evaluation sets: JSONL, TSV and CSV, plain or gzipped, each record with the place where it stands.

A user's mistake (no such file, bad JSON, a missing column, an empty text, an id that stands twice) is a ValueError that
names the file and the line.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from train.command_line import nearest

NO_WORDS = "."
"""What is encoded for a text without a word, as in SentEval's own examples: some models cannot encode nothing."""
TOLERATED = 0.01
"""Published sets have flaws of their own: FiQA documents without a text, ArguAna judgements of documents that it does
not hold, SentEval's CR and MPQA blank lines, each less than this share. They are kept and noted; more is a mistake."""


@dataclass(frozen=True)
class Place:
    """Where a record stands; lines count from 1."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.line:,}"


Record = tuple[Place, Mapping[str, Any]]


@contextmanager
def open_text(path: Path) -> Iterator[io.TextIOWrapper]:
    """The file as UTF-8 (a byte order mark is skipped), unpacked where it ends in .gz; ValueError where it cannot be
    read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8; write it as UTF-8") from None
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def json_lines(path: Path) -> Iterator[Record]:
    """The objects of a JSONL file; blank lines are passed over."""
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            place = Place(path, number)
            try:
                record = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{place}: no JSON ({error})") from None
            if not isinstance(record, dict):
                raise ValueError(f"{place}: a JSON object is wanted, with a field a value")
            yield place, record


def table_cells(path: Path) -> Iterator[tuple[Place, list[str]]]:
    """The cells of each line of a CSV file (RFC 4180), or of any other as TSV without quoting; blank lines are passed
    over. A file whose first line has two tabs or more is TSV whatever its name: SemEval's ``sts-test.csv`` is."""
    csv.field_size_limit(sys.maxsize)
    with open_text(path) as file:
        first = file.readline()
        is_csv = path.name.removesuffix(".gz").endswith(".csv") and first.count("\t") < 2
        style: dict[str, Any] = {} if is_csv else {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
        reader = csv.reader(chain((first,), file), strict=True, **style)
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield Place(path, reader.line_num), cells
        except csv.Error as error:
            raise ValueError(f"{Place(path, reader.line_num)}: {error}") from None


def table_records(path: Path, columns: Sequence[str]) -> Iterator[Record]:
    """The records of a table whose first line names its columns, `columns` among them."""
    lines = table_cells(path)
    head = [name.strip() for name in next(lines, (None, []))[1]]
    for name in columns:
        if name not in head:
            there = ", ".join(head) or "nothing"
            raise ValueError(f"{path}, line 1: there is no column {name!r}{nearest(name, head)}; there is {there}")
    for place, cells in lines:
        if len(cells) != len(head):
            raise ValueError(f"{place}: {len(cells)} columns, where line 1 names {len(head)}")
        yield place, dict(zip(head, cells, strict=True))


def text_of(record: Mapping[str, Any], field: str, place: Place, *, may_be_empty: bool = False) -> str:
    """A field that is a text and not blank; ValueError where it is missing, something else or, unless it
    `may_be_empty`, blank."""
    value = record.get(field)
    if value is None:
        raise ValueError(f"{place}: there is no field {field!r}{nearest(field, record)}")
    if not isinstance(value, str):
        raise ValueError(f"{place}: {field!r} is {type(value).__name__}, where a text is wanted")
    if not value.strip() and not may_be_empty:
        raise ValueError(f"{place}: {field!r} is empty; leave the record out or give it a text")
    return value


def number_of(record: Mapping[str, Any], field: str, place: Place) -> float:
    """A field that is a finite number; ValueError for any other."""
    try:
        value = float(record[field])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{place}: {field!r} is {record.get(field)!r}, where a number is wanted") from None
    if not abs(value) < float("inf"):
        raise ValueError(f"{place}: {field!r} is {value}, where a finite number is wanted")
    return value


class Names:
    """Names that may stand once each: where each one stood."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lines: dict[str, int] = {}

    def add(self, name: str, place: Place) -> None:
        """ValueError, with both lines, for a name that stood before."""
        first = self._lines.setdefault(name, place.line)
        if first != place.line:
            raise ValueError(f"{place}: the {self._what} {name!r} stands on line {first:,} too; each may stand once")

    def __contains__(self, name: str) -> bool:
        return name in self._lines


def language_of(record: Mapping[str, Any]) -> str | None:
    """What a record says of its language, itself or in its metadata; None where it says nothing."""
    metadata = record.get("metadata")
    for fields in (record, metadata if isinstance(metadata, dict) else {}):
        for name in ("language", "lang"):
            if isinstance(fields.get(name), str) and fields[name]:
                return fields[name]
    return None


def group_of(record: Mapping[str, Any], place: Place) -> str | None:
    """What a record shares its difficulty with (a repository, a page), as it or its metadata names it under `group`;
    None where they name nothing. ValueError where that is neither a text nor a whole number."""
    metadata = record.get("metadata")
    for fields in (record, metadata if isinstance(metadata, dict) else {}):
        value = fields.get("group")
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise ValueError(f"{place}: 'group' is {type(value).__name__}, where a text is wanted")
        if value is not None and str(value).strip():
            return str(value)
    return None


def files_in(paths: Iterable[str], suffixes: Sequence[str], flag: str) -> list[Path]:
    """The files named, and those of folders that are named whose names end so (or so and .gz), in order; ValueError
    where there is none."""
    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if not path.exists():
            raise ValueError(f"there is no {path}; {flag} takes files and folders")
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [one for one in inside if path.is_file() or one.name.removesuffix(".gz").endswith(tuple(suffixes))]
        if not files:
            raise ValueError(f"{path} has no file that ends in {' or '.join(suffixes)}, or in these and .gz")
        found += files
    return found
