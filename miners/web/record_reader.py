"""WARC and WET files, record by record, with every damaged stretch named.

In: a seekable binary file: plain, or in members of gzip, zstd or lz4, any mix of one or many records a member. Out, in
file order: a `WarcRecord` for each sound record, a `Damage` for each stretch that holds none. Nothing is lost silently:
what is not in a record is in a `Damage`. Memory holds one record, at most `Limits.block_bytes`.

After damage reading goes on at the next member that inflates to `WARC/`, or in plain text at the next line that begins
a record. The framing is our own, because the libraries' iterators end for good at the first broken member.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from miners.web.byte_window import BLOCK, ByteWindow
from miners.web.members import FORMATS, RECORD_MAGIC, MemberFormat, format_at, format_of
from miners.web.record_stream import (
    BrokenStream,
    Damage,
    Member,
    Plain,
    WarcRecord,
    skip_to_record,
    stream_records,
)

__all__ = ["Damage", "Limits", "WarcRecord", "read_records", "records_at"]

_SNIFFED = 64
_PADDING = 16 << 10
_MOST_IN_VAIN = 1 << 30
_VAIN_SHARE = 1032
"""Bytes that deflate makes of one at most (zlib's technical details)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is held in memory of one record, and how far back a range looks at first."""

    block_bytes: int = 64 << 20
    look_back_bytes: int = 4 << 20
    """See `_Members._first_member`; files whose blocks may be longer are looked at further back."""


def read_records(
    file: BinaryIO, *, start: int = 0, end: int | None = None, limits: Limits | None = None
) -> Iterator[WarcRecord | Damage]:
    """The records that begin in the byte range [start, end) of a file, and its damage.

    The ranges of a file hold exactly the file's records. A member belongs to the range in which it begins; a plain
    file belongs to its first range. Errors of the file itself (OSError) end it as `unreadable_file`.
    """
    limits = limits or Limits()
    window = ByteWindow(file)
    if end is not None and end <= start:
        return
    try:
        if not window.at(0, 1):
            return
        known = format_of(window)
        if known is not None:
            yield from _Members(window, known, limits).records(start, end)
        elif start == 0:
            yield from _plain_or_unknown(window, limits)
    except OSError as error:
        yield Damage("unreadable_file", window.reached, f"reading failed: {error}")
    except ValueError as error:
        if start == 0:
            yield Damage("unreadable_file", 0, str(error))


def records_at(file: BinaryIO, offset: int, limits: Limits | None = None) -> Iterator[WarcRecord]:
    """The records to which `read_records` gives this offset: all of one compressed member, or one of a plain file.

    Nothing where no sound record begins there. Raises OSError, and ValueError where `read_records` reports an
    unreadable dictionary.
    """
    limits = limits or Limits()
    window = ByteWindow(file)
    known = format_of(window) or format_at(window, offset)
    stream = Plain(window, offset) if known is None else Member(window, offset, known.decoder())
    try:
        for item in stream_records(stream, limits.block_bytes):
            if item.offset != offset:
                return
            if isinstance(item, WarcRecord):
                yield item
    except BrokenStream:
        return


def _plain_or_unknown(window: ByteWindow, limits: Limits) -> Iterator[WarcRecord | Damage]:
    head = window.at(0, _SNIFFED)
    blank = len(head) - len(head.lstrip())
    if head[blank:].startswith(RECORD_MAGIC):
        yield from stream_records(Plain(window, blank), limits.block_bytes)
        return
    found = [(first, known) for known in FORMATS if (first := known.find_record(window, 1)) is not None]
    if found:
        first, known = min(found, key=lambda pair: pair[0])
        yield Damage("damaged_member", 0, "the file begins with bytes that are no record", first)
        yield from _Members(window, known, limits).records_from(first, None)
        return
    stream = Plain(window, 0)
    skip_to_record(stream)
    if stream.at_end():
        is_arc = head.startswith(b"filedesc:")
        yield Damage("unreadable_file", 0, "an ARC file; only WARC is read" if is_arc else "no WARC record in the file")
        return
    yield Damage("bad_header", 0, "the file begins with bytes that are no record", stream.taken)
    yield from stream_records(stream, limits.block_bytes)


@dataclass(slots=True)
class _InVain:
    """What was inflated of members that broke: bounded by 1 GiB and what a sound file of the length would inflate to.

    In what was read of a broken member others are looked for, from its second byte on. Thousands may be put there that
    all go on in one another's bytes, and each inflates them again.
    """

    first: int = 0
    inflated: int = 0

    def begin(self, position: int) -> None:
        """Members are read from here on."""
        self.first, self.inflated = position, 0

    def resume(self, member: Member) -> int:
        """Where to look for the next member after this one broke."""
        self.inflated += member.inflated
        is_spent = self.inflated > _MOST_IN_VAIN + _VAIN_SHARE * (member.start - self.first)
        return max(member.next, member.start + 1) if is_spent else member.start + 1


@dataclass(frozen=True, slots=True)
class _Members:
    """A file of compressed members."""

    window: ByteWindow
    known: MemberFormat
    limits: Limits
    in_vain: _InVain = field(default_factory=_InVain)

    def records(self, start: int, end: int | None) -> Iterator[WarcRecord | Damage]:
        """The records and the damage of the members that begin in [start, end)."""
        first = self._first_member(start, end) if start else 0
        if first is not None:
            yield from self.records_from(first, end)

    def records_from(self, first: int, end: int | None) -> Iterator[WarcRecord | Damage]:
        """The same from the frame on that is known to begin at `first`."""
        self.in_vain.begin(first)
        position: int | None = first
        while position is not None and self.window.at(position, 1):
            if end is not None and position >= end and self.known.begins_record(self.window, position):
                return
            position = yield from self._one_frame(position)

    def _one_frame(self, position: int) -> Generator[WarcRecord | Damage, None, int | None]:
        """What stands in the frame at `position`; returns where to go on, None for nowhere."""
        member = Member(self.window, position, self.known.decoder())
        try:
            if self.known.may_be_skipped(self.window, position):
                return self._behind_skippable(position)
            yield from stream_records(member, self.limits.block_bytes)
            return member.next
        except BrokenStream as fault:
            behind = self.known.find_record(self.window, self.in_vain.resume(member))
            yield from self._damage(fault, position, behind)
            return behind

    def _behind_skippable(self, position: int) -> int:
        """Raises BrokenStream where the frame's size cannot be right: what it would skip may hold records."""
        stop = self.known.behind_skippable(self.window, position)
        if stop > self.window.size():
            raise BrokenStream("truncated", "the file ends within a skippable frame")
        if stop < self.window.size() and not self.known.begins_frame(self.window, stop):
            raise BrokenStream("damaged_member", "no frame begins behind a skippable frame")
        return stop

    def _damage(self, fault: BrokenStream, position: int, behind: int | None) -> Iterator[Damage]:
        stop = self.window.size() if behind is None else behind
        if position == 0 and behind is None and not self.known.begins_record(self.window, 0):
            yield Damage("unreadable_file", 0, f"no WARC record in the file: {fault.why}", stop)
        elif not _is_padding(self.window, position, stop):
            yield Damage(fault.reason, position, fault.why, stop - position)

    def _first_member(self, start: int, end: int | None) -> int | None:
        """Where the first member of [start, end) begins that reading from the file's beginning would come to.

        What begins a member need not be one of the file's own: a crawled `.warc.gz` cannot be compressed further, and
        lies as it is inside its record. But then a block's head cuts it at least every `longest_block` bytes. So the
        members are followed from some way back, and believed if they are sound over more than a block; else from
        further back, at last from the file's beginning.
        """
        block = self.known.longest_block
        back = max(self.limits.look_back_bytes, 2 * block)
        while back < start:
            first = self.known.find_record(self.window, start - back, start - block)
            reached, is_sound = self._follow(first, start, end)
            if first is not None and is_sound:
                return reached
            back *= 4
        return self._follow(0, start, end)[0]

    def _follow(self, position: int | None, start: int, end: int | None) -> tuple[int | None, bool]:
        """Go on from the member at `position` to the first behind `start`; and whether all on the way are sound.

        None where no member begins in [start, end).
        """
        is_sound = True
        self.in_vain.begin(position or 0)
        while position is not None and position < start and self.window.at(position, 1):
            steps = self._one_frame(position)
            try:
                while True:
                    is_sound &= not isinstance(next(steps), Damage)
                    if end is not None and is_sound and self.window.reached > end + BLOCK:
                        return None, True  # one member goes on past the whole range
            except StopIteration as stop:
                position = stop.value
        if position is None or (end is not None and position >= end):
            return None, is_sound
        return self.known.find_record(self.window, position), is_sound


def _is_padding(window: ByteWindow, start: int, stop: int) -> bool:
    """Whether there is nothing but zero bytes, with which some writers fill up a block."""
    while start < stop:
        chunk = window.at(start, min(_PADDING, stop - start))
        if chunk.strip(b"\0"):
            return False
        start += len(chunk)
    return True
