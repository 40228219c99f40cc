from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.evaluation_texts import evaluation_hashes
from pipelines.options import UsageError
from schemas.side_hash import side_hash


def test_every_string_of_every_kind_of_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"q": "Short One", "n": 3, "more": {"x": ["deep  text"]}}\n\n')
    (tmp_path / "b.csv").write_text("q,n\nfrom csv,1\n")
    (tmp_path / "c.txt").write_text("first line\n\nshort one\n")
    pq.write_table(pa.table({"code": ["def f():  \r\n    pass"], "n": [1]}), tmp_path / "d.parquet")
    found = evaluation_hashes(tuple(str(path) for path in tmp_path.iterdir()))
    for text, name in (
        ("SHORT ONE", "a.jsonl"),
        ("deep text", "a.jsonl"),
        ("from csv", "b.csv"),
        ("first line", "c.txt"),
    ):
        assert found[side_hash(text, is_code=False)] == name
    assert found[side_hash("def f():\n    pass", is_code=True)] == "d.parquet"
    assert side_hash("", is_code=False) not in found


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", "{not json}\n"), ("a.parquet", "PAR0"), ("a.xml", "<a/>"), ("a.jsonl", b"\xff\xfe")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, content: str | bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match="evaluation texts"):
        evaluation_hashes((str(path),))
