"""Which layout a file is in, by its name, its folder or its first line; and the mend where it is in none."""

import json

import pytest
from datasets import Dataset

from miners.supervised.table_rows import Columns, parse_columns
from pipelines.importing.inputs import find_sources, shortest_names, split_named
from pipelines.options import UsageError


def layouts(*paths, wanted="auto", columns=()):
    found = find_sources([str(path) for path in paths], wanted, parse_columns(columns))
    return {source.name: source.layout.name if source.layout else "table" for source in found.read}


def test_msmarco_by_its_names(supervised_files):
    folder = supervised_files.msmarco(2)
    supervised_files.write("ms/triples.train.ids.small.tsv", ["1000\t0\t3"])
    supervised_files.write("ms/2019qrels-pass.txt", ["1001 Q0 1 2"])
    assert layouts(folder) == {
        "2019qrels-pass.txt": "qrels",
        "collection.tsv": "texts",
        "qidpidtriples.train.full.2.tsv": "id_triples",
        "qrels.train.tsv": "qrels",
        "queries.train.tsv": "texts",
        "triples.train.ids.small.tsv": "id_triples",
    }


def test_other_layouts_by_folder_and_first_line(supervised_files, tmp_path):
    beir, snli = supervised_files.beir(packed=".gz"), supervised_files.snli_json()
    assert layouts(beir) == {
        "corpus.jsonl.gz": "beir_corpus",
        "queries.jsonl.gz": "beir_queries",
        "test.tsv": "beir_qrels",
        "train.tsv": "beir_qrels",
    }
    assert layouts(snli, supervised_files.snli_txt(), wanted="snli") == {
        "snli_1.0_train.jsonl": "nli_json",
        "snli_1.0_train.txt": "nli_tsv",
    }
    assert layouts(supervised_files.code_search_net(), wanted="codesearchnet") == {"python_valid_0.jsonl.gz": "table"}
    Dataset.from_dict({"anchor": ["a"], "positive": ["b"]}).save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "saved" / "cache-1234.arrow").write_bytes(b"left over")
    assert layouts(tmp_path / "saved") == {"data-00000-of-00001.arrow": "table"}


def test_a_broken_first_line_does_not_hide_what_a_file_is(supervised_files):
    path = supervised_files.snli_json()
    path.write_bytes(b"{cut\n\xff\n" + path.read_bytes())
    assert layouts(path) == {"snli_1.0_train.jsonl": "nli_json"}


def test_what_is_left_out_of_a_folder_is_said(supervised_files):
    folder = supervised_files.msmarco(1)
    supervised_files.write("ms/notes.txt", ["no layout"])
    supervised_files.write("ms/other.jsonl", ['{"x": 1}'])
    left = find_sources([str(folder)], "auto", Columns()).left_out
    assert [path.rsplit("/", 1)[1] for path in left] == ["notes.txt", "other.jsonl"]


def test_the_same_file_twice_is_read_once(supervised_files):
    path = supervised_files.snli_json()
    assert len(find_sources([str(path), str(path.parent), f"{path.parent}/*"], "auto", Columns()).read) == 1


@pytest.mark.parametrize(
    ("files", "wanted", "columns", "told"),
    [
        ({"x.jsonl": ['{"question": "q"}']}, "auto", [], "--columns anchor=NAME positive=NAME"),
        ({"x.jsonl": ['{"question": "q"}']}, "table", [], "no column 'anchor', only question"),
        ({"x.csv": ["q,a"]}, "auto", ["anchor=q", "positive=answer"], "no column 'answer', only q, a"),
        ({"x.bin": ["?"]}, "auto", [], "name the layout with --format"),
        ({"x.tsv": ["1\t2"]}, "msmarco", [], "told by their names"),
        ({"x.jsonl": ["{}"]}, "snli", [], "gold_label, sentence1, sentence2"),
        ({"x.jsonl": ["{}"]}, "beir", [], "is a file; a data set of BEIR is a folder"),
        ({"qrels.dev.tsv": ["1\t0\t2\t1"]}, "auto", [], "no file with the passages and queries"),
        ({"qrels.dev.tsv": ["1\t0\t2\t1"], "queries.dev.tsv": ["1\tq"]}, "auto", [], "no file with the passages; add"),
        ({"collection.tsv": ["1\tx"], "queries.dev.tsv": ["1\tq"]}, "auto", [], "which passage answers which query"),
    ],
)
def test_errors_say_the_mend(supervised_files, files, wanted, columns, told):
    paths = [str(supervised_files.write(name, lines)) for name, lines in files.items()]
    with pytest.raises(UsageError, match=told):
        find_sources(paths, wanted, parse_columns(columns))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"manifest.json": "{}"}, "is a pair set already"),
        ({"notes.txt": "?"}, "holds no data set that is known"),
        ({"state.json": "{", "x.arrow": ""}, "is not what `save_to_disk` writes"),
        (
            {"state.json": json.dumps({"_data_files": [], "_indices_data_files": [{"filename": "i"}]}), "x.arrow": ""},
            "flatten_indices",
        ),
    ],
)
def test_folders_that_are_no_data_sets(tmp_path, files, told):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=told):
        find_sources([str(tmp_path)], "auto", Columns())


def test_a_path_that_is_not_there():
    with pytest.raises(UsageError, match="no file matches"):
        find_sources(["/nowhere/*.jsonl"], "auto", Columns())


def test_names_have_as_many_parts_as_tell_them_apart():
    assert shortest_names(["/d/a/x.tsv", "/d/b/x.tsv", "/d/y.tsv"]) == ["a/x.tsv", "b/x.tsv", "y.tsv"]
    assert shortest_names(["/one/x.tsv"]) == ["x.tsv"] and shortest_names([]) == []


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("snli_1.0_test.txt", "test"),
        ("multinli_1.0_dev_mismatched.jsonl", "validation"),
        ("queries.train.tsv", "train"),
        ("valid", "validation"),
        ("contest.jsonl", "train"),
        ("unsupervised", "train"),
    ],
)
def test_splits_by_name(name, split):
    assert split_named(name) == split
