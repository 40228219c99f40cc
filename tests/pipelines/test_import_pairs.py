"""The whole job on files in the published layouts: the rows, the ledger, the same rows however it runs."""

import json
import re
from collections import Counter

import pyarrow.dataset as ds
import pytest
from datasets import Dataset, DatasetDict, load_dataset

from pipelines.import_pairs import main
from pipelines.mine_job import MineUnit
from schemas.verify import faults


def imported(output, *arguments):
    """(rows, manifest) of an import that must end well and be whole."""
    assert main([*map(str, arguments), "--output", str(output), "--quiet"]) == 0
    assert list(faults(str(output))) == []
    manifest = json.loads((output / "manifest.json").read_text())
    data = sorted((output / "data").glob("*.parquet"))
    rows = [
        row | {"split": path.name.split("-")[0]} for path in data for row in ds.dataset(path).to_table().to_pylist()
    ]
    return rows, manifest


def stages(manifest):
    found = manifest["ledger"]["stages"]
    return {name: {**stage["dropped"], **stage["failed"]} for name, stage in found.items()}


def sides(rows):
    return {(row["anchor"], row["positive"]) for row in rows}


def test_msmarco(supervised_files, tmp_path):
    folder = supervised_files.msmarco(6)
    rows, manifest = imported(tmp_path / "out", "--input", folder, "--negatives", "2")
    assert sides(rows) == {(f"what is {i * 37}", f'Passage {i} says "that {i * 37}.') for i in range(6)}
    assert {row["source"] for row in rows} == {"query_passage/en"} and len({row["group"] for row in rows}) == 6
    given = [line.split("\t") for line in (folder / "qidpidtriples.train.full.2.tsv").read_text().splitlines()]
    passages = dict(line.split("\t") for line in (folder / "collection.tsv").read_text().splitlines())
    for row in rows:
        number = row["provenance"]["ordinal"]
        assert row["provenance"]["uri"].endswith("qrels.train.tsv") and row["anchor"] == f"what is {number * 37}"
        offered = {passages[wrong] for query, _, wrong in given if query == str(1000 + number)}
        assert set(row["negatives"]) <= offered and len(row["negatives"]) == 2 == len(row["negative_hashes"])
    assert stages(manifest) == {"line": {}, "record": {"not_sampled": 12}, "pair": {}}
    assert manifest["ledger"]["stages"]["line"]["read"] == 24 + 6 + 6 + 24
    assert manifest["ledger"]["stages"]["record"]["kept"] == 24 + 6 + 6 + 12


def test_msmarco_hostile_lines_cost_themselves_alone(supervised_files, tmp_path):
    write = supervised_files.write
    collection = ["0\tThe presence of it.", '1\tA "quote that opens', "", "2\tlatin \u00e9", "2\tagain", "3\t ", "4"]
    write("ms/collection.tsv", ["\ufeff" + collection[0], *collection[1:], b"5\tbad \xff\xfe", "6\ta\tb"], end="\r\n")
    write("ms/queries.dev.small.tsv", ["7\twho", "8\twhat", "9\t", "\t no id"])
    qrels = [
        "7\t0\t0\t1",
        "7 0 1 2",
        "7\t0\t1\t1",
        "8\t0\t2\t0",
        "8\t0\t99\t1",
        "8\t0\t3\t1",
        "9\t0\t0\t1",
        "8\t0\t2\tx",
    ]
    write("ms/qrels.dev.small.tsv", qrels)
    rows, manifest = imported(tmp_path / "out", "--input", tmp_path / "supervised" / "ms", "--keep-rejects")
    assert sides(rows) == {("who", "The presence of it."), ("who", 'A "quote that opens')}
    assert {row["split"] for row in rows} == {"validation"}
    assert stages(manifest) == {
        "line": {"not_utf8": 1, "bad_row": 4},
        "record": {"same_id": 1, "same_pair": 1, "not_positive": 1, "missing_text": 1},
        "pair": {"empty_side": 2},
    }
    told = {(entry["where"].rsplit("/", 1)[1], entry["reason"]) for entry in manifest["ledger"]["failures"]}
    assert told == {
        ("collection.tsv:7", "bad_row"),
        ("collection.tsv:8", "not_utf8"),
        ("collection.tsv:9", "bad_row"),
        ("queries.dev.small.tsv:4", "bad_row"),
        ("qrels.dev.small.tsv:8", "bad_row"),
        ("qrels.dev.small.tsv:5", "missing_text"),
    }
    rejects = ds.dataset(tmp_path / "out" / "rejects").to_table().to_pylist()
    assert Counter(row["reason"] for row in rejects) == Counter(
        {
            "bad_row": 4,
            "empty_side": 2,
            "not_utf8": 1,
            "same_id": 1,
            "same_pair": 1,
            "not_positive": 1,
            "missing_text": 1,
        }
    )


def test_msmarco_triples_of_texts_need_nothing_else(supervised_files, tmp_path):
    lines = ["a query\tright one\twrong one", "a query\tright one\twrong two", "a query\tright one\twrong one", "short"]
    path = supervised_files.write("triples.train.small.tsv.gz", lines)
    rows, manifest = imported(tmp_path / "out", "--input", path)
    assert [(row["anchor"], row["positive"], sorted(row["negatives"])) for row in rows] == [
        ("a query", "right one", ["wrong one", "wrong two"])
    ]
    assert stages(manifest) == {"line": {"bad_row": 1}, "record": {"same_negative": 1}, "pair": {}}


def test_msmarco_hard_negatives(supervised_files, tmp_path):
    folder = supervised_files.msmarco(2)
    for path in folder.glob("q*r*els*.tsv"):
        path.unlink()
    (folder / "qidpidtriples.train.full.2.tsv").unlink()
    lines = [
        {"qid": 1000, "pos": [0, 1], "neg": {"bm25": [2, 3], "msmarco-distilbert-base-tas-b": [3, 1]}},
        {"qid": 1001, "pos": [], "neg": {}},
        {"qid": 1001, "neg": "none"},
    ]
    supervised_files.write("ms/msmarco-hard-negatives.jsonl.gz", [json.dumps(line) for line in lines])
    rows, manifest = imported(tmp_path / "out", "--input", folder)
    assert len(rows) == 2 and all({text[:9] for text in row["negatives"]} == {"Passage 2", "Passage 3"} for row in rows)
    assert stages(manifest)["record"] == {"known_positive": 1, "no_positive": 1} and stages(manifest)["line"] == {
        "bad_row": 1
    }


@pytest.mark.parametrize("layout", ["snli_json", "snli_txt"])
def test_snli(supervised_files, tmp_path, layout):
    path = getattr(supervised_files, layout)()
    rows, manifest = imported(tmp_path / "out", "--input", path, "--negatives", "1")
    premise = "A person on a horse jumps over a broken down airplane."
    assert sides(rows) == {
        (premise, "A person is outdoors, on a horse."),
        ("Children smiling and waving at camera", "There are children present."),
    }
    first = next(row for row in rows if row["anchor"] == premise)
    assert first["negatives"] in (["At a diner."], ["Nobody rides."]) and first["kind"] == "nli"
    assert stages(manifest)["record"] == {"neutral": 1, "no_gold_label": 1, "no_positive": 1, "not_sampled": 1}


@pytest.mark.slow
def test_multinli_and_seeds(supervised_files, tmp_path):
    header = ["index", "promptID", "pairID", "genre", "sentence1", "sentence2", "label1", "gold_label"]
    rows = [
        [str(i), "31193", f"31193{i}c", "fiction", "Some premise", f"wrong {i}", "x", "contradiction"]
        for i in range(20)
    ]
    rows.append(["20", "31193", "31193e", "fiction", "Some premise", "It follows", "x", "entailment"])
    rows.append(["21", "31193", "31193n", "fiction", "Some premise", "bad label", "x", "hidden"])
    path = supervised_files.write("MNLI/dev_matched.tsv", ["\t".join(row) for row in [header, *rows]])
    samples = []
    for seed in (0, 0, 1):
        made, manifest = imported(tmp_path / "out", "--input", path, "--negatives", "3", "--seed", seed, "--overwrite")
        assert len(made) == 1 and len(set(made[0]["negatives"])) == 3 and made[0]["split"] == "validation"
        samples.append(made[0]["negatives"])
    assert samples[0] == samples[1] != samples[2]
    assert stages(manifest) == {"line": {"bad_row": 1}, "record": {"not_sampled": 17}, "pair": {}}


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_beir_folders(supervised_files, tmp_path, packed):
    supervised_files.beir("scifact", packed=packed)
    supervised_files.beir("nfcorpus")
    supervised_files.write("README.md", ["no data"])
    rows, manifest = imported(tmp_path / "out", "--input", tmp_path / "supervised")
    assert len(rows) == 6 and len({row["row_id"] for row in rows}) == 6 and len({row["group"] for row in rows}) == 6
    assert sides(rows) == {
        ("question 0", "Title 0 Text number 0."),
        ("question 1", "Title 1 Text number 1."),
        ("question 2", "Title 3 Text number 3."),
    }
    assert Counter(row["split"] for row in rows) == {"train": 4, "test": 2}
    assert {row["source"] for row in rows} == {"query_passage"} and rows[0]["language"] is None
    assert stages(manifest)["record"] == {"not_positive": 2}
    loaded = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(part) for split, part in loaded.items()} == {"train": 4, "test": 2}


def test_code_search_net(supervised_files, tmp_path):
    rows, manifest = imported(tmp_path / "out", "--input", supervised_files.code_search_net())
    by_name = {row["provenance"]["symbol"]: row for row in rows}
    assert set(by_name) == {"Files.remove", "Files.size"} and stages(manifest)["pair"] == {"empty_side": 1}
    row = by_name["Files.remove"]
    assert row["anchor"] == "Removes the file at the path." == row["provenance"]["docstring_raw"]
    assert row["positive"] == "def remove(self, path):\n        os.remove(path)"
    assert (row["kind"], row["language"], row["group"]) == ("docstring_code", "python", "owner/project")
    assert (row["split"], by_name["Files.size"]["split"]) == ("validation", "train")
    assert (row["provenance"]["start_line"], row["provenance"]["end_line"]) == (12, 14)
    assert row["provenance"]["revision"] == "0f7a1cf3a0e5c9a1d2a8f8b6f1c2d3e4f5a6b7c8"


def test_tables_of_every_kind_give_the_same_pairs(supervised_files, tmp_path):
    data = {
        "question": ["q1", "q2"],
        "answer": ["a\n\n1", 'a "2"'],
        "wrong": [["w1", "w2", " "], []],
        "site": ["s.org", None],
    }
    table = Dataset.from_dict(data)
    folder = supervised_files.folder
    folder.mkdir()
    table.to_parquet(str(folder / "t.parquet"))
    table.to_json(str(folder / "t.jsonl"))
    table.remove_columns("wrong").to_csv(str(folder / "t.csv"))
    DatasetDict({"train": table, "validation": table}).save_to_disk(str(folder / "saved"))
    named = ["--columns", "anchor=question", "positive=answer", "group=site"]
    for name, copies in (("t.parquet", 1), ("t.jsonl", 1), ("t.csv", 1), ("saved", 2)):
        extra = [] if name == "t.csv" else ["negatives=wrong"]
        rows, _ = imported(tmp_path / name, "--input", folder / name, *named, *extra, "--kind", "query_passage")
        assert len(rows) == 2 * copies and sides(rows) == {("q1", "a\n\n1"), ("q2", 'a "2"')}, name
        assert {row["anchor"]: row["group"] for row in rows}["q1"] == "s.org"
        assert all(row["group"] == row["row_id"] for row in rows if row["anchor"] == "q2")
        assert Counter(row["split"] for row in rows) == ({"train": 2, "validation": 2} if copies == 2 else {"train": 2})
        if extra:
            assert {row["anchor"]: row["negatives"] for row in rows} == {"q1": ["w1", "w2"], "q2": []}


@pytest.mark.slow
def test_the_same_rows_with_any_number_of_workers_and_after_a_stop(supervised_files, tmp_path, monkeypatch):
    inputs = [
        supervised_files.msmarco(40, packed=".gz"),
        supervised_files.snli_json(),
        supervised_files.code_search_net(),
    ]
    monkeypatch.setattr("pipelines.import_pairs.PARTITION_BYTES", 1 << 9)
    found = [
        imported(tmp_path / f"out{workers}", "--input", *inputs, "--workers", workers, "--seed", "5")[1]
        for workers in (1, 2)
    ]
    assert found[0]["data_id"] == found[1]["data_id"] and found[0]["ledger"]["stages"] == found[1]["ledger"]["stages"]
    whole, calls = MineUnit.process, []

    def dies(self, unit):
        calls.append(unit)
        if len(calls) == 12:
            raise RuntimeError("the machine went away")
        yield from whole(self, unit)

    arguments = ["--input", *map(str, inputs), "--output", str(tmp_path / "again"), "--seed", "5", "--quiet"]
    with monkeypatch.context() as patch:
        patch.setattr(MineUnit, "process", dies)
        assert main([*arguments, "--workers", "1"]) == 1
    done = len(list((tmp_path / "again" / "units").iterdir()))
    assert done > 0 and not (tmp_path / "again" / "manifest.json").exists()
    assert main(arguments) == 2 and main([*arguments, "--resume", "--negatives", "3"]) == 2
    _, manifest = imported(tmp_path / "again", "--input", *inputs, "--seed", "5", "--resume")
    assert manifest["data_id"] == found[0]["data_id"] and not (tmp_path / "again" / "_temp").exists()


@pytest.mark.slow
def test_a_resumed_run_does_without_the_temporary_files_that_are_gone(supervised_files, tmp_path, monkeypatch):
    folder = supervised_files.msmarco(10)
    arguments = ["--input", str(folder), "--output", str(tmp_path / "out"), "--temp", str(tmp_path / "temp"), "--quiet"]
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.importing.passes.join", lambda *_: 1 / 0)
        assert main(arguments) == 1
    for file in (tmp_path / "temp").rglob("*"):
        if file.is_file():
            file.unlink()
    for below in (tmp_path / "temp").iterdir():
        below.rmdir()
    assert main([*arguments, "--resume"]) == 0
    assert ds.dataset(tmp_path / "out" / "data").count_rows() == 10 and not list((tmp_path / "temp").iterdir())


def test_a_release_that_lies_there_in_two_layouts_is_taken_once(supervised_files, tmp_path):
    supervised_files.snli_json()
    rows, manifest = imported(tmp_path / "out", "--input", supervised_files.snli_txt().parent)
    assert len(rows) == 2 and {row["provenance"]["uri"].rsplit(".", 1)[1] for row in rows} == {"jsonl"}
    found = stages(manifest)["record"]
    assert (found["same_pair"], found["same_negative"]) == (2, 2)


def test_a_set_without_rows(supervised_files, tmp_path):
    path = supervised_files.write("empty.jsonl", [])
    assert main(["--input", str(path), "--output", str(tmp_path / "out"), "--quiet"]) == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["files"] == []


@pytest.mark.slow
def test_dry_run_estimates_what_the_job_then_writes(supervised_files, tmp_path, capsys):
    folder = supervised_files.msmarco(300)
    lines = [json.dumps({"anchor": f"question {i}", "positive": f"answer {i * 7919}"}) for i in range(2000)]
    table = supervised_files.write("table.jsonl.gz", lines)
    for name, path in (("a", folder), ("b", table), ("c", supervised_files.snli_json())):
        output = tmp_path / name
        assert main(["--input", str(path), "--output", str(output), "--dry-run"]) == 0
        said = capsys.readouterr().out
        assert not output.exists() and "nothing was written" in said
        rows = int(re.search(r"output: ([\d,]+) rows", said)[1].replace(",", ""))
        assert main(["--input", str(path), "--output", str(output), "--quiet"]) == 0
        there = ds.dataset(output / "data").count_rows()
        assert 0.7 * there <= rows <= 1.5 * there


def test_wrong_arguments_are_a_sentence(supervised_files, tmp_path, capsys):
    path = str(supervised_files.write("x.jsonl", ['{"q": 1}']))
    for arguments, told in (
        (["--input", path], "--columns anchor=NAME"),
        (["--input", path, "--negatives", "-1"], "0 or more"),
        (["--input", path, "--columns", "query=q"], "the roles are"),
        (["--input", path, "--format", "bier"], "invalid choice"),
        (["--input", path, "--recipe", "x"], "--recipe"),
    ):
        assert main([*arguments, "--output", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1 and not (tmp_path / "out").exists()
