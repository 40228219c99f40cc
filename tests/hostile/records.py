"""WARC records written by hand, every line of them open to harm, and the ledgers that the jobs leave of them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import lz4.frame
from backports import zstd

SENTENCE = "The miller of village {0} opens the sluice at dawn, and wheel {1} begins to turn under the cold water."
HTML = "Content-Type: text/html; charset=utf-8"
Pack = Callable[[bytes], bytes]


def page(number: int) -> bytes:
    body = "".join(f"<p>{SENTENCE.format(number, i)} {SENTENCE.format(number + 1, i)}</p>" for i in range(3))
    return f"<!doctype html><html><body><main>{body}</main></body></html>".encode()


def record(
    number: int,
    body: bytes | None = None,
    http: str = HTML,
    *,
    kind: str = "response",
    status: str = "HTTP/1.1 200 OK",
    warc: str = "Content-Type: application/http; msgtype=response",
    claimed: int | None = None,
    uri: str = "http://www.site{}.org/page",
    newline: bytes = b"\r\n",
) -> bytes:
    """One record, every line of it open to harm."""
    head = [status, http, "", ""] if status else []
    block = newline.join(line.encode() for line in head) + (page(number) if body is None else body)
    length = len(block) if claimed is None else claimed
    fields = ["WARC/1.0", f"WARC-Type: {kind}", f"WARC-Target-URI: {uri.format(number)}", warc]
    lines = [*filter(None, fields), f"Content-Length: {length}", "", ""]
    return newline.join(line.encode() for line in lines) + block + newline * 2


def chunked(body: bytes, size: int = 100) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :]


PACKS: dict[str, Pack] = {
    ".warc.gz": partial(gzip.compress, mtime=0),
    ".warc.zst": lambda text: zstd.compress(text, options={zstd.CompressionParameter.checksum_flag: 1}),
    ".warc.lz4": lambda text: lz4.frame.compress(text, content_checksum=True),
}
ENCODED = "Content-Encoding: {}\r\n" + HTML
CHUNKED = "Transfer-Encoding: chunked\r\n" + HTML


def ledgers(out: Path) -> dict[str, dict]:
    """Each input file's ledger by its name."""
    values = [json.loads(path.read_text()) for path in (out / "units").iterdir()]
    return {Path(value["uri"]).name: value["ledger"] for value in values}
