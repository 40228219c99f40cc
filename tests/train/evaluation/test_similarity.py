"""Similarity of sentence pairs: correlations against scipy's, and files as they come."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from tests.train.made_sets import WORDS, row_of
from train.encoders import load_encoder
from train.evaluate import main
from train.evaluation.summaries import correlations

columns_of = st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 10)), min_size=3, max_size=40)


@given(columns_of)
@settings(max_examples=50, deadline=None)
def test_correlations_are_scipy_s(rows):
    values = np.array(rows, np.float64) / 10
    first, second = values.T
    assume(np.ptp(first) and np.ptp(second))
    wanted = [spearmanr(first, second).statistic, pearsonr(first, second).statistic]
    assert np.allclose(correlations(values), wanted, atol=1e-9)


def test_a_constant_correlates_with_nothing():
    assert correlations(np.column_stack([np.full(5, 0.1), np.arange(5)])).tolist() == [0.0, 0.0]


@pytest.fixture(scope="module")
def table() -> list[list[str]]:
    """120 pairs that share the more words the higher their score; the first is quoted in a CSV file."""
    rng = np.random.default_rng(3)
    lines = []
    for i in range(120):
        words = rng.choice(WORDS, 10, replace=False)
        shared = i % 6
        first, second = [*words[:5]], [*words[:shared], *words[5 : 10 - shared]]
        noise = rng.normal()
        lines.append([" ".join(first), ", ".join(second), f"{shared + noise:.3f}", "en" if i % 4 else "de"])
    return lines


def write(path: Path, table: list[list[str]], head: str, quote: str = "") -> Path:
    separator = "," if path.suffix == ".csv" else "\t"
    lines = [separator.join(f"{quote}{cell}{quote}" for cell in cells) for cells in table]
    path.write_text("\n".join([*([head.replace(" ", separator)] if head else []), *lines, ""]))
    return path


def rows_of(argv: list[str], folder: Path) -> list[dict]:
    output = folder / "scores.json"
    assert main([*argv, "--output", str(output), "--quiet", "--device", "cpu"]) == 0
    return json.loads(output.read_text())["rows"]


def test_scores_are_the_correlations_of_cosines(model, table, tmp_path):
    path = write(tmp_path / "sts.csv", table, "sentence1 sentence2 score language", quote='"')
    rows = rows_of([str(model), "--sts", str(path)], tmp_path)
    encoder = load_encoder(model)
    first, second = (encoder.encode([cells[k] for cells in table]) for k in (0, 1))
    cosines, scores = np.round((first * second).sum(1).astype(float), 6), [float(cells[2]) for cells in table]
    row = row_of(rows, system="model", part="all")
    wanted = {"spearman": spearmanr(cosines, scores).statistic, "pearson": pearsonr(cosines, scores).statistic}
    assert {name: score["value"] for name, score in row["scores"].items()} == pytest.approx(wanted, abs=1e-6)
    assert row["items"] == 120 and wanted["spearman"] > 0.5
    for row in rows:
        for score in row["scores"].values():
            assert score["low"] < score["value"] < score["high"]
    assert {(r["system"], r["part"]) for r in rows} == {
        (s, p) for s in ("model", "shared words") for p in ("all", "de", "en")
    }


@pytest.mark.slow
def test_tables_with_other_names_with_numbers_and_packed_are_the_same(model, table, tmp_path):
    import gzip

    table = table[:30]
    named = write(tmp_path / "named.tsv", table, "a b human language")
    bare = write(tmp_path / "bare.tsv", [cells[:3] for cells in table], "")
    semeval = tmp_path / "sts-test.csv"  # its name says CSV, and it is a table with tabs, in which quotes are quotes
    lines = [["main-captions", "MSRvid", "2012test", f"{i:04}", c[2], c[0], c[1]] for i, c in enumerate(table)]
    semeval.write_text("".join("\t".join([*cells, *(["CC"] * (i % 3))]) + "\n" for i, cells in enumerate(lines)))
    packed = tmp_path / "packed.tsv.gz"
    packed.write_bytes(gzip.compress(named.read_bytes()))
    calls = [
        [str(named), "--sts-columns", "a,b,human"],
        [str(bare), "--sts-columns", "1,2,3"],
        [str(semeval), "--sts-columns", "6,7,5"],
        [str(packed), "--sts-columns", "a,b,human"],
    ]
    found = [row_of(rows_of([str(model), "--sts", *c], tmp_path), system="model", part="all")["scores"] for c in calls]
    assert [s["spearman"]["value"] for s in found] == [found[0]["spearman"]["value"]] * 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sentence1\tsentence_2\tscore\na\tb\t1\n", r"sts.tsv, line 1: there is no column 'sentence2' .*nearest is"),
        ("sentence1\tsentence2\tscore\na\tb\n", r"sts.tsv, line 2: 2 columns, where line 1 names 3"),
        ("sentence1\tsentence2\tscore\na\tb\thigh\n", r"line 2: 'score' is 'high', where a number"),
        ("sentence1\tsentence2\tscore\na\tb\tnan\n", r"line 2: 'score' is nan, where a finite number"),
        ("sentence1\tsentence2\tscore\na\t \t1\n", r"line 2: 'sentence2' is empty"),
        ("sentence1\tsentence2\tscore\na\tb\t1\na\tc\t1\n", r"no two different scores"),
        ("", r"line 1: there is no column 'sentence1'; there is nothing"),
    ],
)
def test_a_mistake_in_a_table_names_file_and_line(text, words, model, tmp_path, capsys):
    path = tmp_path / "sts.tsv"
    path.write_text(text)
    with pytest.raises(SystemExit) as stopped:
        main([str(model), "--sts", str(path)])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and re.search(words, err) and err.count("\n") == 1


def test_columns_are_three(model, capsys):
    with pytest.raises(SystemExit):
        main([str(model), "--sts", "x.tsv", "--sts-columns", "a,b"])
    assert "not three names or numbers" in capsys.readouterr().err
