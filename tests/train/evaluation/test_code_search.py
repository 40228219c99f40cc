"""Code search from the files of CodeSearchNet, of its cleaned sets and of CoSQA, against the protocols written out."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.train.made_sets import code_pair, row_of
from train.encoders import load_encoder
from train.evaluate import main
from train.retrieval import TIE

LANGUAGES = {"python": 2300, "ruby": 1100}


def csn_record(number: int, language: str) -> dict:
    pair = code_pair(number)
    return {
        "repo": pair.provenance.repo,
        "func_name": pair.provenance.symbol,
        "language": language,
        "code": pair.positive,
        "code_tokens": pair.positive.split(),
        "docstring": pair.anchor,
        "docstring_tokens": pair.anchor.split(),
        "url": f"https://{language}/{number}",
        "partition": "test",
    }


def write_lines(path: Path, records: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return path


@pytest.fixture(scope="module")
def csn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csn")
    for language, count in LANGUAGES.items():
        records = [csn_record(i, language) for i in range(count)]
        write_lines(folder / f"{language}_test_0.jsonl.gz", records)
    return folder


def rows_of(argv: list[str], folder: Path) -> list[dict]:
    output = folder / "scores.json"
    assert main([*argv, "--output", str(output), "--quiet", "--device", "cpu"]) == 0
    return json.loads(output.read_text())["rows"]


def strict_mrr(queries: np.ndarray, codes: np.ndarray, own: np.ndarray) -> float:
    """The papers' MRR: one right answer, every other candidate wrong, ties against us."""
    table = queries.astype(np.float64) @ codes.T.astype(np.float64)
    ranks = [(scores >= scores[right] - TIE).sum() for scores, right in zip(table, own, strict=True)]
    return float(np.mean(1 / np.array(ranks)))


def test_protocols_equal_themselves_written_out(csn, model, tmp_path):
    rows = rows_of([str(model), "--code-search", str(csn), "--protocol", "csn-1k,csn-10k,csn-full"], tmp_path)
    encoder = load_encoder(model)
    means = {"csn-1k": [], "csn-full": []}
    for language, count in LANGUAGES.items():
        records = [csn_record(i, language) for i in range(count)]
        queries = encoder.encode([record["docstring"] for record in records])
        codes = encoder.encode([record["code"] for record in records], side="positive")
        starts = range(0, count - 999, 1000)
        chunks = [strict_mrr(queries[s : s + 1000], codes[s : s + 1000], np.arange(1000)) for s in starts]
        wanted = {"csn-1k": np.mean(chunks), "csn-full": strict_mrr(queries, codes, np.arange(count))}
        for protocol, value in wanted.items():
            row = row_of(rows, protocol=protocol, part=language, system="model")
            assert row["scores"]["mrr_strict"]["value"] == pytest.approx(value, rel=1e-3)
            means[protocol].append(value)
        assert row_of(rows, protocol="csn-1k", part=language, system="bm25")["items_dropped"] == count % 1000
    for protocol, values in means.items():
        row = row_of(rows, protocol=protocol, part="mean", system="model")
        assert row["scores"]["mrr_strict"]["value"] == pytest.approx(np.mean(values), rel=1e-3)
    assert {row["protocol"] for row in rows} == {"csn-1k", "csn-full", "all-at-once"}
    assert not any(row["published"] for row in rows)  # these are not CodeSearchNet's own functions


def test_a_code_base_holds_candidates_that_nobody_asks_for(model, tmp_path):
    base = [csn_record(i, "ruby") for i in range(300)]
    asked = base[120:40:-1]
    folder = tmp_path / "ruby"
    write_lines(folder / "codebase.jsonl", base)
    write_lines(folder / "test.jsonl", asked)
    rows = rows_of([str(model), "--code-search", str(folder), "--protocol", "csn-full"], tmp_path)
    row = row_of(rows, system="model")
    encoder = load_encoder(model)
    queries = encoder.encode([" ".join(record["docstring_tokens"]) for record in asked])
    codes = encoder.encode([" ".join(record["code_tokens"]) for record in base], side="positive")
    assert row["items"] == 80 and row["details"]["candidates_per_query"] == 300
    wanted = strict_mrr(queries, codes, np.arange(120, 40, -1))
    assert row["scores"]["mrr_strict"]["value"] == pytest.approx(wanted, rel=1e-3)


def test_functions_of_another_partition_are_noted(model, tmp_path):
    valid = [csn_record(i, "go") | {"partition": "valid"} for i in range(20)]
    for records, noted in ((valid, True), ([csn_record(i, "go") for i in range(20)], False)):
        path = write_lines(tmp_path / "go_0.jsonl.gz", records)
        output = tmp_path / "scores.json"
        argv = [str(model), "--code-search", str(path), "--protocol", "csn-full", "--output", str(output)]
        assert main([*argv, "--quiet", "--device", "cpu"]) == 0
        notes = json.loads(output.read_text())["notes"]
        assert ("go_0.jsonl.gz holds functions of CodeSearchNet's valid, and papers measure its test" in notes) == noted


def write_cosqa(folder: Path) -> Path:
    records = [csn_record(i, "python") for i in range(400)]
    folder.mkdir()
    codes = {record["code"]: i for i, record in enumerate(records)}
    asked = [
        {
            "idx": f"cosqa-train-{i}",
            "doc": records[i]["docstring"],
            "code": records[i]["code"],
            "code_tokens": " ".join(records[i]["code_tokens"]),
            "docstring_tokens": " ".join(records[i]["docstring_tokens"]),
            "label": "1",
            "retrieval_idx": str(i),  # a number in the map, and a text here, in CoSQA's own files
        }
        for i in range(0, 400, 8)
    ]
    (folder / "code_idx_map.txt").write_text(json.dumps(codes))
    (folder / "cosqa-retrieval-test-500.json").write_text(json.dumps(asked))
    return folder


def test_cosqa_s_queries_search_all_functions(model, tmp_path):
    rows = rows_of([str(model), "--cosqa", str(write_cosqa(tmp_path / "cosqa"))], tmp_path)
    encoder = load_encoder(model)
    records = [csn_record(i, "python") for i in range(400)]
    queries = encoder.encode([records[i]["docstring"] for i in range(0, 400, 8)])
    codes = encoder.encode([record["code"] for record in records], side="positive")
    row = row_of(rows, system="model")
    assert row["items"] == 50 and row["details"]["documents"] == 400
    wanted = strict_mrr(queries, codes, np.arange(0, 400, 8))
    assert row["scores"]["mrr"]["value"] == pytest.approx(wanted, rel=1e-3)
    assert row_of(rows, system="bm25")["scores"]["recall@1"]["value"] > 0.95


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"docstring": ""}, r"x.jsonl, line 2: 'docstring' is empty"),
        ({"code": None}, r"x.jsonl, line 2: there is no field 'code'"),
        ({"language": 3}, r"x.jsonl, line 2: 'language' is int"),
    ],
)
def test_a_mistake_in_codesearchnet_s_files_names_file_and_line(change, words, model, tmp_path, capsys):
    path = write_lines(tmp_path / "x.jsonl", [csn_record(0, "go"), csn_record(1, "go") | change])
    with pytest.raises(SystemExit):
        main([str(model), "--code-search", str(path), "--protocol", "csn-full"])
    assert re.search(words, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "records", "words"),
    [
        ("codebase.jsonl", [csn_record(0, "go"), csn_record(0, "go")], r"line 2: the url .* stands on line 1 too"),
        ("test.jsonl", [csn_record(7, "go")], r"test.jsonl, line 1: the function .* is not in"),
        ("test.jsonl", [csn_record(0, "go") | {"docstring_tokens": "text"}], r"line 1: 'docstring_tokens' is no list"),
        ("test.jsonl", [csn_record(0, "go") | {"docstring_tokens": []}], r"line 1: 'docstring_tokens' is empty"),
        ("test.jsonl", [], "has no function to ask for"),
    ],
)
def test_a_mistake_in_a_cleaned_set_names_file_and_line(name, records, words, model, tmp_path, capsys):
    files = {"codebase.jsonl": [csn_record(0, "go"), csn_record(1, "go")], "test.jsonl": [csn_record(0, "go")]}
    for file, content in (files | {name: records}).items():
        write_lines(tmp_path / "go" / file, content)
    with pytest.raises(SystemExit):
        main([str(model), "--code-search", str(tmp_path / "go")])
    assert re.search(words, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([{"idx": "a", "doc": " ", "retrieval_idx": 1}], "entry 1: there is no text 'doc'"),
        ([{"idx": "a", "doc": "x", "retrieval_idx": 999}], "entry 1: 'retrieval_idx' 999 is no number"),
        ([{"idx": "a", "doc": "x", "retrieval_idx": 1}] * 2, "entry 2: the query 'a' stands twice"),
        ({}, "a JSON array with entries is wanted"),
    ],
)
def test_a_mistake_in_cosqa_s_files_names_file_and_entry(asked, words, model, tmp_path, capsys):
    folder = write_cosqa(tmp_path / "cosqa")
    (folder / "cosqa-retrieval-test-500.json").write_text(json.dumps(asked))
    with pytest.raises(SystemExit):
        main([str(model), "--cosqa", str(folder)])
    assert re.search(words, capsys.readouterr().err)


def test_functions_too_few_for_a_protocol_are_said_before_a_model_is_loaded(model, tmp_path, capsys):
    path = write_lines(tmp_path / "x.jsonl", [csn_record(i, "go") for i in range(30)])
    with pytest.raises(SystemExit):
        main([str(model), "--code-search", str(path), "--protocol", "csn-1k"])
    assert "too few for csn-1k" in capsys.readouterr().err
