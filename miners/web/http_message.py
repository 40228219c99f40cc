"""The HTTP response inside a WARC record: status, header fields, and the body as the server meant it.

Bodies are decoded one by one here and not by the WARC reader, so that a bad one costs itself alone. Archives often
store a body already decoded beside the header that says otherwise: a coding that the bytes do not bear out is passed
over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import brotli
from backports.zstd import ZstdDecompressor
from isal.igzip_lib import DECOMP_DEFLATE, DECOMP_GZIP, DECOMP_ZLIB, IgzipDecompressor

from miners.web.header_fields import parse_fields
from miners.web.members import INFLATE_ERRORS, Decoder

MOST_CODINGS = 5
_STATUS_LINE = re.compile(rb"\s*HTTP/\d(?:\.\d)?\s+(\d{3})")
_HEAD_END = re.compile(rb"\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\n]*)?\r?\n")
_STEP = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class BadMessage(ValueError):
    """The record holds no HTTP response that can be read."""


class BadBody(ValueError):
    """The body's transfer or content coding is broken."""


class BodyTooLarge(ValueError):
    """The body is, or inflates to, more than the limit; it was not followed further."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response with its body as stored."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; of a repeated field the first."""
    body: bytes
    head: bytes = b""
    """Status line and header fields as they stand, repeated ones included."""


def parse_response(block: bytes) -> HttpResponse:
    """Split a stored response; a missing blank line means no body. Raises BadMessage without a status line."""
    status = _STATUS_LINE.match(block)
    if not status:
        raise BadMessage(f"{block[:40]!r} is no HTTP status line")
    end = _HEAD_END.search(block)
    head, body = (block[: end.start()], block[end.end() :]) if end else (block, b"")
    return HttpResponse(int(status.group(1)), parse_fields(head), body, head)


def missing_bytes(response: HttpResponse) -> int:
    """How many bytes the body has fewer than its Content-Length says; 0 where that cannot be told.

    It cannot where a coding is declared, as archives store decoded bodies beside the length of the coded ones; and two
    bytes, a line end that some writers count, are not missed.
    """
    said = response.headers.get("content-length", "")
    is_coded = "content-encoding" in response.headers or "transfer-encoding" in response.headers
    if is_coded or not said.isascii() or not said.isdigit() or len(said) > 18:
        return 0
    missing = int(said) - len(response.body)
    return missing if missing > 2 else 0


def decode_body(response: HttpResponse, most: int) -> bytes:
    """The body without transfer and content codings, at most `most` bytes. Raises BadBody and BodyTooLarge."""
    fields = (response.headers.get(field, "") for field in ("content-encoding", "transfer-encoding"))
    names = [name.strip().lower() for field in fields for name in field.split(",")]
    codings = [name for name in names if name not in ("", "identity", "none")]
    if len(codings) > MOST_CODINGS:
        raise BadBody(f"{len(codings)} codings one over another; at most {MOST_CODINGS} are undone")
    body = response.body
    for coding in reversed(codings):
        body = _join_chunks(body) if coding == "chunked" else _undo(coding, body, most)
    if len(body) > most:
        raise BodyTooLarge(f"a body of {len(body):,} bytes; at most {most:,} are read")
    return body


def _join_chunks(body: bytes) -> bytes:
    if not _CHUNK_SIZE.match(body):
        return body  # stored without its chunks
    pieces, position = [], 0
    while position < len(body):
        line = _CHUNK_SIZE.match(body, position)
        if not line:
            raise BadBody(f"no chunk size at byte {position:,} of the body")
        size, begin = int(line.group(1), 16), line.end()
        if size == 0:
            break
        if begin + size > len(body):
            raise BadBody(f"a chunk of {size:,} bytes, of which {len(body) - begin:,} are there")
        pieces.append(body[begin : begin + size])
        position = begin + size
        position += 2 if body[position : position + 2] == b"\r\n" else body[position : position + 1] == b"\n"
    return b"".join(pieces)


def _undo(coding: str, body: bytes, most: int) -> bytes:
    if not body:
        return body
    if coding in ("gzip", "x-gzip"):
        gzip = partial(IgzipDecompressor, flag=DECOMP_GZIP)
        return _inflate(body, gzip, _GZIP_MAGIC, most) if body.startswith(_GZIP_MAGIC) else body
    if coding == "zstd":
        return _inflate(body, ZstdDecompressor, _ZSTD_MAGIC, most) if body.startswith(_ZSTD_MAGIC) else body
    if coding == "deflate":
        return _undo_deflate(body, most)
    if coding == "br":
        return _undo_brotli(body, most)
    if _looks_like_markup(body):
        return body
    raise BadBody(f"the content coding {coding[:40]!r} is not known")


def _undo_deflate(body: bytes, most: int) -> bytes:
    """With or without the zlib wrapper: servers send both."""
    for flag in (DECOMP_ZLIB, DECOMP_DEFLATE):
        try:
            return _inflate(body, partial(IgzipDecompressor, flag=flag), None, most)
        except BadBody:
            continue
    if _looks_like_markup(body):
        return body
    raise BadBody("deflate: neither with nor without a zlib head")


def _undo_brotli(body: bytes, most: int) -> bytes:
    decoder, pieces, total = brotli.Decompressor(), [], 0
    try:
        piece = decoder.process(body, output_buffer_limit=_STEP)
        while piece or not decoder.can_accept_more_data():
            pieces.append(piece)
            total += len(piece)
            if total > most:
                raise BodyTooLarge(f"a brotli body inflates past {most:,} bytes")
            piece = decoder.process(b"", output_buffer_limit=_STEP)
    except brotli.error as error:
        if _looks_like_markup(body):
            return body
        raise BadBody(f"brotli: {error}") from None
    if not decoder.is_finished():
        if _looks_like_markup(body):
            return body
        raise BadBody("brotli: the body ends early")
    return b"".join(pieces)


def _inflate(body: bytes, make: Callable[[], Decoder], magic: bytes | None, most: int) -> bytes:
    """All members of a body, one after another where `magic` begins a further one; what follows them is passed over."""
    pieces, total = [], 0
    while True:
        decoder, data = make(), body
        while not decoder.eof:
            try:
                piece = decoder.decompress(data, most - total + 1)
            except INFLATE_ERRORS as error:
                raise BadBody(f"inflating failed: {error}") from None
            pieces.append(piece)
            total += len(piece)
            if total > most:
                raise BodyTooLarge(f"a compressed body inflates past {most:,} bytes")
            if not piece and not decoder.eof and decoder.needs_input:
                raise BadBody("a compressed body ends early")
            data = b""
        body = decoder.unused_data or b""
        if magic is None or not body.startswith(magic):
            return b"".join(pieces)


def _looks_like_markup(body: bytes) -> bool:
    return body[:64].lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<")
