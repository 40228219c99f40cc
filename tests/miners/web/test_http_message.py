from __future__ import annotations

import gzip
import zlib
from contextlib import suppress

import brotli
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.web.http_message import (
    BadBody,
    BadMessage,
    BodyTooLarge,
    HttpResponse,
    decode_body,
    missing_bytes,
    parse_response,
)

PAGE = b"<html><body><p>Some text.</p></body></html>"
MOST = 1 << 20


def response(body: bytes, **headers: str) -> HttpResponse:
    return HttpResponse(200, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: x\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def test_parse_splits_status_head_and_body():
    found = parse_response(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html;\r\n charset=x\r\nX: 1\r\nX: 2\r\n\r\nbody\r\n\r\n"
    )
    assert found.status == 200
    assert found.headers == {"content-type": "text/html; charset=x", "x": "1"}
    assert found.body == b"body\r\n\r\n"


@pytest.mark.parametrize(
    "block", [b"HTTP/1.1 404\n\n", b"HTTP/2 404 Not Found\r\nA: b", b"\r\nHTTP/1.0  404 x\r\n\r\n"]
)
def test_parse_takes_odd_heads(block):
    assert parse_response(block).status == 404


@pytest.mark.parametrize("block", [b"", b"HTTPX/1.1 200 OK\r\n\r\n", b"<html>", b"HTTP/1.1 abc\r\n\r\n"])
def test_parse_refuses_what_is_no_response(block):
    with pytest.raises(BadMessage):
        parse_response(block)


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("br", brotli.compress),
        ("zstd", zstd.compress),
        ("zstd", lambda body: zstd.compress(body[:9]) + zstd.compress(body[9:])),
        ("gzip", lambda body: gzip.compress(body) + b"behind"),
        ("identity", bytes),
        ("gzip, br", lambda body: brotli.compress(gzip.compress(body))),
        ("br,deflate, zstd", lambda body: zstd.compress(zlib.compress(brotli.compress(body)))),
    ],
)
def test_codings_are_undone_also_under_chunks(coding, pack):
    assert decode_body(response(pack(PAGE), content_encoding=coding), MOST) == PAGE
    body = chunked(pack(PAGE))
    assert decode_body(response(body, content_encoding=coding, transfer_encoding="chunked"), MOST) == PAGE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "klingon"])
def test_a_body_stored_decoded_is_taken_as_it_is(coding):
    assert decode_body(response(PAGE, content_encoding=coding, transfer_encoding="chunked"), MOST) == PAGE


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(PAGE, mtime=0)[:-12]),
        ("gzip", b"\x1f\x8b\x08" + bytes(30)),
        ("gzip", gzip.compress(PAGE, mtime=0)[:-8] + b"\0" * 8),
        ("zstd", zstd.compress(PAGE)[:-3]),
        ("zstd", b"\x28\xb5\x2f\xfd" + b"\xff" * 9),
        ("gzip, gzip, gzip, gzip, gzip, gzip", gzip.compress(PAGE, mtime=0)),
        ("deflate", b"\xff\xff\xff\xff"),
        ("br", brotli.compress(PAGE * 50)[:-5]),
        ("klingon", b"\x01\x02"),
    ],
)
def test_broken_codings_are_refused(coding, body):
    with pytest.raises(BadBody):
        decode_body(response(body, content_encoding=coding), MOST)


@pytest.mark.parametrize(
    ("headers", "missing"),
    [
        ({"content_length": "50"}, 50 - len(PAGE)),
        ({"content_length": str(len(PAGE))}, 0),
        ({"content_length": str(len(PAGE) + 2)}, 0),
        ({"content_length": "3"}, 0),
        ({"content_length": "500", "content_encoding": "gzip"}, 0),
        ({"content_length": "500", "transfer_encoding": "chunked"}, 0),
        ({"content_length": "many"}, 0),
        ({"content_length": "9" * 30}, 0),
        ({}, 0),
    ],
)
def test_what_is_missing_by_the_content_length(headers, missing):
    assert missing_bytes(response(PAGE, **headers)) == missing


def test_a_transfer_coding_is_undone_too():
    body = chunked(gzip.compress(zlib.compress(PAGE)))
    assert decode_body(response(body, content_encoding="deflate", transfer_encoding="gzip, chunked"), MOST) == PAGE


@pytest.mark.parametrize("body", [b"5\r\nabcdefgh\r\n0\r\n\r\n", b"ff\r\nabc", b"3\r\nabc\r\nzz\r\n"])
def test_broken_chunks_are_refused(body):
    with pytest.raises(BadBody):
        decode_body(response(body, transfer_encoding="chunked"), MOST)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, brotli.compress, zstd.compress, bytes])
def test_a_body_past_the_limit_is_not_followed(pack):
    names = {gzip.compress: "gzip", zlib.compress: "deflate", brotli.compress: "br", zstd.compress: "zstd"}
    with pytest.raises(BodyTooLarge):
        decode_body(response(pack(bytes(20 << 20)), content_encoding=names.get(pack, "")), MOST)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, deflate", ""]), st.booleans())
def test_any_bytes_give_a_body_or_a_named_error(body, coding, is_chunked):
    headers = {"content_encoding": coding} | ({"transfer_encoding": "chunked"} if is_chunked else {})
    with suppress(BadBody, BodyTooLarge):
        assert len(decode_body(response(body, **headers), 4096)) <= 4096
