"""Looking for the next sound member: it finds each, and files that are made to slow it down cost a bounded amount."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import lz4.frame
import pytest
from backports import zstd

from miners.web import record_reader
from miners.web.byte_window import ByteWindow
from miners.web.members import GZIP, LZ4, ZSTD, Decoder, MemberFormat
from miners.web.record_reader import WarcRecord, read_records

RECORD = b"WARC/1.0\r\nWARC-Type: metadata\r\nContent-Length: 4\r\n\r\nbody\r\n\r\n"
GZIP_HEAD = GZIP.magic + bytes(7)
NOTHING = b"\0\0\0\xff\xff"
"""A block of deflate that holds no bytes."""
ENDLESS_NAME = GZIP.magic + b"\x08" + b"\1" * 6
ZSTD_HEAD = ZSTD.magic + b"\0\x58"
LZ4_HEAD = lz4.frame.LZ4FrameCompressor(block_size=lz4.frame.BLOCKSIZE_MAX4MB).begin()
PLANTED = {
    "gzip: magic numbers": (GZIP, GZIP.magic),
    "gzip: names without an end": (GZIP, ENDLESS_NAME),
    "gzip: long extra fields": (GZIP, GZIP.magic + b"\4" + bytes(6) + b"\xff\xff"),
    "gzip: empty blocks": (GZIP, GZIP_HEAD + NOTHING * 20),
    "zstd: magic numbers": (ZSTD, ZSTD.magic),
    "zstd: large blocks as they are": (ZSTD, ZSTD_HEAD + struct.pack("<I", 1 << 20)[:3]),
    "zstd: large packed blocks": (ZSTD, ZSTD_HEAD + struct.pack("<I", (1 << 20) - 8 | 4)[:3]),
    "lz4: magic numbers": (LZ4, LZ4.magic),
    "lz4: large blocks as they are": (LZ4, LZ4_HEAD + struct.pack("<I", 4 << 20 | 1 << 31)),
    "lz4: large packed blocks": (LZ4, LZ4_HEAD + struct.pack("<I", (4 << 20) - 1) + b"\xf0"),
    "lz4: large packed records": (LZ4, LZ4_HEAD + struct.pack("<I", (4 << 20) - 1) + b"\x5fWARC/"),
}


class CountedDecoder:
    """A decoder that counts, for all of its kind, what it is given and what it gives."""

    def __init__(self, decoder: Decoder, counted: dict[str, int]) -> None:
        self.decoder, self.counted = decoder, counted

    def __getattr__(self, name: str) -> object:
        return getattr(self.decoder, name)

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        self.counted["given"] += len(data)
        inflated = self.decoder.decompress(data, max_length)
        self.counted["inflated"] += len(inflated)
        return inflated


def counting(known: MemberFormat) -> tuple[MemberFormat, dict[str, int]]:
    counted = {"given": 0, "inflated": 0}
    return replace(known, decoder=lambda: CountedDecoder(known.decoder(), counted)), counted


def sound_member(known: MemberFormat) -> bytes:
    pack: dict[str, Callable] = {"gzip": gzip.compress, "zstd": zstd.compress, "lz4": lz4.frame.compress}
    return pack[known.name](RECORD * 20)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_magic_numbers_cost_a_bounded_amount_each(name):
    known, planted = PLANTED[name]
    counted_format, counted = counting(known)
    copies = 100_000 // len(planted)
    data = planted * copies + b"\0" + NOTHING * 200_000
    window = ByteWindow(io.BytesIO(data + sound_member(known)))
    found = counted_format.find_record(window, 0)
    if name != "lz4: large packed records":  # these are told from records by reading them, see below
        assert found == len(data)
    assert counted["given"] <= known.feeds[-1] * (copies + 1)
    assert counted["inflated"] <= 5 * (copies + 1)


def test_gzip_members_are_told_by_a_few_kilobytes():
    """Many names that all end in one place, and behind it blocks that hold nothing."""
    known, counted = counting(GZIP)
    copies = 5000
    data = ENDLESS_NAME * copies + b"\0" + NOTHING * 100_000
    assert known.find_record(ByteWindow(io.BytesIO(data)), 0) is None
    assert counted["given"] <= 4096 * copies


def test_a_named_gzip_member_is_found():
    file = io.BytesIO()
    with gzip.GzipFile("x" * 3000 + ".warc", "wb", fileobj=file, mtime=0) as named:
        named.write(RECORD)
    window = ByteWindow(io.BytesIO(b"junk" + file.getvalue()))
    assert GZIP.find_record(window, 0) == 4


@pytest.mark.parametrize("size", ["64KB", "256KB", "1MB", "4MB"])
@pytest.mark.parametrize("compressible", [True, False])
@pytest.mark.parametrize("store_size", [True, False])
def test_lz4_members_of_every_block_size_are_found(size, compressible, store_size):
    rng = random.Random(0)
    # A first run of plain bytes whose length takes many bytes to say, too.
    texts = [RECORD, b"WARC/1.0\r\n" + rng.randbytes(5000) + RECORD * 60_000]
    texts.append(b"WARC/1.0\r\n" + (RECORD * 60_000 if compressible else rng.randbytes(4_200_000)))
    for text in texts:
        block_size = getattr(lz4.frame, f"BLOCKSIZE_MAX{size}")
        frame = lz4.frame.compress(text, block_size=block_size, store_size=store_size)
        assert LZ4.find_record(ByteWindow(io.BytesIO(b"junk" + frame)), 0) == 4
        other = lz4.frame.compress(b"X" + text, block_size=block_size, store_size=store_size)
        assert LZ4.find_record(ByteWindow(io.BytesIO(b"junk" + other)), 0) is None


def nested_members(count: int, tail: bytes) -> bytes:
    """Gzip members that begin within each other's first block and all go on in one tail of deflate."""
    text = b"WARC/1.0\r\nContent-Length: 60000000\r\n\r\n"
    size = len(GZIP_HEAD) + 5 + len(text)
    members = []
    for left in range(count, 0, -1):
        length = len(text) + size * (left - 1)  # of the block: to the end of the last of them
        members.append(GZIP_HEAD + struct.pack("<BHH", 0, length, length ^ 0xFFFF) + text)
    return b"".join(members) + tail


def test_members_within_members_do_not_inflate_the_same_bytes_without_end(monkeypatch):
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    size = 8 << 20
    bomb = deflate.compress(bytes(size)) + deflate.flush(zlib.Z_FULL_FLUSH) + b"\7"  # 7: a block of no known kind
    data = nested_members(400, bomb) + bytes(32 << 10)
    known, counted = counting(GZIP)
    monkeypatch.setattr(record_reader, "format_of", lambda window: known)
    monkeypatch.setattr(record_reader, "_MOST_IN_VAIN", size)
    sound = sound_member(GZIP)
    items = list(read_records(io.BytesIO(sound + data + sound)))
    last = [item for item in items if isinstance(item, WarcRecord) and item.offset == len(sound + data)]
    assert len(last) == 20  # what stands behind is read
    allowed = size + 1032 * len(data) + 2 * size
    assert size < counted["inflated"] < allowed < 400 * size / 10
