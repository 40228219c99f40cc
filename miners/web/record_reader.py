"""WARC and WET files, record by record, with every damaged stretch named.

In: a seekable binary file (plain or gzip, any mix of one or many records a member). Out, in file order: a `WarcRecord`
for each sound record, a `Damage` for each stretch that holds none. Nothing is lost silently: what is not in a record is
in a `Damage`. Memory holds one record, at most `Limits.block_bytes`.

A record counts as sound once what follows it has been seen: the next record, or the end of the gzip member (whose
checksum is then right) or of the file. After damage reading goes on at the next gzip member that inflates to `WARC/`,
or in plain text at the next line that begins a record.

The framing is our own, because the libraries' iterators end for good at the first broken member.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

GZIP_MAGIC = b"\x1f\x8b\x08"
RECORD_MAGIC = b"WARC/"
_HEAD_END = re.compile(rb"\n\r?\n")
_RECORD_LINE = re.compile(rb"\n(?=WARC/[01]\.)")
_HEAD_BYTES = 64 << 10
_CHUNK = 16 << 10
_BLOCK = 1 << 20
_LOOKAHEAD = 64
_WBITS_GZIP = 31


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is held in memory of one record."""

    block_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """One sound record."""

    offset: int
    """Byte offset in the file: of the record, or of the gzip member that it lies in."""
    position: int
    """Byte position in the inflated member; 0 in a plain file, and for the first record of a member."""
    headers: Mapping[str, str]
    """WARC header fields by lower-case name; of a repeated field the first."""
    block: bytes | None
    """The record's content; None where it is larger than `Limits.block_bytes`."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of the file that gave no record; counts as one failed record, since nobody knows how many it held."""

    reason: str
    """One of the failure reasons of mine-web/record."""
    offset: int
    why: str
    skipped: int = 0
    """Bytes of the file that were passed over, where that is known."""


class _BadRecord(Exception):
    """One record's framing is wrong; the stream that it stands in is sound."""

    def __init__(self, reason: str, why: str, resume: int) -> None:
        super().__init__(why)
        self.reason, self.why, self.resume = reason, why, resume


class _BrokenStream(Exception):
    """The stream itself broke: nothing behind this point can be read from it."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason, self.why = reason, why


def read_records(
    file: BinaryIO, *, start: int = 0, end: int | None = None, limits: Limits | None = None
) -> Iterator[WarcRecord | Damage]:
    """The records that begin in the byte range [start, end) of a file, and its damage.

    The ranges of a file hold exactly the file's records. A gzip member belongs to the range in which it begins; a plain
    file belongs to its first range. Errors of the file itself (OSError) end it as `unreadable_file`.
    """
    limits = limits or Limits()
    window = _Window(file)
    try:
        head = window.at(0, 64)
        if not head:
            return
        if head.startswith(GZIP_MAGIC[:2]):
            yield from _gzip_records(window, start, end, limits)
        elif start == 0:
            yield from _plain_or_unknown(window, head, limits)
    except OSError as error:
        yield Damage("unreadable_file", window.reached, f"reading failed: {error}")


def _plain_or_unknown(window: _Window, head: bytes, limits: Limits) -> Iterator[WarcRecord | Damage]:
    if head.lstrip().startswith(RECORD_MAGIC):
        yield from _stream_records(_Plain(window, len(head) - len(head.lstrip())), limits)
        return
    member = _find_member(window, 1)
    if member is not None:
        yield Damage("damaged_member", 0, "the file begins with bytes that are no record", member)
        yield from _gzip_records(window, member, None, limits)
        return
    stream = _Plain(window, 0)
    _skip_to_record(stream)
    if stream.at_end():
        yield Damage("unreadable_file", 0, "neither WARC nor gzipped WARC (ARC, zstd and lz4 are not read)")
        return
    yield Damage("bad_header", 0, "the file begins with bytes that are no record", stream.taken)
    yield from _stream_records(stream, limits)


def _gzip_records(window: _Window, start: int, end: int | None, limits: Limits) -> Iterator[WarcRecord | Damage]:
    position = _find_member(window, start) if start else 0
    while position is not None and window.at(position, 1):
        if end is not None and position >= end and _begins_member(window, position):
            return
        member = _Member(window, position)
        try:
            yield from _stream_records(member, limits)
            position = member.next
        except _BrokenStream as fault:
            behind = _find_member(window, position + 1)
            stop = window.size() if behind is None else behind
            if position == 0 and behind is None and not _begins_member(window, 0):
                yield Damage("unreadable_file", 0, f"no WARC record in the file: {fault.why}", stop)
            elif not _is_padding(window, position, stop):
                yield Damage(fault.reason, position, fault.why, stop - position)
            position = behind


def _stream_records(stream: _Stream, limits: Limits) -> Generator[WarcRecord | Damage]:
    """All records of one stream; raises _BrokenStream where it breaks."""
    while True:
        _skip_blank_lines(stream)
        if stream.at_end():
            return
        offset, position = stream.place()
        try:
            yield _one_record(stream, offset, position, limits)
        except _BadRecord as fault:
            stream.take(fault.resume)
            before = stream.taken
            _skip_to_record(stream)
            skipped = fault.resume + stream.taken - before if isinstance(stream, _Plain) else 0
            yield Damage(fault.reason, offset, fault.why, skipped)


def _one_record(stream: _Stream, offset: int, position: int, limits: Limits) -> WarcRecord:
    headers, head = _read_head(stream, offset, position)
    length_field = headers.get("content-length", "")
    if not length_field.isascii() or not length_field.isdigit() or len(length_field) > 18:
        raise _BadRecord("bad_header", f"Content-Length is {length_field[:40]!r}, no number", head - 1)
    length = int(length_field)
    if length > stream.most_left() - head:
        raise _BadRecord("truncated", f"Content-Length says {length:,} bytes; the file ends before", head - 1)
    if length > limits.block_bytes:
        return _pass_over(stream, WarcRecord(offset, position, headers, None), head, length)
    if not stream.hold(head + length):
        held = len(stream.buffer) - head
        raise _BadRecord("truncated", f"Content-Length says {length:,} bytes; there are {held:,}", head - 1)
    if not _boundary_at(stream, head + length):
        raise _BadRecord("bad_length", f"no record begins after the {length:,} bytes of Content-Length", head - 1)
    block = bytes(memoryview(stream.buffer)[head : head + length])
    stream.take(head + length)
    return WarcRecord(offset, position, headers, block)


def _pass_over(stream: _Stream, record: WarcRecord, head: int, length: int) -> WarcRecord:
    """Read past a block that is too large to hold."""
    stream.take(head)
    left = length
    while left:
        if not stream.hold(1):
            raise _BadRecord("truncated", f"Content-Length says {length:,} bytes; {left:,} of them are missing", 0)
        step = min(left, len(stream.buffer))
        stream.take(step)
        left -= step
    if not _boundary_at(stream, 0):
        raise _BadRecord("bad_length", f"no record begins after the {length:,} bytes of Content-Length", 0)
    return record


def _read_head(stream: _Stream, offset: int, position: int) -> tuple[dict[str, str], int]:
    """The header fields, and the bytes that the head takes with its blank line."""
    stream.hold(len(RECORD_MAGIC))
    if not stream.buffer.startswith(RECORD_MAGIC):
        if isinstance(stream, _Member) and position == 0:
            raise _BrokenStream("damaged_member", "a gzip member that inflates to no WARC record")
        raise _BadRecord("bad_header", f"{bytes(stream.buffer[:40])!r} begins no record", 1)
    while not (match := _HEAD_END.search(stream.buffer)):
        if len(stream.buffer) > _HEAD_BYTES:
            raise _BadRecord("bad_header", f"a head of more than {_HEAD_BYTES:,} bytes", len(RECORD_MAGIC))
        if not stream.fill():
            raise _BadRecord("truncated", "the record ends within its head", len(RECORD_MAGIC))
    return parse_fields(bytes(stream.buffer[: match.start()])), match.end()


def parse_fields(head: bytes) -> dict[str, str]:
    """Header fields by lower-case name, without the first line; a repeated field keeps its first value.

    Lines may end in LF alone, and a line that begins with a blank goes on with the field before it.
    """
    fields: dict[str, str] = {}
    name = ""
    for line in head.split(b"\n")[1:]:
        if line[:1] in (b" ", b"\t") and name:
            fields[name] += " " + line.strip().decode("utf-8", "replace")
            continue
        key, colon, value = line.partition(b":")
        if colon:
            name = key.strip().decode("latin-1").lower()
            if name in fields:
                name = ""
            else:
                fields[name] = value.strip().decode("utf-8", "replace")
    return fields


def _boundary_at(stream: _Stream, index: int) -> bool:
    """Whether, behind blank lines, a record or the sound end of the stream stands at this index of the buffer."""
    while True:
        ahead = bytes(stream.buffer[index : index + _LOOKAHEAD])
        rest = ahead.lstrip(b"\r\n")[: len(RECORD_MAGIC)]
        if rest == RECORD_MAGIC:
            return True
        if not RECORD_MAGIC.startswith(rest):
            return False
        if len(ahead) == _LOOKAHEAD:
            return True
        if not stream.fill():
            return not rest


def _skip_blank_lines(stream: _Stream) -> None:
    while stream.hold(1):
        blank = len(stream.buffer) - len(stream.buffer.lstrip(b"\r\n"))
        if not blank:
            return
        stream.take(blank)


def _skip_to_record(stream: _Stream) -> None:
    """Go on to the next line that begins a record, or to the end of the stream."""
    overlap = len(b"\nWARC/1.") - 1
    while not (match := _RECORD_LINE.search(stream.buffer)):
        stream.take(max(0, len(stream.buffer) - overlap))
        if not stream.fill():
            stream.take(len(stream.buffer))
            return
    stream.take(match.end())


def _find_member(window: _Window, position: int) -> int | None:
    """The next offset from `position` on where a gzip member begins that inflates to a record."""
    while chunk := window.at(position, _BLOCK // 4):
        index = chunk.find(GZIP_MAGIC)
        while index >= 0:
            if _begins_member(window, position + index):
                return position + index
            index = chunk.find(GZIP_MAGIC, index + 1)
        if len(chunk) < _BLOCK // 4:
            return None
        position += len(chunk) - len(GZIP_MAGIC) + 1
    return None


def _begins_member(window: _Window, position: int) -> bool:
    for size in (4 << 10, 128 << 10):  # the second for members with a long name or comment in their head
        try:
            text = zlib.decompressobj(_WBITS_GZIP).decompress(window.at(position, size), len(RECORD_MAGIC))
        except zlib.error:
            return False
        if text:
            return text == RECORD_MAGIC
    return False


def _is_padding(window: _Window, start: int, stop: int) -> bool:
    """Whether there is nothing but zero bytes, with which some writers fill up a block."""
    while start < stop:
        chunk = window.at(start, min(_CHUNK, stop - start))
        if chunk.strip(b"\0"):
            return False
        start += len(chunk)
    return True


class _Window:
    """Random access to a file through one buffer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._base = 0
        self._data = b""
        self._ended = False
        self._size: int | None = None

    @property
    def reached(self) -> int:
        """How far the file has been read."""
        return self._base + len(self._data)

    def size(self) -> int:
        """The file's bytes."""
        if self._size is None:
            self._size = self._file.seek(0, 2) or self._file.tell()
            self._data, self._base, self._ended = b"", 0, False
        return self._size

    def at(self, position: int, size: int) -> bytes:
        """`size` bytes from `position` on; fewer only where the file ends."""
        index = position - self._base
        short = index + size > len(self._data)
        if index < 0 or (short and not (self._ended and index <= len(self._data))):
            self._load(position, max(size, _BLOCK))
            index = 0
        return self._data[index : index + size]

    def _load(self, position: int, size: int) -> None:
        self._file.seek(position)
        pieces: list[bytes] = []
        left = size
        while left and (piece := self._file.read(left)):
            pieces.append(piece)
            left -= len(piece)
        self._base, self._data, self._ended = position, b"".join(pieces), left > 0


class _Stream:
    """Bytes that are read as they are asked for: `buffer` holds what has been read and not yet taken."""

    def __init__(self, window: _Window, start: int) -> None:
        self.window = window
        self.start = start
        self.next = start
        """File offset of the next byte to read."""
        self.buffer = bytearray()
        self.taken = 0

    def fill(self) -> bool:
        """Read some more; False at the end."""
        raise NotImplementedError

    def place(self) -> tuple[int, int]:
        """Offset and position (see `WarcRecord`) of the first byte of the buffer."""
        raise NotImplementedError

    def most_left(self) -> int:
        """No more bytes than this can come, counted from the first of the buffer."""
        raise NotImplementedError

    def hold(self, size: int) -> bool:
        """Read until the buffer holds `size` bytes; False where the stream ends before."""
        while len(self.buffer) < size:
            if not self.fill():
                return False
        return True

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return not self.hold(1)

    def take(self, size: int) -> None:
        """Let go of the first bytes of the buffer."""
        del self.buffer[:size]
        self.taken += size


class _Plain(_Stream):
    """A file as it is."""

    def fill(self) -> bool:
        data = self.window.at(self.next, _CHUNK)
        self.buffer += data
        self.next += len(data)
        return bool(data)

    def place(self) -> tuple[int, int]:
        return self.start + self.taken, 0

    def most_left(self) -> int:
        return self.window.size() - self.start - self.taken


class _Member(_Stream):
    """One gzip member, inflated step by step."""

    def __init__(self, window: _Window, start: int) -> None:
        super().__init__(window, start)
        self._inflater = zlib.decompressobj(_WBITS_GZIP)

    def fill(self) -> bool:
        if self._inflater.eof:
            return False
        data = self.window.at(self.next, _CHUNK)
        try:
            out = self._inflater.decompress(data, _BLOCK)
        except zlib.error as error:
            raise _BrokenStream("damaged_member", f"gzip: {error}") from None
        left = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        self.next += len(data) - len(left)  # at the end the tail may still hold what unused_data has
        self.buffer += out
        if not data and not out and not self._inflater.eof:
            raise _BrokenStream("truncated", "the file ends within a gzip member")
        return True

    def place(self) -> tuple[int, int]:
        return self.start, self.taken

    def most_left(self) -> int:
        return 1 << 62
