"""Evaluation files in the layouts that benchmarks have, and in broken ones."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from miners.contamination import repository_name
from miners.near_duplicates import CODE, TEXT
from pipelines.evaluation_texts import EvaluationTexts, evaluation_texts, find_evaluation_files
from pipelines.options import UsageError
from schemas.pair_set import read_pair_set
from schemas.side_hash import side_hash

MakePairSet = Callable[..., Path]


def read(*patterns: Path | str) -> EvaluationTexts:
    return evaluation_texts(find_evaluation_files([str(pattern) for pattern in patterns]), TEXT, CODE)


def benchmark_of(texts: EvaluationTexts, text: str, is_code: bool = False) -> str | None:
    found = (texts.hashes == side_hash(text, is_code=is_code)).nonzero()[0]
    return texts.names[texts.benchmarks[texts.hash_items[found[0]]]] if len(found) else None


def test_every_kind_of_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"q": "Short One", "n": 3, "more": {"x": ["deep  text"]}}\n\n')
    (tmp_path / "b.csv").write_text('q,n\nfrom csv,1\n"two\nlines",2\n')
    (tmp_path / "c.txt").write_text("first line\n\nshort one\n")
    (tmp_path / "d.tsv").write_text('sentence\tlabel\nsays "hello\tyes\n')
    (tmp_path / "e.json").write_text('[{"text": "from a list"}]')
    with gzip.open(tmp_path / "f.jsonl.gz", "wt") as file:
        file.write('{"text": "from gzip"}\n')
    pq.write_table(pa.table({"code": ["def f():  \r\n    pass"], "n": [1]}), tmp_path / "g.parquet")
    texts = read(*tmp_path.iterdir())
    for text, name in (
        ("SHORT ONE", "a"),
        ("deep text", "a"),
        ("from csv", "b"),
        ("two lines", "b"),
        ("first line", "c"),
        ('says "hello', "d"),
        ("from a list", "e"),
        ("from gzip", "f"),
    ):
        assert benchmark_of(texts, text) == name
    assert benchmark_of(texts, "def f():\n    pass", is_code=True) == "g"
    assert benchmark_of(texts, "") is None and benchmark_of(texts, "yes") is None
    assert sum(texts.items().values()) == len(texts.benchmarks) == 9


def test_a_folder_is_a_benchmark_and_its_subfolders_are_others(tmp_path: Path) -> None:
    for name in ("nfcorpus", "scifact"):
        (tmp_path / "beir" / name / "qrels").mkdir(parents=True)
        (tmp_path / "beir" / name / "corpus.jsonl").write_text(f'{{"_id": "d1", "text": "a passage of {name}"}}\n')
        (tmp_path / "beir" / name / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
        (tmp_path / "beir" / name / "README.md").write_text("about it")
    assert benchmark_of(read(tmp_path / "beir"), "a passage of scifact") == "beir/scifact"
    assert benchmark_of(read(f"{tmp_path}/beir/scifact/"), "a passage of scifact") == "scifact"
    assert benchmark_of(read(tmp_path / "beir"), "about it") is None


def test_a_pair_set_gives_its_sides_and_the_repositories_of_its_code(make_pair_set: MakePairSet) -> None:
    folder = make_pair_set(20, name="their-set")
    texts = read(folder)
    rows = read_pair_set(str(folder)).to_table().to_pylist()
    assert texts.names == ("their-set",)
    assert all(benchmark_of(texts, row["anchor"]) == "their-set" for row in rows)
    assert all(benchmark_of(texts, row["positive"], is_code=True) == "their-set" for row in rows)
    assert len(texts.benchmarks) == 2 * len(rows)
    assert set(texts.repositories) == {repository_name(row["group"]) for row in rows} - {None}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "{not json}\n"),
        ("a.parquet", "PAR0"),
        ("a.xml", "<a/>"),
        ("a.jsonl", b"\xff\xfe"),
        ("a.csv", b"\xff\xfe,\n"),
        ("a.jsonl.gz", b"\x1f\x8b\x08cut"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, content: str | bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match="evaluation texts"):
        read(path)


def test_the_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "fine"}\n{"text": \n')
    with pytest.raises(UsageError, match=r"a\.jsonl.*line 2"):
        read(tmp_path / "a.jsonl")
