"""Compressed files as WARC files use them: members, or frames, one behind another, each inflated by itself.

Three formats: gzip (a member a record, as nearly all crawls are written), zstd (a frame a record; a dictionary may
stand in a skippable frame at the head of the file, after the draft "Zstandard Compression for WARC Files" of the IIPC)
and lz4 (frames). Each begins with a magic number, so that after damage the next sound member can be found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import lz4.frame
from backports import zstd
from isal.igzip_lib import DECOMP_GZIP, IgzipDecompressor, IsalError

from miners.web.byte_window import ByteWindow

RECORD_MAGIC = b"WARC/"
INFLATE_ERRORS = (IsalError, zstd.ZstdError, RuntimeError, EOFError, MemoryError)
"""What the decoders raise at bytes that they cannot read; lz4 raises RuntimeError."""
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = (b"\x2a\x4d\x18", range(0x50, 0x60))
_DICTIONARY_MAGIC = b"\x5d\x2a\x4d\x18"
_TRAINED_DICTIONARY = b"\x37\xa4\x30\xec"
_MOST_DICTIONARY = 64 << 20
_FEEDS = (1 << 10, 16 << 10, 160 << 10)
"""Growing, as a member gives its first bytes only when its first block is whole: up to 128 kB in zstd."""
_LZ4_HEAD = 4 + 2 + 8 + 4 + 1 + 4
"""The longest head of a frame, with the size of its first block."""
_LZ4_RUN = 64
_SCAN = 256 << 10


class Decoder(Protocol):
    """One member's decompressor, as Python's own bz2 and lzma modules have it."""

    eof: bool
    needs_input: bool
    unused_data: bytes | None

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """At most `max_length` bytes; the rest comes at later calls."""
        ...


@dataclass(frozen=True, slots=True)
class MemberFormat:
    """How one compression marks and inflates its members."""

    name: str
    magic: bytes
    decoder: Callable[[], Decoder]
    longest_block: int
    """What cannot be compressed lies in the file as it is, in blocks of at most so many bytes, each behind a head."""
    feeds: tuple[int, ...] = _FEEDS
    """A decoder is given so many of a member's bytes, then so many, until it says what the member begins with. Magic
    numbers may be strewn by who wants a scan to be slow: what each of them costs is bounded by the last."""
    may_hold_record: Callable[[ByteWindow, int], bool] | None = None
    """Tells by a member's first bytes that it holds no record, where a block is larger than what a decoder is given."""
    has_skippable: bool = True
    """Frames that carry no data may stand between the members."""

    def begins_record(self, window: ByteWindow, position: int) -> bool:
        """Whether a member that inflates to a WARC record begins at this offset, by its first bytes."""
        if window.at(position, len(self.magic)) != self.magic:
            return False
        if self.may_hold_record is not None and not self.may_hold_record(window, position):
            return False
        decoder, fed, text = self.decoder(), 0, b""
        for size in self.feeds:
            data = window.at(position + fed, size - fed)
            fed += len(data)
            try:
                text += decoder.decompress(data, len(RECORD_MAGIC) - len(text))
            except INFLATE_ERRORS:
                return False
            if len(text) == len(RECORD_MAGIC) or decoder.eof or not data:
                break
        is_undecided = not text and not decoder.eof and fed == self.feeds[-1]
        return text == RECORD_MAGIC or (is_undecided and self.may_hold_record is not None)

    def find_record(self, window: ByteWindow, position: int, stop: int | None = None) -> int | None:
        """The next offset from `position` on (and before `stop`) where a member begins that inflates to a record.

        Raises OSError.
        """
        while len(chunk := window.at(position, _SCAN)) >= len(self.magic) and (stop is None or position < stop):
            index = chunk.find(self.magic)
            while index >= 0 and (stop is None or position + index < stop):
                if self.begins_record(window, position + index):
                    return position + index
                index = chunk.find(self.magic, index + 1)
            position += len(chunk) - len(self.magic) + 1
        if stop is None:
            window.at(position + len(chunk), 1)  # raises where this is no end of the file, only of what can be read
        return None

    def may_be_skipped(self, window: ByteWindow, position: int) -> bool:
        """Whether a frame that carries no data begins at this offset."""
        return self.has_skippable and _is_skippable(window.at(position, 8))

    def begins_frame(self, window: ByteWindow, position: int) -> bool:
        """Whether a member or a skippable frame begins at this offset, by its first bytes."""
        return window.at(position, len(self.magic)) == self.magic or self.may_be_skipped(window, position)

    @staticmethod
    def behind_skippable(window: ByteWindow, position: int) -> int:
        """The offset behind a skippable frame, by the size that it says."""
        return position + 8 + int.from_bytes(window.at(position + 4, 4), "little")


def _lz4_may_hold_record(window: ByteWindow, position: int) -> bool:
    """A block may take 4 MB, but nothing can be repeated before it was written: its first bytes stand there plainly.

    After lz4_Frame_format.md and lz4_Block_format.md of the lz4 sources.
    """
    head = window.at(position, _LZ4_HEAD)
    if len(head) < _LZ4_HEAD:
        return False
    block = 7 + 8 * bool(head[4] & 0x08) + 4 * bool(head[4] & 0x01)
    first = position + block + 4
    if head[block + 3] < 0x80:  # compressed: how many bytes follow as they are, then these
        token = window.at(first, 1)
        if token < b"\x50":
            return False
        first += 1
        while token >= b"\xf0" and (more := window.at(first, _LZ4_RUN)):
            plain = more.lstrip(b"\xff")
            first += len(more) - len(plain) + bool(plain)
            if plain:
                break
    return window.at(first, len(RECORD_MAGIC)) == RECORD_MAGIC


GZIP = MemberFormat(
    "gzip",
    b"\x1f\x8b\x08",
    partial(IgzipDecompressor, flag=DECOMP_GZIP),
    (64 << 10) - 1,
    feeds=(1 << 10, 4 << 10),  # it gives bytes as they come; before them a file's name may stand
    has_skippable=False,
)
LZ4 = MemberFormat(
    "lz4",
    b"\x04\x22\x4d\x18",
    lz4.frame.LZ4FrameDecompressor,
    4 << 20,
    may_hold_record=_lz4_may_hold_record,
)
ZSTD = MemberFormat("zstd", _ZSTD_MAGIC, zstd.ZstdDecompressor, 128 << 10)
FORMATS = (GZIP, ZSTD, LZ4)


def format_of(window: ByteWindow) -> MemberFormat | None:
    """By the file's first bytes; None for a file that is not compressed, or in no format known here.

    Raises ValueError for a zstd file whose dictionary cannot be read.
    """
    head = window.at(0, 8)
    if head.startswith(GZIP.magic[:2]):  # the third byte, damaged, is the first member's damage
        return GZIP
    if head.startswith(_DICTIONARY_MAGIC):
        return _with_dictionary(window, int.from_bytes(head[4:], "little"))
    position = 0
    while ZSTD.may_be_skipped(window, position):
        position = ZSTD.behind_skippable(window, position)
    behind = window.at(position, 4)
    return next((known for known in (ZSTD, LZ4) if behind == known.magic), None)


def format_at(window: ByteWindow, position: int) -> MemberFormat | None:
    """By the first bytes of a member; the format of a file whose own first bytes are damaged."""
    return next((known for known in FORMATS if window.at(position, len(known.magic)) == known.magic), None)


def _with_dictionary(window: ByteWindow, size: int) -> MemberFormat:
    if size > _MOST_DICTIONARY:
        raise ValueError(f"a zstd dictionary of {size:,} bytes; at most {_MOST_DICTIONARY:,} are read")
    content = window.at(8, size)
    try:
        if content.startswith(_ZSTD_MAGIC):
            content = zstd.ZstdDecompressor().decompress(content, _MOST_DICTIONARY)
        dictionary = zstd.ZstdDict(content, is_raw=not content.startswith(_TRAINED_DICTIONARY))
    except (ValueError, zstd.ZstdError) as error:
        raise ValueError(f"the zstd dictionary at the head of the file cannot be read: {error}") from None
    return replace(ZSTD, decoder=partial(zstd.ZstdDecompressor, zstd_dict=dictionary))


def _is_skippable(head: bytes) -> bool:
    return len(head) == 8 and head[1:4] == _SKIPPABLE[0] and head[0] in _SKIPPABLE[1]
