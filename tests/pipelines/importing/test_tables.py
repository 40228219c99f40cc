"""Rows of tables, broken ones among them."""

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.importing.lines import BadRow, LineRange
from pipelines.importing.tables import column_names, table_rows, table_type


def rows(path, groups=(0,), columns=("a", "b")):
    items = list(table_rows(str(path), LineRange(), groups, columns))
    return [(item.number, item.reason) if isinstance(item, BadRow) else item for item in items]


def test_types_by_name():
    names = {"x.parquet": "parquet", "x.JSONL": "json", "x.csv.gz": "csv", "x.tsv.zst": "tsv", "x.arrow": "arrow"}
    assert {name: table_type(f"/f/{name}") for name in names} == names
    assert table_type("x.parquet.gz") is table_type("x.txt") is table_type("csv") is None


cells = st.text(st.sampled_from('ab",\n é'), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), max_size=6))
def test_csv_is_what_the_library_writes(tmp_path, written):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("a", "b"), *written])
    (tmp_path / "x.csv").write_text(text.getvalue(), newline="")
    assert [row for _, row in rows(tmp_path / "x.csv")] == [{"a": a, "b": b} for a, b in written]


def test_a_quote_too_many_costs_its_own_line(tmp_path):
    lines = ["a,b", "1,2", '3,"4', "5,6", 'x"y,"multi', "", 'line"', "7,8,9", '"q"z,1', "", "10,11"]
    (tmp_path / "x.csv").write_text("\ufeff" + "\r\n".join(lines), newline="")
    assert rows(tmp_path / "x.csv") == [
        (1, {"a": "1", "b": "2"}),
        (2, "bad_row"),
        (3, {"a": "5", "b": "6"}),
        (4, {"a": 'x"y', "b": "multi\n\nline"}),
        (7, "bad_row"),
        (8, "bad_row"),
        (10, {"a": "10", "b": "11"}),
    ]


def test_a_quote_that_never_ends(tmp_path):
    lines = ["a,b", '1,"2', *[f"{i},x" for i in range(2000)]]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    first, *others = rows(tmp_path / "x.csv")
    assert first == (1, "bad_row") and len(others) == 2000 and others[-1] == (2001, {"a": "1999", "b": "x"})


def test_tsv_knows_no_quotes(tmp_path):
    (tmp_path / "x.tsv").write_bytes(b'a\tb\n"1\t2\n3\n\xff\t4\n')
    assert rows(tmp_path / "x.tsv") == [(1, {"a": '"1', "b": "2"}), (2, "bad_row"), (3, "not_utf8")]


def test_json_lines(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n[2]\n{"a": \n')
    assert rows(tmp_path / "x.jsonl") == [(0, {"a": 1}), (2, "bad_row"), (3, "bad_row")]
    assert column_names(str(tmp_path / "x.jsonl")) == ["a"]


def bad_strings():
    offsets = pa.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 2, 4, 5)))
    return pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"ab\xff\xfec")])


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_bytes_that_are_no_text_cost_their_row(tmp_path, suffix):
    table = pa.table({"a": bad_strings(), "b": ["x", "y", "z"], "c": [1, 2, 3]})
    path = tmp_path / f"x.{suffix}"
    if suffix == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table)
    assert rows(path) == [(0, {"a": "ab", "b": "x"}), (1, "not_utf8"), (2, {"a": "c", "b": "z"})]


def test_row_groups_count_from_their_first_row(tmp_path):
    pq.write_table(pa.table({"a": list("wxyz"), "b": list("1234")}), tmp_path / "x.parquet", row_group_size=2)
    part = LineRange(first=2)
    assert [number for number, _ in table_rows(str(tmp_path / "x.parquet"), part, [1], ["a", "b"])] == [2, 3]


def test_both_formats_of_arrow_files_and_damage(tmp_path):
    table = pa.table({"a": ["x"] * 3, "b": ["y"] * 3})
    with pa.ipc.new_file(str(tmp_path / "f.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pa.ipc.new_stream(str(tmp_path / "s.arrow"), table.schema) as writer:
        writer.write_table(table)
        writer.write_table(table)
    assert rows(tmp_path / "f.arrow") == rows(tmp_path / "s.arrow")[:3]
    assert column_names(str(tmp_path / "f.arrow")) == column_names(str(tmp_path / "s.arrow")) == ["a", "b"]
    data = (tmp_path / "s.arrow").read_bytes()
    (tmp_path / "s.arrow").write_bytes(data[: len(data) * 3 // 4])
    assert rows(tmp_path / "s.arrow")[-1] == (3, "unreadable_file")
