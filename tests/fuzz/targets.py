"""What coverage-guided fuzzing calls: bytes in, and what must hold of them whatever they are; anything else raises.

Each target takes the reader's own input behind one byte that says how it is wrapped, since a fuzzer does not find a
checksum by chance. `run.py` feeds them; `test_seeds_and_finds.py` holds the seeds and whatever was once found.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from tarfile import BLOCKSIZE

import lz4.frame
from backports import zstd

from miners.code.repository import MAX_FILE_BYTES, UnreadableError, safe_path
from miners.code.repository_archive import ArchiveRepository
from miners.web.http_message import BadBody, BadMessage, BodyTooLarge, decode_body, missing_bytes, parse_response
from miners.web.record_reader import Damage, Limits, WarcRecord, read_records, records_at
from schemas.ledger import FAILURES

MOST_BODY = 1 << 16
LIMITS = Limits(block_bytes=1 << 12)
MEMBERS_APART = b"\0\0\0"
"""Where a wrapped file is cut into members."""
TAR_MAGIC = b"ustar"


def record_reader(data: bytes) -> None:
    """Items come in file order, none without a place in the file, and two ranges hold what the whole file holds."""
    if not data:
        return
    file = _wrapped_crawl(data[0], data[1:])
    items = list(read_records(io.BytesIO(file), limits=LIMITS))
    for before, item in pairwise(items):
        assert before.offset <= item.offset, "items out of order"
    for item in items:
        assert 0 <= item.offset <= len(file), "an offset outside the file"
        if isinstance(item, Damage):
            assert item.reason in FAILURES["mine-web/record"], item.reason
            assert 0 <= item.skipped <= len(file) - item.offset, "more bytes skipped than there are"
        else:
            assert item.block is None or len(item.block) <= LIMITS.block_bytes
    cut = len(file) // 2
    halves = [read_records(io.BytesIO(file), start=a, end=b, limits=LIMITS) for a, b in ((0, cut), (cut, None))]
    assert [_told(item) for half in halves for item in half] == [_told(item) for item in items], "ranges differ"
    for offset in {item.offset for item in items if isinstance(item, WarcRecord)}:
        again = [_told(item) for item in records_at(io.BytesIO(file), offset, LIMITS)]
        there = [_told(item) for item in items if isinstance(item, WarcRecord) and item.offset == offset]
        assert again == there, "a record is not found again by its offset"


def http_body(data: bytes) -> None:
    """A body within the limit, or one of the three errors; a body that is given is given again as it is."""
    try:
        response = parse_response(data)
    except BadMessage:
        return
    assert 0 <= response.status <= 999 and missing_bytes(response) >= 0
    try:
        body = decode_body(response, MOST_BODY)
    except (BadBody, BodyTooLarge):
        return
    assert len(body) <= MOST_BODY


def archive(data: bytes) -> None:
    """Paths within the archive, in order; each file as long as it says, or UnreadableError."""
    if not data:
        return
    name, file = _wrapped_archive(data[0], data[1:])
    try:
        repository = ArchiveRepository(io.BytesIO(file), name)
    except UnreadableError:
        return
    paths = [entry.path.encode("utf-8") for entry in repository.entries]
    assert paths == sorted(paths)
    for entry in repository.entries:
        if entry.refusal is not None or entry.size > MAX_FILE_BYTES:
            continue
        assert safe_path(entry.path) == entry.path, f"{entry.path!r} is not within the archive"
        try:
            assert len(repository.read(entry)) == entry.size
        except UnreadableError:
            continue
    repository.close()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "record_reader": record_reader,
    "http_body": http_body,
    "archive": archive,
}


def _told(item: WarcRecord | Damage) -> tuple:
    if isinstance(item, Damage):
        return item.reason, item.offset, item.skipped
    return item.offset, item.position, dict(item.headers), item.block


def _wrapped_crawl(wrapping: int, data: bytes) -> bytes:
    if wrapping % 5 == 0:
        return data
    if wrapping % 5 == 4:  # compressed data as it is
        return b"\x1f\x8b\x08" + data
    pack = (_gzip, zstd.compress, lz4.frame.compress)[wrapping % 5 - 1]
    return b"".join(map(pack, data.split(MEMBERS_APART)))


def _wrapped_archive(wrapping: int, data: bytes) -> tuple[str, bytes]:
    if wrapping % 4 == 0:
        return "a.zip", data
    if wrapping % 4 == 1:
        return "a.tar", data
    tar = _with_checksums(data)
    return ("a.tar", tar) if wrapping % 4 == 2 else ("a.tar.gz", _gzip(tar))


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(data) + packer.flush()


def _with_checksums(tar: bytes) -> bytes:
    """The checksum made right in every block that looks like a header."""
    blocks = [bytearray(tar[i : i + BLOCKSIZE]) for i in range(0, len(tar), BLOCKSIZE)]
    for block in blocks:
        if len(block) == BLOCKSIZE and block[257:262] == TAR_MAGIC:
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(struct.unpack("512B", block))
    return b"".join(blocks)
