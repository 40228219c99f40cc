"""Ranges of lines are the file's lines, with their numbers, whatever lies in it."""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import storage
from pipelines.importing import lines as import_lines
from pipelines.importing.lines import BadRow, LineRange, cut_lines, read_lines


def found(path, parts):
    items = [item for part in parts for item in read_lines(str(path), part)]
    return [(item.number, item.reason) if isinstance(item, BadRow) else item for item in items]


def plainly(data):
    """What `read_lines` should give, by splitting the whole file."""
    expected = []
    for number, line in enumerate(data.split(b"\n")):
        if not line.strip(b" \t\n\r\x0b\f"):
            continue
        try:
            text = line.decode().removesuffix("\r")
            expected.append((number, text if number else text.removeprefix("\ufeff")))
        except UnicodeDecodeError:
            expected.append((number, "not_utf8"))
    return expected


pieces = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b"\t", b" ", b"\xff", "é".encode(), b"\xef\xbb\xbf"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces, st.integers(1, 12), st.integers(1, 5))
def test_ranges_have_all_lines_once(tmp_path, monkeypatch, parts, size, block):
    monkeypatch.setattr(import_lines, "RANGE_BYTES", size)
    monkeypatch.setattr(import_lines, "_READ", block)
    path = tmp_path / "lines.txt"
    path.write_bytes(b"".join(parts))
    cut = cut_lines(storage.expand([str(path)])[0])
    assert found(path, cut) == found(path, [LineRange()]) == plainly(path.read_bytes())


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_line_that_is_too_long_costs_itself(tmp_path, monkeypatch, name):
    monkeypatch.setattr(import_lines, "MAX_LINE_BYTES", 10)
    data = b"short\n" + b"x" * 100 + b"\nnext one\n" + b"y" * 11
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert found(tmp_path / name, [LineRange()]) == [(0, "short"), (1, "too_long"), (2, "next one"), (3, "too_long")]


def test_a_cut_archive_gives_what_it_has(tmp_path):
    lines = [f"line {i} {i * 7919 % 1000}" for i in range(30_000)]
    packed = gzip.compress("\n".join(lines).encode())
    (tmp_path / "a.tsv.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "two.tsv.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    (tmp_path / "no.tsv.gz").write_bytes(b"no archive")
    *read, last = found(tmp_path / "a.tsv.gz", [LineRange()])
    assert len(read) > 1000 and read == list(enumerate(lines[: len(read)])) and last == (len(read), "unreadable_file")
    assert found(tmp_path / "two.tsv.gz", [LineRange()]) == [(0, "one"), (1, "two")]
    assert found(tmp_path / "no.tsv.gz", [LineRange()]) == [(0, "unreadable_file")]
