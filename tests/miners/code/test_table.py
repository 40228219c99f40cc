"""Tables of source files: what a row becomes, broken rows, and memory that does not grow with the table."""

import gzip
import io
import json
import random
import tracemalloc
from dataclasses import replace
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from miners.code.mine import BadRow, CodeConfig, SourceFile, mine_files
from miners.code.parsing_batch import ParsingHere
from miners.code.table import TableColumns, check_lines, is_table, line_files, parquet_files, table_columns
from schemas.ledger import Ledger
from schemas.pair import Pair

GOOD = 'def add(a, b):\n    """Adds two numbers up."""\n    c = a + b\n    return c\n'
GO = "package a\n\n// Add adds two numbers up.\nfunc Add() int {\n\treturn 1\n}\n"


def parquet(columns, **options):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    file.seek(0)
    return file


def lines(*rows):
    return io.BytesIO(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))


def mine(files, **config):
    ledger = Ledger("mine-code")
    items = list(mine_files(files, CodeConfig(**config), ledger, ParsingHere()))
    ledger.check()
    pairs = [item for item in items if isinstance(item, Pair)]
    assert ledger.kept_last() == len(pairs)
    return pairs, ledger


def test_rows_of_parquet():
    file = parquet(
        {
            "content": [GOOD, GOOD, None, "\0\1", GO, GOOD],
            "path": ["src/a.py", "/b.py", "c.py", "d.py", "x/e.go", "../f.py"],
            "repo": ["o/n", "https://github.com/o/m.git", "o/n", "o/n", None, "o/n"],
            "license": ["mit", "no licence", None, None, "apache-2.0", "mit"],
            "revision": [None, "1" * 40, None, None, None, None],
        }
    )
    pairs, ledger = mine(parquet_files(file, "gs://b/t/part-0.parquet", 0, TableColumns()))
    a, b, e = pairs
    assert [(p.provenance.path, p.language, p.provenance.repo, p.provenance.license) for p in pairs] == [
        ("src/a.py", "python", "o/n", "MIT"),
        ("b.py", "python", "o/m", None),
        ("x/e.go", "go", None, "Apache-2.0"),
    ]
    assert (a.group, b.group) == ("o/n", "o/m")
    assert e.group == e.row_id, "without a repository a row is split alone"
    assert [p.provenance.offset for p in pairs] == [0, 1, 4]
    assert a.row_id != b.row_id and a.pair_id == b.pair_id
    assert b.provenance.url == f"https://github.com/o/m/blob/{'1' * 40}/b.py#L1-L4"
    assert ledger.stages["file"].read == 6
    assert ledger.stages["file"].dropped == {"empty": 1, "binary": 1, "unsafe_name": 1}


def test_columns_of_the_stack_and_of_bigquery():
    stack = {
        "content": [GOOD],
        "max_stars_repo_path": ["a.py"],
        "max_stars_repo_name": ["o/n"],
        "max_stars_repo_licenses": [["MIT", "Apache-2.0"]],
        "max_stars_repo_head_hexsha": ["2" * 40],
        "lang": ["Python"],
    }
    columns = table_columns(
        [
            "path=max_stars_repo_path,repo=max_stars_repo_name",
            "license=max_stars_repo_licenses, revision=max_stars_repo_head_hexsha",
        ]
    )
    (pair,), _ = mine(parquet_files(parquet(stack), "t.parquet", 0, columns))
    assert pair.provenance.license == "MIT AND Apache-2.0"
    assert pair.provenance.revision == "2" * 40
    only_language = table_columns(["language=lang"])
    (pair,), _ = mine(parquet_files(parquet(stack), "t.parquet", 0, only_language))
    assert (pair.language, pair.provenance.path) == ("python", None)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_kinds_of_content(kind):
    values = pa.array(
        [GOOD.encode() if kind == pa.binary() else GOOD, None], pa.binary() if kind == pa.binary() else None
    )
    file = parquet({"content": values.cast(kind), "path": ["a.py", "b.py"]})
    pairs, ledger = mine(parquet_files(file, "t", 0, TableColumns()))
    assert len(pairs) == 1
    assert ledger.stages["file"].dropped == {"empty": 1}


def test_row_groups_read_apart_give_the_rows_of_the_whole():
    contents = [GOOD.replace("add", f"add{i}") for i in range(500)]
    file = parquet({"content": contents, "path": [f"{i}.py" for i in range(500)]}, row_group_size=150)
    found = [pair for group in range(4) for pair in mine(parquet_files(file, "t", group, TableColumns()))[0]]
    assert [pair.provenance.offset for pair in found] == list(range(500))
    assert len({pair.row_id for pair in found}) == 500


def test_broken_lines_cost_themselves():
    good = {"content": GOOD, "path": "a.py"}
    file = lines(
        good,
        b"{not json}\n",
        b"\n",
        [1],
        {"content": 5, "path": "a.py"},
        {"content": GOOD, "path": ["a.py"]},
        {"path": "a.py"},
        {"content": "x = '\ud800'", "path": "a.py"},
        {"content": "# caf\xe9\n" + GOOD, "path": "a.py"},
        b'{"content": "x", "path": "a.py"',
        b"\n" + b"[" * 100_000 + b"\n",
        good,
    )
    pairs, ledger = mine(line_files(file, "t.jsonl", 0, None, TableColumns()))
    assert len(pairs) == 3 and len({pair.row_id for pair in pairs}) == 3
    assert ledger.stages["file"].failed == {"bad_row": 6, "not_utf8": 1}
    assert ledger.stages["file"].dropped == {"empty": 1}
    assert ledger.failures[0]["where"] == f"t.jsonl:{len(json.dumps(good)) + 1}"


def test_a_line_that_is_too_long(monkeypatch):
    monkeypatch.setattr("miners.code.table.MAX_LINE_BYTES", 1000)
    row = {"content": GOOD, "path": "a.py"}
    exact = json.dumps(row | {"x": ""}).encode()
    exact = json.dumps(row | {"x": "y" * (1000 - len(exact) - 1)}).encode() + b"\n"
    assert len(exact) == 1000
    file = lines(row, row | {"x": "y" * 5000}, row, exact, row | {"x": "y" * 5000})
    pairs, ledger = mine(line_files(file, "t.jsonl", 0, None, TableColumns()))
    assert len(pairs) == 3
    assert ledger.stages["file"].failed == {"bad_row": 2}


@given(st.lists(st.integers(0, 300), max_size=12), st.lists(st.integers(0, 4000), max_size=5), st.booleans())
def test_ranges_of_lines_cover_each_line_once(sizes, cuts, ends_with_newline):
    rows = [json.dumps({"content": "x" * n, "path": f"{i}.py"}).encode() for i, n in enumerate(sizes)]
    data = b"\n".join(rows) + (b"\n" if ends_with_newline else b"")
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    found = []
    for start, end in pairwise(edges):
        for file in line_files(io.BytesIO(data), "t", start, end, TableColumns()):
            assert isinstance(file, SourceFile)
            found.append((file.place.offset, file.entry.path))
    offsets = [sum(len(row) + 1 for row in rows[:i]) for i in range(len(rows))]
    assert found == [(offset, f"{i}.py") for i, offset in enumerate(offsets)]


@pytest.mark.parametrize("name", ["t.jsonl.gz", "t.ndjson.gz", "t.jsonl.zst"])
def test_packed_lines(name):
    noise = random.Random(3)
    rows = [{"content": GOOD, "path": f"{i}.py", "x": noise.randbytes(2000).hex()} for i in range(50)]
    data = lines(*rows).getvalue()
    half = data.index(b"\n", len(data) // 2) + 1
    pack = gzip.compress if name.endswith("gz") else zstandard.compress
    packed = pack(data[:half]) + pack(data[half:])  # several members, as parallel packers write them
    plain, _ = mine(line_files(io.BytesIO(data), "t.jsonl", 0, None, TableColumns()))
    pairs, _ = mine(line_files(io.BytesIO(packed), name, 0, None, TableColumns()))
    assert [p.provenance.offset for p in pairs] == [p.provenance.offset for p in plain]
    cut, ledger = mine(line_files(io.BytesIO(packed[: len(packed) - 30]), name, 0, None, TableColumns()))
    assert 0 < len(cut) < 50
    assert ledger.stages["file"].failed["damaged_repository"] == 1


def test_damaged_parquet_is_one_failure():
    data = bytearray(parquet({"content": [GOOD] * 2000, "path": ["a.py"] * 2000}, compression="zstd").getvalue())
    data[40:200] = random.Random(0).randbytes(160)
    for broken in (bytes(data), b"PAR1", b"", b"PAR1" + b"\xff" * 50 + b"PAR1"):
        _, ledger = mine(parquet_files(io.BytesIO(broken), "t", 0, TableColumns()))
        assert ledger.stages["file"].failed == {"damaged_repository": 1}


def test_wrong_columns_are_named():
    table = parquet({"text": [GOOD], "file": ["a.py"]})
    with pytest.raises(ValueError, match=r"no column 'content'; its columns are text, file: say --columns content="):
        list(parquet_files(table, "t.parquet", 0, TableColumns()))
    with pytest.raises(ValueError, match="--columns path=NAME"):
        list(parquet_files(table, "t.parquet", 0, table_columns(["content=text"])))
    with pytest.raises(ValueError, match="no column 'lic'"):
        list(parquet_files(table, "t.parquet", 0, table_columns(["content=text,path=file,license=lic"])))
    with pytest.raises(ValueError, match="its columns are a, b"):
        check_lines(lines({"a": 1}, {"b": 2}), "t.jsonl", TableColumns())
    check_lines(lines({"path": 1}, b"{\n", {"content": 2}), "t.jsonl", TableColumns())
    check_lines(io.BytesIO(b""), "t.jsonl", TableColumns())
    for wrong in ("text", "text=content", "content=", "asked=x"):
        with pytest.raises(ValueError, match="roles are"):
            table_columns([wrong])
    assert is_table("A.Parquet") and is_table("a.jsonl.gz") and not is_table("a.json") and not is_table("jsonl")


def growth(files):
    """Peak of what Python and Arrow allocate while the rows go by, in bytes."""
    tracemalloc.start()
    begun, most = pa.total_allocated_bytes(), 0
    try:
        for file in files:
            assert not isinstance(file, BadRow)
            file.read()
            most = max(most, pa.total_allocated_bytes() - begun)
        return tracemalloc.get_traced_memory()[1] + most
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_table():
    """Ten times the rows, in one row group, or in one file of lines, take the same memory within a few pages."""
    noise = random.Random(7)
    rows = [{"content": noise.randbytes(5000).hex(), "path": f"{i}.py"} for i in range(3000)]
    few, many = (parquet(pa.Table.from_pylist(some).to_pydict(), write_batch_size=50) for some in (rows[:300], rows))
    for small, large in (
        (parquet_files(few, "t", 0, TableColumns()), parquet_files(many, "t", 0, TableColumns())),
        (
            line_files(lines(*rows[:300]), "t.jsonl", 0, None, TableColumns()),
            line_files(lines(*rows), "t.jsonl", 0, None, TableColumns()),
        ),
    ):
        first, second = growth(small), growth(large)
        assert second < first + 4_000_000, (first, second)
        assert second < 12_000_000, "the table is of 30 MB"


def test_owner_and_name_have_links_where_somebody_says_what_they_stand_below():
    rows = {"content": [GOOD], "path": ["a.py"], "repo": ["o/n"], "revision": ["3" * 40]}
    (pair,), _ = mine(parquet_files(parquet(rows), "t.parquet", 0, TableColumns()))
    assert pair.provenance.url is None
    columns = replace(TableColumns(), base_url="https://github.com/")
    (pair,), _ = mine(parquet_files(parquet(rows), "t.parquet", 0, columns))
    assert pair.provenance.url == f"https://github.com/o/n/blob/{'3' * 40}/a.py#L1-L4"
    rows["repo"] = ["https://gitlab.com/o/n"]
    (pair,), _ = mine(parquet_files(parquet(rows), "t.parquet", 0, columns))
    assert pair.provenance.url.startswith("https://gitlab.com/o/n/-/blob/")
