"""Lines of text files with their numbers: byte ranges of plain files, whole compressed ones; and what is wrong.

A line ends with LF or CRLF; a byte order mark before the first one is none of its text; blank lines are no lines but
count. What cannot be read is given as `BadRow` at its place, and reading goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from miners.code.table import is_compressed, unpacked
from pipelines import storage

RANGE_BYTES = 32 << 20
"""A larger plain file is cut at line ends, so that several workers read it."""
MAX_LINE_BYTES = 16 << 20
_READ = 1 << 20
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row or line that cannot be read: its number in the file, from 0, and a failure of import/line."""

    number: int
    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class LineRange:
    """The bytes of some whole lines of a file, and the number of the first; `end` is None for all that follow."""

    start: int = 0
    end: int | None = None
    first: int = 0


def cut_lines(info: storage.FileInfo) -> list[LineRange]:
    """The ranges of a file. One that has several is read once for it: so each knows the number of its first line."""
    if is_compressed(info.path) or info.size <= RANGE_BYTES:
        return [LineRange()]
    ranges, start, first = [], 0, 0
    with storage.open_read(info.path) as file:
        while start < info.size:
            end, lines = start, 0
            while end - start < RANGE_BYTES and (block := file.read(_READ)):
                end += len(block)
                lines += block.count(b"\n")
                if end - start >= RANGE_BYTES and not block.endswith(b"\n"):
                    rest, ended = _rest_of_line(file)
                    end += rest
                    lines += ended
            ranges.append(LineRange(start, end, first))
            start, first = end, first + lines
    return ranges


def read_lines(path: str, part: LineRange, *, keep_blank: bool = False) -> Iterator[tuple[int, str] | BadRow]:
    """(number, line without its end) of the lines of a range; with `keep_blank` also of blank ones."""
    number = part.first
    try:
        with storage.open_read(path) as file:
            file.seek(part.start) if part.start else None
            stream = unpacked(file, path)
            left = float("inf") if part.end is None else part.end - part.start
            while left > 0 and (line := stream.readline(MAX_LINE_BYTES + 1)):
                length = len(line)
                if length > MAX_LINE_BYTES:
                    length += 0 if line.endswith(b"\n") else _rest_of_line(stream)[0]
                    yield BadRow(number, "too_long", f"a line of {length:,} bytes; {MAX_LINE_BYTES:,} are read")
                elif keep_blank or not line.isspace():
                    yield _decoded(number, line)
                left -= length
                number += 1
    except (OSError, EOFError, pa.ArrowException) as error:
        yield BadRow(number, "unreadable_file", f"reading broke off here: {' '.join(str(error).split())}")


def _decoded(number: int, line: bytes) -> tuple[int, str] | BadRow:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return BadRow(number, "not_utf8", f"byte {error.start + 1:,} of the line: {error.reason}")
    text = text.removesuffix("\n").removesuffix("\r")
    return number, text if number else text.removeprefix(_BYTE_ORDER_MARK)


def _rest_of_line(file: BinaryIO) -> tuple[int, int]:
    """Read to the end of the line; how many bytes that was, and whether there was an end."""
    skipped = 0
    while block := file.readline(_READ):
        skipped += len(block)
        if block.endswith(b"\n"):
            return skipped, 1
    return skipped, 0
