from __future__ import annotations

import gzip
import io
import random
import re
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from miners.web.record_reader import Damage, Limits, WarcRecord, read_records, records_at


def read(data: bytes, **options) -> list[WarcRecord | Damage]:
    return list(read_records(io.BytesIO(data), **options))


def records(items) -> list[WarcRecord]:
    return [item for item in items if isinstance(item, WarcRecord)]


def damage(items) -> list[Damage]:
    return [item for item in items if isinstance(item, Damage)]


def member_starts(data: bytes) -> list[int]:
    starts, position = [], 0
    while position < len(data):
        starts.append(position)
        inflater = zlib.decompressobj(31)
        inflater.decompress(data[position:])
        position = len(data) - len(inflater.unused_data)
    return starts


def split_members(data: bytes) -> list[bytes]:
    """The records of a gzipped file, inflated."""
    starts = [*member_starts(data), len(data)]
    return [gzip.decompress(data[a:b]) for a, b in pairwise(starts)]


def skippable(content: bytes, nibble: int = 0) -> bytes:
    return struct.pack("<II", 0x184D2A50 + nibble, len(content)) + content


def lz4_frame(text: bytes) -> bytes:
    return lz4.frame.compress(text, content_checksum=True)


def zstd_frame(text: bytes) -> bytes:
    return zstd.compress(text, options={zstd.CompressionParameter.checksum_flag: 1})


def stored_zstd_frame(text: bytes) -> bytes:
    """A frame of raw blocks, as zstd writes what it cannot compress."""
    blocks = [text[i : i + (128 << 10)] for i in range(0, len(text), 128 << 10)]
    heads = [(len(block) << 3 | (i == len(blocks) - 1)).to_bytes(3, "little") for i, block in enumerate(blocks)]
    return b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(head + block for head, block in zip(heads, blocks, strict=True))


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd_frame, "lz4": lz4_frame}
packed_as = pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)


def with_byte(data: bytes, position: int, value: int = 0xFF) -> bytes:
    return data[:position] + bytes([data[position] ^ value]) + data[position + 1 :]


def whirl(count: int, newline: bytes = b"\r\n") -> bytes:
    """Plain records by hand, with any kind of line end."""
    out = b""
    for i in range(count):
        block = b"text of record %d" % i
        head = [b"WARC/1.0", b"WARC-Type: resource", b"Content-Length: %d" % len(block), b"", b""]
        out += newline.join(head) + block + newline * 2
    return out


@pytest.mark.parametrize("packed", [True, False])
def test_reads_what_warcio_reads(make_warc, packed):
    data = make_warc([b"<p>a</p>", b"", b"x" * 100_000], gzip=packed)
    found = read(data)
    theirs = ArchiveIterator(io.BytesIO(data), no_record_parse=True)
    expected = []
    for record in theirs:
        block = record.raw_stream.read()
        expected.append((record.rec_headers.get_header("WARC-Record-ID"), theirs.get_record_offset(), block))
    assert [(r.headers["warc-record-id"], r.offset, r.block) for r in found] == expected


def test_many_records_in_one_member_are_told_apart_by_position(make_warc):
    plain = make_warc([b"<p>a</p>", b"<p>b</p>"], gzip=False)
    found = read(gzip.compress(plain))
    assert [r.offset for r in found] == [0, 0, 0]
    assert [r.position for r in found] == [r.offset for r in read(plain)]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_line_ends_may_be_bare(newline):
    assert [r.block for r in read(whirl(3, newline))] == [b"text of record 0", b"text of record 1", b"text of record 2"]


def test_a_broken_member_costs_itself_alone(articles):
    starts = member_starts(articles)
    found = read(with_byte(articles, (starts[3] + starts[4]) // 2))
    assert [r.offset for r in records(found)] == [s for i, s in enumerate(starts) if i != 3]
    (lost,) = damage(found)
    assert (lost.reason, lost.offset, lost.skipped) == ("damaged_member", starts[3], starts[4] - starts[3])


def test_a_wrong_checksum_is_damage(articles):
    starts = member_starts(articles)
    found = read(with_byte(articles, starts[4] - 6))
    assert [d.offset for d in damage(found)] == [starts[3]]
    assert len(records(found)) == len(starts) - 1


def test_a_broken_member_start_costs_itself_alone(articles):
    starts = member_starts(articles)
    assert [d.offset for d in damage(read(with_byte(articles, starts[5])))] == [starts[5]]
    assert [d.offset for d in damage(read(with_byte(articles, 0)))] == [0]
    assert len(records(read(with_byte(articles, 0)))) == len(starts) - 1


def test_a_cut_file_ends_in_a_truncated_record(articles, make_warc):
    found = read(articles[:-40])
    assert [d.reason for d in damage(found)] == ["truncated"]
    assert len(records(found)) == len(member_starts(articles)) - 1
    plain = make_warc([b"<p>a</p>" * 100, b"<p>b</p>" * 100], gzip=False)
    found = read(plain[:-40])
    assert (len(records(found)), [d.reason for d in damage(found)]) == (2, ["truncated"])


@pytest.mark.parametrize("claimed", [3, 30, 40, 10**6, 10**17])
def test_a_wrong_length_costs_itself_alone(claimed):
    data = whirl(5).replace(b"Content-Length: 16", b"Content-Length: %d" % claimed, 2)
    data = data.replace(b"Content-Length: %d" % claimed, b"Content-Length: 16", 1)
    found = read(data)
    assert [r.block for r in records(found)] == [b"text of record %d" % i for i in (0, 2, 3, 4)]
    assert [d.reason for d in damage(found)] in (["bad_length"], ["truncated"])


@pytest.mark.parametrize("length", ["", "-1", "1e3", "٣", "9" * 30])
def test_a_length_that_is_no_number(length):
    data = whirl(1) + f"WARC/1.0\r\nContent-Length: {length}\r\n\r\nab\r\n\r\n".encode() + whirl(1)
    found = read(data)
    assert len(records(found)) == 2
    assert [d.reason for d in damage(found)] == ["bad_header"]


def test_a_block_over_the_limit_is_passed_over_and_counted(make_warc):
    data = make_warc([b"a" * 300_000, b"<p>b</p>"])
    found = read(data, limits=Limits(block_bytes=100_000))
    assert [r.block is None for r in found] == [False, True, False]


def test_a_bomb_in_a_member_is_not_held(make_warc):
    bomb = gzip.compress(b"WARC/1.0\r\nContent-Length: 4\r\nX: " + b"0" * (30 << 20))
    found = read(bomb + make_warc([b"<p>a</p>"]))
    assert len(records(found)) == 2
    assert [d.reason for d in damage(found)] == ["bad_header"]


def test_members_that_inflate_to_megabytes_are_followed_by_their_neighbours(make_warc):
    data = make_warc([b"0" * (3 << 20), bytes(range(256)) * 9000, b"<p>b</p>"])
    assert [r.offset for r in read(data)] == member_starts(data)


def test_zero_bytes_between_members_are_padding(articles):
    start = member_starts(articles)[2]
    padded = articles[:start] + bytes(512) + articles[start:] + bytes(1024)
    assert not damage(read(padded))
    assert len(read(padded)) == len(read(articles))


@pytest.mark.parametrize(
    "data",
    [
        b"filedesc://a.arc 0.0.0.0 2008 text/plain 76\n1 1 x\n",
        gzip.compress(b"filedesc://", mtime=0),
        b"\x28\xb5\x2f\xfd" * 9,
    ],
)
def test_other_formats_are_one_unreadable_file(data):
    assert [d.reason for d in read(data)] == ["unreadable_file"]


def test_an_empty_file_has_no_records():
    assert read(b"") == []


def test_a_read_error_ends_the_file_as_failed(articles):
    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 0:
                raise OSError("connection reset")
            return super().read(1000)

    found = list(read_records(Failing(articles)))
    assert found[-1].reason == "unreadable_file"
    assert "connection reset" in found[-1].why


@pytest.mark.parametrize("harm", [None, "body", "start"])
def test_ranges_hold_exactly_the_files_records(articles, harm):
    starts = member_starts(articles)
    data = articles
    if harm:
        data = with_byte(articles, starts[4] + (0 if harm == "start" else 80))
    whole = [(type(item), item.offset) for item in read(data)]
    for step in (11, 97, 500, 1000, starts[4], len(data) - 1):
        parts = []
        for start in range(0, len(data), step):
            parts += [(type(i), i.offset) for i in read(data, start=start, end=start + step)]
        assert parts == whole, step


def test_a_plain_file_belongs_to_its_first_range():
    data = whirl(4)
    assert len(read(data, start=0, end=10)) == 4
    assert read(data, start=10, end=20) == []


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_random_damage_never_raises_and_loses_no_neighbour(articles, data):
    starts = member_starts(articles)
    harmed = data.draw(st.lists(st.integers(0, len(articles) - 1), min_size=1, max_size=4))
    broken = articles
    for position in harmed:
        broken = with_byte(broken, position, data.draw(st.integers(1, 255)))
    edges = [*starts, len(articles)]
    hit = {i for i in range(len(starts)) if any(edges[i] <= p < edges[i + 1] for p in harmed)}
    found = read(broken)
    kept = {r.offset for r in records(found)}
    assert {start for i, start in enumerate(starts) if i not in hit} <= kept
    assert all(d.reason in ("damaged_member", "truncated", "bad_header", "bad_length") for d in damage(found))


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 5000), junk=st.binary(max_size=200), packed=st.booleans())
def test_random_cuts_and_junk_never_raise(articles, cut, junk, packed):
    data = articles if packed else gzip.decompress(articles)
    read(data[:cut] + junk + data[cut + len(junk) :])


def test_real_files_lose_no_record_against_a_byte_scan(shared_data):
    checked = 0
    for path in sorted((shared_data / "warc-samples").glob("*")):
        if not path.name.endswith((".warc", ".wet", ".wat", ".warc.gz", ".wet.gz")):
            continue
        raw = path.read_bytes()
        try:
            text = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
        except (OSError, EOFError, zlib.error, struct.error):
            continue
        scanned = len(re.findall(rb"(?:^|\n)WARC/[01]\.\d+\r?\n", text))
        found = read(raw)
        assert len(found) == max(scanned, 1), path.name  # a file without a record is one failure
        checked += 1
    assert checked > 60


def test_a_real_crawl_has_warcios_records(shared_data):
    path = shared_data / "warc-crawl" / "docs-0.warc.gz"
    with path.open("rb") as file:
        theirs = sum(1 for _ in ArchiveIterator(file))
    raw = path.read_bytes()
    assert len(records(read(raw))) == theirs
    assert not damage(read(raw))
    starts = [r.offset for r in read(raw)]
    harmed = with_byte(raw, (starts[500] + starts[501]) // 2)
    assert len(records(read(harmed))) == theirs - 1


@packed_as
def test_every_compression_gives_the_same_records(articles, pack):
    texts = split_members(articles)
    frames = [pack(text) for text in texts]
    found = read(b"".join(frames))
    assert [(r.headers, r.block) for r in found] == [(r.headers, r.block) for r in read(articles)]
    assert [r.offset for r in found] == [sum(map(len, frames[:i])) for i in range(len(frames))]
    in_one = read(pack(b"".join(texts)))
    assert [(r.offset, r.block) for r in in_one] == [(0, r.block) for r in found]
    assert [r.position for r in in_one] == [sum(map(len, texts[:i])) for i in range(len(texts))]


@packed_as
@pytest.mark.parametrize("harm", ["magic", "body", "checksum"])
def test_in_every_compression_damage_costs_itself_alone(articles, pack, harm):
    frames = [pack(text) for text in split_members(articles)]
    at = {"magic": 0, "body": len(frames[3]) // 2, "checksum": len(frames[3]) - 6}[harm]
    if pack is not gzip.compress and harm == "checksum":
        at += 3  # zstd and lz4 end with their four bytes
    frames[3] = with_byte(frames[3], at)
    found = read(b"".join(frames))
    assert len(records(found)) == len(frames) - 1
    (lost,) = damage(found)
    offset = sum(map(len, frames[:3]))
    assert (lost.reason, lost.offset, lost.skipped) == ("damaged_member", offset, len(frames[3]))


@packed_as
def test_in_every_compression_a_cut_file_is_truncated(articles, pack):
    frames = [pack(text) for text in split_members(articles)]
    found = read(b"".join(frames)[:-20])
    assert [d.reason for d in damage(found)] == ["truncated"]
    assert len(records(found)) == len(frames) - 1


@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize("is_trained", [True, False])
def test_a_dictionary_at_the_head_of_a_zstd_file_is_used(articles, is_packed, is_trained):
    texts = split_members(articles)
    trained = zstd.train_dict([*texts * 20], 2048) if is_trained else zstd.ZstdDict(texts[1][:2000], is_raw=True)
    content = trained.dict_content
    head = skippable(zstd.compress(content) if is_packed else content, 0xD)
    frames = [zstd.compress(text, zstd_dict=trained) for text in texts]
    data = head + b"".join(frames)
    expected = [(r.headers, r.block) for r in read(articles)]
    assert [(r.headers, r.block) for r in read(data)] == expected
    in_ranges = [r for start in range(0, len(data), 999) for r in read(data, start=start, end=start + 999)]
    assert [(r.headers, r.block) for r in in_ranges] == expected
    last = in_ranges[-1].offset
    assert [r.block for r in records_at(io.BytesIO(data), last)] == [expected[-1][1]]


def test_a_dictionary_that_cannot_be_read_is_one_unreadable_file(articles):
    frames = b"".join(zstd.compress(text) for text in split_members(articles))
    for head in (skippable(b"\x28\xb5\x2f\xfd" + b"\xff" * 40, 0xD), skippable(b"\x37\xa4\x30\xec", 0xD)):
        assert [d.reason for d in read(head + frames)] == ["unreadable_file"]
        assert read(head + frames, start=60, end=400) == []


@pytest.mark.parametrize("pack", [zstd_frame, lz4_frame])
def test_skippable_frames_are_skipped_and_a_wrong_size_costs_no_record(articles, pack):
    frames = [pack(text) for text in split_members(articles)]
    sound = b"".join([skippable(b"index"), *frames[:4], skippable(b""), skippable(b"\0" * 99, 3), *frames[4:]])
    assert (len(records(read(sound))), damage(read(sound))) == (len(frames), [])
    for size in (7, 10**6):
        wrong = struct.pack("<II", 0x184D2A53, size)
        found = read(b"".join([*frames[:4], wrong, *frames[4:]]))
        assert (len(records(found)), len(damage(found))) == (len(frames), 1)


@packed_as
def test_ranges_of_every_compression_hold_exactly_the_files_records(articles, pack):
    frames = [pack(text) for text in split_members(articles)]
    frames[5] = with_byte(frames[5], len(frames[5]) // 2)
    data = b"".join(frames)
    whole = [(type(item), item.offset) for item in read(data)]
    for step in (61, 500, len(frames[0]), len(data) - 1):
        parts = []
        for start in range(0, len(data), step):
            parts += [(type(i), i.offset) for i in read(data, start=start, end=start + step)]
        assert parts == whole, step


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 12_000), max_size=6),
    harmed=st.lists(st.integers(0, 12_000), max_size=3),
    name=st.sampled_from(sorted(PACKERS)),
)
def test_arbitrary_ranges_hold_exactly_the_files_records(articles, cuts, harmed, name):
    data = b"".join(map(PACKERS[name], split_members(articles)))
    for position in harmed:
        data = with_byte(data, position % len(data))
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parts = [item for a, b in pairwise(edges) for item in read(data, start=a, end=b)]
    assert parts == read(data)


@pytest.fixture(scope="module", params=["gzip", "zstd"])
def archive_in_archive(request, make_warc) -> tuple[bytes, int]:
    """A file of 2 MB, and how many records; one is an archive of 0.9 MB that lies in it as it is."""
    noise = random.Random(3)
    pages = [noise.randbytes(5000) for _ in range(400)]
    inner = b"".join(map(PACKERS[request.param], split_members(make_warc(pages[:180]))))
    store = {"gzip": lambda text: gzip.compress(text, compresslevel=0), "zstd": stored_zstd_frame}[request.param]
    texts = split_members(make_warc([*pages[180:260], inner, *pages[260:]]))
    data = b"".join(map(store, texts))
    assert inner[:2000] in data
    return data, len(texts)


@pytest.mark.parametrize("look_back", [0, 300_000])
def test_a_crawled_archive_inside_a_record_is_not_read_as_the_file(archive_in_archive, look_back):
    data, count = archive_in_archive
    whole = [(type(item), item.offset) for item in read(data)]
    assert len(whole) == count
    for step in (50_021, 300_000, 700_000):
        limits = Limits(look_back_bytes=look_back)
        ranges = (read(data, start=start, end=start + step, limits=limits) for start in range(0, len(data), step))
        assert [(type(item), item.offset) for items in ranges for item in items] == whole


def test_ranges_of_a_file_of_one_member_are_empty_but_the_first(make_warc):
    noise = random.Random(4)
    data = gzip.compress(gzip.decompress(make_warc([noise.randbytes(9000) for _ in range(400)])))
    parts = [read(data, start=start, end=start + 700_000) for start in range(0, len(data), 700_000)]
    assert [len(items) for items in parts] == [401, 0, 0, 0, 0, 0]


@packed_as
@pytest.mark.parametrize("one_member", [True, False])
def test_a_record_is_found_again_by_its_offset(articles, pack, one_member):
    texts = split_members(articles)
    data = pack(b"".join(texts)) if one_member else b"".join(map(pack, texts))
    for record in read(data):
        assert record in list(records_at(io.BytesIO(data), record.offset))


def test_a_plain_record_is_found_again_by_its_offset(articles):
    plain = gzip.decompress(articles)
    for record in read(plain):
        assert list(records_at(io.BytesIO(plain), record.offset)) == [record]
    assert list(records_at(io.BytesIO(plain), 3)) == []
    assert list(records_at(io.BytesIO(articles), 3)) == []
