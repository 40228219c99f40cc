"""Paired differences of two models: their intervals against theory, and the command on models and on results."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.train.made_sets import write_word_model
from train.evaluate import main
from train.evaluation.comparison import compare
from train.evaluation.measured import MeanOf, Measured
from train.evaluation.result import read_found
from train.evaluation.summaries import CORRELATIONS
from train.journal import Journal

ITEMS = [f"q{i}" for i in range(400)]
HARD = np.random.default_rng(0).random(400)


def measured(values: np.ndarray, part: str = "en", **fields) -> Measured:
    settings = {"metrics": ("mrr",), "items": ITEMS, "values": np.asarray(values, np.float64).reshape(len(values), -1)}
    return Measured("retrieval", "made", "all-documents", part, "model", **(settings | fields))


def one_difference(a: Measured | MeanOf, b: Measured | MeanOf):
    [found] = compare([a], [b], 0, Journal(quiet=True))
    return found


def test_the_interval_is_of_the_differences_not_of_the_scores():
    """Hard items are hard for both: the paired interval is the normal one of the differences."""
    gain = np.random.default_rng(1).normal(0.01, 0.02, 400)
    found = one_difference(measured(HARD), measured(HARD + gain))
    half = 1.96 * gain.std() / np.sqrt(400)
    assert found.difference == pytest.approx(gain.mean())
    assert found.low == pytest.approx(gain.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(gain.mean() + half, abs=0.15 * half)
    assert found.is_real and found.verdict == "B is better"
    assert one_difference(measured(HARD + gain), measured(HARD)).verdict == "A is better"


def test_chance_is_called_real_once_in_twenty():
    rng = np.random.default_rng(2)
    real = [one_difference(measured(HARD), measured(HARD + rng.normal(0, 0.1, 400))).is_real for _ in range(30)]
    assert sum(real) <= 5  # chance 1/20 of each: more come once in a hundred seeds, and this is one seed


def test_items_are_paired_by_name():
    shuffled = np.random.default_rng(3).permutation(400)
    other = measured((HARD + 0.01)[shuffled], items=[ITEMS[i] for i in shuffled])
    found = one_difference(measured(HARD), other)
    assert found.low == pytest.approx(0.01) and found.high == pytest.approx(0.01)


def test_groups_are_drawn_as_a_whole():
    groups = np.repeat(np.arange(8), 50).astype(str)
    by_group = np.random.default_rng(4).normal(0.01, 0.05, 8)
    a, b = measured(HARD, groups=groups), measured(HARD + np.repeat(by_group, 50), groups=groups)
    wide = one_difference(a, b)
    narrow = one_difference(measured(HARD), measured(HARD + np.repeat(by_group, 50)))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_a_mean_of_lists_and_a_correlation_have_differences_too():
    a, b = ([measured(HARD + gain * k, part=p) for k, p in ((1, "en"), (3, "de"))] for gain in (0.0, 0.01))
    found = one_difference(MeanOf(tuple(a), "mean"), MeanOf(tuple(b), "mean"))
    assert found.difference == pytest.approx(0.02) and found.items == 800 and found.low == pytest.approx(0.02)
    noise = np.random.default_rng(5).normal(0, 1, (2, 400))
    fields = {"metrics": ("spearman", "pearson"), "summary": CORRELATIONS}
    strong, weak = (measured(np.column_stack([HARD + n, HARD]), **fields) for n in (0.2 * noise[0], noise[1]))
    spearman, pearson = compare([weak], [strong], 0, Journal(quiet=True))
    assert spearman.verdict == pearson.verdict == "B is better" and 0 < spearman.low < spearman.difference


def test_what_cannot_be_compared_is_noted():
    journal = Journal(quiet=True)
    a = [measured(HARD), measured(HARD, part="de")]
    b = [measured(HARD[:300], items=ITEMS[:300]), measured(HARD, part="fr")]
    assert compare(a, b, 0, journal) == []
    assert sum("only one of the two" in note for note in journal.notes) == 2
    assert any("on other items" in note for note in journal.notes)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, pair_set: Path, model: Path) -> tuple[Path, Path]:
    """The same word model, and one whose vectors were cut to a quarter of their width."""
    from safetensors.numpy import load_file, save_file

    small = write_word_model(tmp_path_factory.mktemp("models") / "small")
    [weights] = list(small.rglob("model.safetensors"))
    save_file({name: np.ascontiguousarray(w[:, :8]) for name, w in load_file(weights).items()}, weights)
    return small, model


@pytest.mark.slow
def test_models_and_results_give_the_same_differences(two, pair_set, tmp_path, capsys):
    small, large = two
    flags = ["--data", str(pair_set), "--protocol", "csn-full", "--strip-comments", "--device", "cpu", "--quiet"]
    for name, path in (("a", small), ("b", large)):
        assert main([str(path), *flags, "--output", str(tmp_path / f"{name}.json")]) == 0
    results = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    tables = []
    for names, more in ((results, []), ([str(small), str(large)], flags), ([results[0], str(large)], flags)):
        capsys.readouterr()
        output = tmp_path / "difference.json"
        assert main(["--compare", *names, *more, "--quiet", "--output", str(output)]) == 0
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1] == tables[2]
    told = json.loads(output.read_text())
    assert told["b"] == str(large)
    [mrr] = [d for d in told["differences"] if d["metric"] == "mrr" and d["part"] == "docstring_code/python"]
    assert mrr["is_real"], mrr
    assert mrr["low"] < mrr["difference"] < mrr["high"] and mrr["difference"] > 0.05
    assert re.search(r"docstring_code/python +comments removed +mrr .* B is better", tables[0])
    assert {d["part"] for d in told["differences"]} == {"docstring_code/python", "neighbor_text/en", "mean", "all"}


def test_a_result_is_read_as_it_was_written(two, pair_set, tmp_path):
    path = tmp_path / "scores.json"
    main([str(two[0]), "--data", str(pair_set), "--protocol", "csn-full", "--quiet", "--output", str(path)])
    name, found = read_found(path)
    rows = [row for row in json.loads(path.read_text())["rows"] if row["system"] == "model"]
    assert name == str(two[0]) and len(found) == len(rows)
    first = found[0]
    assert isinstance(first, Measured) and len(first.items) == rows[0]["items"] == 2005
    assert first.values.mean(0) == pytest.approx([score["value"] for score in rows[0]["scores"].values()])


def test_wrong_arguments_are_one_sentence(two, tmp_path, capsys):
    result = tmp_path / "a.json"
    result.write_text("{}")
    for argv, words in (
        (["--compare", str(result), str(result)], "has no a.items.parquet beside it"),
        ([str(two[0]), "--compare", str(result), str(result)], "names both models itself"),
        (["--compare", str(two[0]), str(two[1])], "say what to measure on"),
        (["--compare", str(two[0])], "expected 2 arguments"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(argv)
        err = capsys.readouterr().err
        assert stopped.value.code == 2 and words in err and err.count("\n") == 1
