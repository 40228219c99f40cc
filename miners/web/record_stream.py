"""WARC framing in one stream of plain bytes: a file as it is, or one member of a compressed file, inflated in steps.

Out, in order: a `WarcRecord` for each sound record, a `Damage` for each stretch that holds none. A record counts as
sound once what follows it has been seen: the next record, or the sound end of the stream. After damage reading goes on
at the next line that begins a record. A stream that breaks itself raises `BrokenStream`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass

from miners.web.byte_window import BLOCK, ByteWindow
from miners.web.header_fields import parse_fields
from miners.web.members import INFLATE_ERRORS, RECORD_MAGIC, Decoder

_HEAD_END = re.compile(rb"\n\r?\n")
_RECORD_LINE = re.compile(rb"\n(?=WARC/[01]\.)")
_RECORD_ENDS = (b"\r\n\r\n", b"\n\n")
_HEAD_BYTES = 64 << 10
_CHUNK = 16 << 10
_LOOKAHEAD = 64


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """One sound record."""

    offset: int
    """Byte offset in the file: of the record, or of the compressed member that it lies in."""
    position: int
    """Byte position in the inflated member; 0 in a plain file, and for the first record of a member."""
    headers: Mapping[str, str]
    """WARC header fields by lower-case name; of a repeated field the first."""
    block: bytes | None
    """The record's content; None where it is larger than the limit."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of the file that gave no record; counts as one failed record, since nobody knows how many it held."""

    reason: str
    """One of the failure reasons of mine-web/record."""
    offset: int
    why: str
    skipped: int = 0
    """Bytes of the file that were passed over, where that is known."""


class BrokenStream(Exception):
    """The stream itself broke: nothing behind this point can be read from it."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason, self.why = reason, why


class _BadRecord(Exception):
    """One record's framing is wrong; the stream that it stands in is sound."""

    def __init__(self, reason: str, why: str, resume: int) -> None:
        super().__init__(why)
        self.reason, self.why, self.resume = reason, why, resume


class Stream:
    """Bytes that are read as they are asked for: `buffer` holds what has been read and not yet taken."""

    def __init__(self, window: ByteWindow, start: int) -> None:
        self.window = window
        self.start = start
        self.next = start
        """File offset of the next byte to read."""
        self.buffer = bytearray()
        self.taken = 0
        self.no_head_ends = 0
        """Up to so many bytes, `taken` ones included, no blank line ends a head: not to be looked for again."""

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


class Plain(Stream):
    """A file as it is."""

    def fill(self) -> bool:
        """See `Stream`."""
        data = self.window.at(self.next, _CHUNK)
        self.buffer += data
        self.next += len(data)
        return bool(data)

    def place(self) -> tuple[int, int]:
        """See `Stream`."""
        return self.start + self.taken, 0

    def most_left(self) -> int:
        """See `Stream`."""
        return self.window.size() - self.start - self.taken


class Member(Stream):
    """One compressed member; at its end `next` is the offset behind it."""

    def __init__(self, window: ByteWindow, start: int, decoder: Decoder) -> None:
        super().__init__(window, start)
        self._decoder = decoder
        self.inflated = 0
        """Bytes that the decoder has given, or was asked for when it broke."""

    def fill(self) -> bool:
        """See `Stream`. Raises BrokenStream where the bytes cannot be inflated, or end."""
        if self._decoder.eof:
            return False
        data = self.window.at(self.next, _CHUNK) if self._decoder.needs_input else b""
        most = BLOCK if self.inflated else _CHUNK  # much of a member is asked for once it was sound so far
        try:
            out = self._decoder.decompress(data, most)
            self.inflated += len(out)
        except INFLATE_ERRORS as error:
            self.inflated += most
            raise BrokenStream("damaged_member", f"the member cannot be inflated: {error}") from None
        self.next += len(data)
        if self._decoder.eof:
            self.next -= len(self._decoder.unused_data or b"")
        elif not data and not out:
            raise BrokenStream("truncated", "the file ends within a compressed member")
        self.buffer += out
        return True

    def place(self) -> tuple[int, int]:
        """See `Stream`."""
        return self.start, self.taken

    def most_left(self) -> int:
        """See `Stream`."""
        return 1 << 62


def stream_records(stream: Stream, block_bytes: int) -> Generator[WarcRecord | Damage]:
    """All records of one stream; blocks above `block_bytes` are passed over. Raises BrokenStream where it breaks."""
    while True:
        _skip_blank_lines(stream)
        if stream.at_end():
            return
        offset, position = stream.place()
        begun = stream.taken
        try:
            yield _one_record(stream, offset, position, block_bytes)
        except _BadRecord as fault:
            stream.take(fault.resume)
            skip_to_record(stream)
            skipped = stream.taken - begun if isinstance(stream, Plain) else 0
            yield Damage(fault.reason, offset, fault.why, skipped)


def skip_to_record(stream: Stream) -> None:
    """Go on to the next line that begins a record, or to the end of the stream."""
    overlap = len(b"\nWARC/1.") - 1
    while not (match := _RECORD_LINE.search(stream.buffer)):
        stream.take(max(0, len(stream.buffer) - overlap))
        if not stream.fill():
            stream.take(len(stream.buffer))
            return
    stream.take(match.end())


def _one_record(stream: Stream, offset: int, position: int, block_bytes: int) -> WarcRecord:
    headers, head = _read_head(stream, offset, position)
    length_field = headers.get("content-length", "")
    if not length_field.isascii() or not length_field.isdigit() or len(length_field) > 18:
        raise _BadRecord("bad_header", f"Content-Length is {length_field[:40]!r}, no number", head - 1)
    length = int(length_field)
    if length > stream.most_left() - head:
        raise _BadRecord("truncated", f"Content-Length says {length:,} bytes; the file ends before", head - 1)
    if length > block_bytes:
        return _pass_over(stream, WarcRecord(offset, position, headers, None), head, length)
    if not stream.hold(head + length):
        held = len(stream.buffer) - head
        raise _BadRecord("truncated", f"Content-Length says {length:,} bytes; there are {held:,}", head - 1)
    if not _boundary_at(stream, head + length) and not _is_closed(stream, head, length):
        raise _BadRecord("bad_length", f"no record begins after the {length:,} bytes of Content-Length", head - 1)
    block = bytes(memoryview(stream.buffer)[head : head + length])
    stream.take(head + length)
    return WarcRecord(offset, position, headers, block)


def _pass_over(stream: Stream, record: WarcRecord, head: int, length: int) -> WarcRecord:
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


def _read_head(stream: Stream, offset: int, position: int) -> tuple[dict[str, str], int]:
    """The header fields, and the bytes that the head takes with its blank line."""
    stream.hold(len(RECORD_MAGIC))
    if not stream.buffer.startswith(RECORD_MAGIC):
        if isinstance(stream, Member) and position == 0:
            raise BrokenStream("damaged_member", "a compressed member that inflates to no WARC record")
        raise _BadRecord("bad_header", f"{bytes(stream.buffer[:40])!r} begins no record", 1)
    while not (match := _HEAD_END.search(stream.buffer, max(0, stream.no_head_ends - stream.taken))):
        stream.no_head_ends = stream.taken + max(0, len(stream.buffer) - 2)
        if len(stream.buffer) > _HEAD_BYTES:
            raise _BadRecord("bad_header", f"a head of more than {_HEAD_BYTES:,} bytes", len(RECORD_MAGIC))
        if not stream.fill():
            raise _BadRecord("truncated", "the record ends within its head", len(RECORD_MAGIC))
    return parse_fields(bytes(stream.buffer[: match.start()])), match.end()


def _boundary_at(stream: Stream, index: int) -> bool:
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


def _is_closed(stream: Stream, head: int, length: int) -> bool:
    """Whether the two line ends that close a record stand behind a block without one: what is damaged is the next."""
    end = head + length
    if not stream.buffer.startswith(_RECORD_ENDS, end):
        return False
    return _RECORD_LINE.search(stream.buffer, max(0, head - 1), end) is None


def _skip_blank_lines(stream: Stream) -> None:
    while stream.hold(1) and stream.buffer[0] in b"\r\n":
        ahead = stream.buffer[:_LOOKAHEAD]
        stream.take(len(ahead) - len(ahead.lstrip(b"\r\n")))
