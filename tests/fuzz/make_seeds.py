"""Writes the seeds of the fuzzing targets anew: `python -m tests.fuzz.make_seeds`. The same bytes every time."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from pathlib import Path

import brotli
from backports import zstd

from tests.fuzz.targets import MEMBERS_APART

SEEDS = Path(__file__).parent / "seeds"
PAGE = b"<html><body><p>The miller opens the sluice at dawn.</p></body></html>"
SOURCE = b'def grind(grain):\n    """Give the flour of this grain."""\n    return grain * 3\n'


def warc_record(block: bytes, *, kind: bytes = b"response", newline: bytes = b"\r\n") -> bytes:
    """One record."""
    fields = [b"WARC/1.0", b"WARC-Type: " + kind, b"WARC-Target-URI: http://a.org/", b"Content-Length: %d" % len(block)]
    return newline.join(fields) + newline * 2 + block + newline * 2


def response(body: bytes, *fields: bytes) -> bytes:
    """An HTTP response."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Type: text/html", *fields, b"", body])


def crawls() -> dict[str, bytes]:
    """Each way to wrap a file, and lengths that lie."""
    page, text = warc_record(response(PAGE)), warc_record(PAGE, kind=b"conversion", newline=b"\n")
    members = MEMBERS_APART.join([page, text, page])
    long = text.replace(b"Content-Length: ", b"Content-Length: 9")
    packed = gzip.compress(page, mtime=0)
    return {
        "plain": b"\0" + page + text + page,
        "lengths": b"\0" + page + long + text + page,
        "gzip": b"\1" + members,
        "zstd": b"\2" + members,
        "lz4": b"\3" + members,
        "bytes_of_gzip": b"\4" + (packed + packed[:40] + packed)[3:],
        "skippable": b"\0" + b"\x50\x2a\x4d\x18\4\0\0\0abcd" + zstd.compress(page),
        "junk_before": b"\0" + b"junk\n" + page,
    }


def bodies() -> dict[str, bytes]:
    """Each coding, two of them one over another, and one in name alone."""
    deflate = zlib.compressobj(wbits=-15)
    raw = deflate.compress(PAGE) + deflate.flush()
    chunked = b"%x\r\n%s\r\n5;x=y\r\n12345\r\n0\r\n\r\n" % (len(PAGE), PAGE)
    packed = gzip.compress(PAGE, mtime=0)
    return {
        "plain": response(PAGE, b"Content-Length: %d" % len(PAGE)),
        "chunked": response(chunked, b"Transfer-Encoding: chunked"),
        "gzip": response(packed + packed, b"Content-Encoding: gzip"),
        "deflate": response(zlib.compress(PAGE), b"Content-Encoding: deflate"),
        "raw_deflate": response(raw, b"Content-Encoding: deflate"),
        "brotli": response(brotli.compress(PAGE), b"Content-Encoding: br"),
        "zstd": response(zstd.compress(PAGE), b"Content-Encoding: zstd"),
        "stacked": response(zstd.compress(packed), b"Content-Encoding: gzip, zstd"),
        "in_name_alone": response(PAGE, b"Content-Encoding: gzip, klingon"),
        "bomb": response(gzip.compress(bytes(1 << 18), mtime=0), b"Content-Encoding: gzip"),
    }


def archives() -> dict[str, bytes]:
    """Tars of each dialect, and zips."""
    made = {f"tar_{name}": b"\2" + _tar(form) for name, form in FORMATS.items()}
    made["tar_gz"] = b"\3" + _tar(tarfile.PAX_FORMAT)
    made["zip_stored"] = b"\0" + _zip(zipfile.ZIP_STORED)
    made["zip_deflated"] = b"\0" + _zip(zipfile.ZIP_DEFLATED)
    return made


FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def _tar(form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        names = [
            "a-1.0/mill.py",
            "a-1.0/PKG-INFO",
            f"a-1.0/{'d/' * 40}é.py" if form != tarfile.USTAR_FORMAT else "b.py",
        ]
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(SOURCE)
            tar.addfile(info, io.BytesIO(SOURCE))
        link = tarfile.TarInfo("a-1.0/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "../../x"
        tar.addfile(link)
    return buffer.getvalue().rstrip(b"\0") + bytes(2 * tarfile.BLOCKSIZE)


def _zip(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as packed:
        for name in ("a/mill.py", "a/PKG-INFO", "../out.py"):
            packed.writestr(zipfile.ZipInfo(name), SOURCE, method)
    return buffer.getvalue()


def main() -> None:
    """Write them."""
    for target, made in (("record_reader", crawls()), ("http_body", bodies()), ("archive", archives())):
        (SEEDS / target).mkdir(parents=True, exist_ok=True)
        for name, data in made.items():
            (SEEDS / target / name).write_bytes(data)


if __name__ == "__main__":
    main()
