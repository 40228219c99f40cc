"""Every kind of damage and oddity of crawls, through the whole job: each file's ledger is exact, none costs another."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import brotli
import lz4.frame
from backports import zstd
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from pipelines.mine_web import main
from schemas import read_pair_set
from schemas.pair_set import read_manifest
from schemas.verify import main as verify
from tests.hostile.records import (
    CHUNKED,
    ENCODED,
    HTML,
    PACKS,
    Pack,
    chunked,
    flip,
    ledgers,
    page,
    raw_deflate,
    record,
)


@dataclass(frozen=True)
class Case:
    """A file, and what its ledger must say."""

    data: bytes
    kept: int
    dropped: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    name: str = ".warc"

    @property
    def read(self) -> int:
        return self.kept + sum(self.dropped.values()) + sum(self.failed.values())


def packed_cases(suffix: str, pack: Pack) -> dict[str, Case]:
    """What can befall a compressed file; five records, the third harmed."""
    arc = b"filedesc://a.arc 0.0.0.0 2008 text/plain 76\n1 1 x\n"
    members = [pack(record(i)) for i in range(5)]
    one, two, three, four, five = members

    def case(data: bytes, kept: int, **failed: int) -> Case:
        return Case(data, kept, {}, failed, suffix)

    return {
        "sound": case(b"".join(members), 5),
        "sound in one member": case(pack(b"".join(record(i) for i in range(5))), 5),
        "broken in the middle": case(one + two + flip(three, len(three) // 2) + four + five, 4, damaged_member=1),
        "broken at its start": case(one + two + flip(three, 1) + four + five, 4, damaged_member=1),
        "broken checksum": case(one + two + flip(three, len(three) - 5) + four + five, 4, damaged_member=1),
        "first broken": case(flip(one, len(one) // 2) + two + three + four + five, 4, damaged_member=1),
        "two broken in a row": case(one + flip(two, 1) + flip(three, 1) + four + five, 3, damaged_member=1),
        "last broken": case(one + two + three + four + flip(five, 90), 4, damaged_member=1),
        "cut in a member": case(b"".join(members)[:-50], 4, truncated=1),
        "cut in a head": case(one + two + three + four + five[:3], 4, truncated=1),
        "junk between members": case(
            one + two + b"junk \x1f\x8b\x08 junk" * 50 + three + four + five, 5, damaged_member=1
        ),
        "padding between members": case(one + two + bytes(700) + three + four + five + bytes(99), 5),
        "a member that is no record": case(one + pack(b"hello") + two, 2, damaged_member=1),
        "a bomb in a head": case(one + pack(b"WARC/1.0\r\nX: " + bytes(40 << 20)) + two, 2, bad_header=1),
        "a length too long in its member": case(one + pack(record(7, claimed=99999)) + two, 2, truncated=1),
        "a length too short in its member": case(one + pack(record(7, claimed=60)) + two, 2, bad_length=1),
        "no archive": case(pack(b"no archive at all"), 0, unreadable_file=1),
        "an ARC file": case(pack(arc), 0, unreadable_file=1),
    }


def plain_cases() -> dict[str, Case]:
    """What can befall a plain file and the records in it; a sound record stands before and behind."""

    def between(*records: bytes, kept: int = 2, dropped: str = "", failed: str = "") -> Case:
        data = record(1) + b"".join(records) + record(2)
        return Case(data, kept, dict(Counter(dropped.split())), dict(Counter(failed.split())))

    big = b"<html>" + bytes(9 << 20)
    stacked = chunked(zstd.compress(gzip.compress(page(3))))
    negative = record(3).replace(b"Content-Length: ", b"Content-Length: -")
    return {
        "empty": Case(b"", 0),
        "bare line feeds": Case(b"".join(record(i, newline=b"\n") for i in range(3)), 3),
        "angle brackets": between(record(3, uri="<http://www.site{}.org/>"), kept=3),
        "no content types": between(record(3, warc="", http="Server: x"), kept=3),
        "wrong content type, HTML inside": between(record(3, http="Content-Type: application/octet-stream"), kept=3),
        "chunked": between(record(3, chunked(page(3)), CHUNKED), kept=3),
        "chunked in name alone": between(record(3, page(3), CHUNKED), kept=3),
        "a broken chunk": between(record(3, chunked(page(3))[:-20], CHUNKED), failed="bad_body"),
        "gzip": between(record(3, gzip.compress(page(3)), ENCODED.format("gzip")), kept=3),
        "gzip in name alone": between(record(3, page(3), ENCODED.format("gzip")), kept=3),
        "gzip cut": between(record(3, gzip.compress(page(3))[:-9], ENCODED.format("gzip")), failed="bad_body"),
        "deflate": between(record(3, zlib.compress(page(3)), ENCODED.format("deflate")), kept=3),
        "raw deflate": between(record(3, raw_deflate(page(3)), ENCODED.format("deflate")), kept=3),
        "br": between(record(3, brotli.compress(page(3)), ENCODED.format("br")), kept=3),
        "zstd": between(record(3, zstd.compress(page(3)), ENCODED.format("zstd")), kept=3),
        "stacked and chunked": between(record(3, stacked, CHUNKED + "\r\nContent-Encoding: gzip, zstd"), kept=3),
        "unknown coding": between(record(3, b"\1\2\3", ENCODED.format("klingon")), failed="bad_body"),
        "bombs": between(
            record(3, gzip.compress(big), ENCODED.format("gzip")),
            record(4, brotli.compress(big), ENCODED.format("br")),
            record(5, zstd.compress(big), ENCODED.format("zstd")),
            record(6, gzip.compress(gzip.compress(big)), ENCODED.format("gzip, gzip")),
            record(7, big),
            dropped="too_large too_large too_large too_large too_large",
        ),
        "a block above the limit": between(record(3, bytes(65 << 20)), dropped="too_large"),
        "statuses": between(
            record(3, status="HTTP/1.1 404 Not Found"),
            record(4, status="HTTP/1.0 301"),
            record(5, status="HTTP/2 500"),
            dropped="http_status http_status http_status",
        ),
        "no HTTP": between(record(3, b"", status=""), record(4, b"<html>", status=""), failed="bad_http bad_http"),
        "a page cut short": between(
            record(3, page(3)[:-90], f"Content-Length: {len(page(3))}\r\n{HTML}"), failed="truncated"
        ),
        "no body": between(record(3, b""), record(4, b" \r\n"), dropped="empty_body empty_body"),
        "other content": between(
            record(3, b"{}", "Content-Type: application/json"),
            record(4, b"\x89PNG\r\n" + bytes(90), "Content-Type: image/png"),
            record(5, b"\x89PNG\r\n" + bytes(90)),
            dropped="not_html not_html not_html",
        ),
        "other records": between(
            record(3, kind="request"),
            record(4, kind="warcinfo"),
            record(5, kind="revisit"),
            record(6, warc="Content-Type: text/dns", status="", body=b"20080430"),
            dropped="not_a_page not_a_page not_a_page not_a_page",
        ),
        "a length too short": between(record(3, claimed=70), failed="bad_length"),
        "a length too long": between(record(3, claimed=1500), failed="bad_length"),
        "a length past the end": between(record(3, claimed=10**9), failed="truncated"),
        "no length": between(record(3).replace(b"Content-Length", b"X-Length"), failed="bad_header"),
        "a length that is no number": between(negative, failed="bad_header"),
        "a head without end": between(b"WARC/1.0\r\n" + b"X: y\r\n" * 20_000, failed="bad_header"),
        "cut in a block": Case(record(1) + record(2)[:-200], 1, {}, {"truncated": 1}),
        "cut in a head": Case(record(1) + record(2)[:30], 1, {}, {"truncated": 1}),
        "junk before the first": Case(b"junk\r\n\r\n" + record(1), 1, {}, {"bad_header": 1}),
        "no archive": Case(b"\xca\xfe" * 900, 0, {}, {"unreadable_file": 1}),
        "an ARC file": Case(b"filedesc://a.arc 0.0.0.0 2008 text/plain 76\n1 1 x\n", 0, {}, {"unreadable_file": 1}),
        "an old lz4 file": Case(b"\x02\x21\x4c\x18" + bytes(60), 0, {}, {"unreadable_file": 1}),
    }


def all_cases() -> dict[str, Case]:
    cases = {f"plain: {name}": case for name, case in plain_cases().items()}
    for suffix, pack in PACKS.items():
        cases |= {f"{suffix}: {name}": case for name, case in packed_cases(suffix, pack).items()}
    return cases


def test_every_kind_of_damage_costs_itself_and_is_counted(tmp_path):
    cases = {f"{i:03d}{case.name}": (label, case) for i, (label, case) in enumerate(all_cases().items())}
    (tmp_path / "in").mkdir()
    for name, (_, case) in cases.items():
        (tmp_path / "in" / name).write_bytes(case.data)
    out = tmp_path / "out"
    args = ["--input", str(tmp_path / "in" / "*"), "--output", str(out), "--keep-rejects", "--quiet", "--workers", "1"]
    assert main(args) == 0
    found = ledgers(out)
    told = {}
    for name, (label, _) in cases.items():
        stage = found[name]["stages"]["record"]
        told[label] = (stage["read"], stage["kept"], stage["dropped"], stage["failed"])
        places = {failure["where"].rsplit("/", 1)[-1].split(" ")[0] for failure in found[name]["failures"]}
        assert places <= {name}, label
        assert len(found[name]["failures"]) == sum(stage["failed"].values()), label
    expected = {label: (case.read, case.kept, case.dropped, case.failed) for label, case in cases.values()}
    assert told == expected
    assert verify([str(out)]) == 0
    total = read_manifest(str(out)).ledger["stages"]
    assert total["record"]["read"] == sum(read for read, *_ in expected.values())
    kept = sum(case.kept for _, case in cases.values())
    assert total["pair"]["kept"] == 2 * kept == read_pair_set(str(out)).count_rows()


def test_real_odd_and_damaged_files_are_counted_as_a_byte_scan_and_warcio_count_them(shared_data, tmp_path):
    folder, out = shared_data / "warc-samples", tmp_path / "out"
    args = ["--input", str(folder / "*"), "--output", str(out), "--quiet", "--workers", "1"]
    assert main(args) == 0
    by_scan, by_warcio = 0, 0
    for name, ledger in ledgers(out).items():
        record = ledger["stages"]["record"]
        text = inflated((folder / name).read_bytes())
        if text is None:
            continue
        scanned = len(re.findall(rb"(?:^|\n)WARC/[01]\.\d+\r?\n", text))
        assert record["read"] == max(scanned, 1), name  # a file without a record is one failure
        by_scan += 1
        with suppress(ArchiveLoadFailed):  # it refuses files that only look odd
            theirs = sum(1 for _ in ArchiveIterator(io.BytesIO(text), no_record_parse=True))
            assert record["failed"] or record["read"] == theirs, name
            by_warcio += not record["failed"]
    assert by_scan > 70 and by_warcio > 60


def inflated(raw: bytes) -> bytes | None:
    """A whole file's text; None where its compression is broken."""
    if raw.startswith(b"\x1f\x8b"):
        try:
            return gzip.decompress(raw)
        except (OSError, EOFError, zlib.error):
            return None
    text = b""
    while raw.startswith(b"\x04\x22\x4d\x18"):
        frame = lz4.frame.LZ4FrameDecompressor()
        text += frame.decompress(raw)
        raw = frame.unused_data or b""
    return text or raw
