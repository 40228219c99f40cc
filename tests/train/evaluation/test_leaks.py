"""Evaluation items that stand in the training set: found, counted, and left out of a second score."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from schemas import Pair, Provenance, make_pair
from tests.train.made_sets import WORDS, code_pair, row_of, write_set
from train.evaluate import main
from train.evaluation.leaks import Leaks, find_leaks
from train.evaluation.measured import MeanOf, Measured
from train.evaluation.task import ItemTexts
from train.journal import Journal

LONG = " ".join(WORDS[:20])


def text_row(number: int, anchor: str, positive: str) -> Pair:
    return make_pair(
        kind="neighbor_text",
        language="en",
        anchor=anchor,
        positive=positive,
        place=("w", number),
        group=f"g{number}",
        provenance=Provenance(),
    )


@pytest.fixture(scope="module")
def train_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        text_row(0, "A Query that   stands there.", LONG),
        *(code_pair(i) for i in range(40)),
        text_row(1, "something else entirely, of other words", "and its answer"),
    ]
    return write_set(tmp_path_factory.mktemp("train") / "set", train=rows, test=[code_pair(700)])


def leaks_of(train_set: Path, **items: ItemTexts):
    return find_leaks(str(train_set), {("set", name): texts for name, texts in items.items()}, Journal(quiet=True))


def test_equal_and_near_items_are_found_and_no_others(train_set):
    near = LONG.replace(WORDS[19], "changed")
    code = code_pair(7).positive
    leaks = leaks_of(
        train_set,
        equal=ItemTexts(("a query that stands THERE.",)),
        answer=ItemTexts(("unseen", code), (False, True)),
        near=ItemTexts((near,)),
        far=ItemTexts((" ".join(LONG.split()[::-1]),)),
        half=ItemTexts((" ".join(LONG.split()[:10]),)),
        as_text=ItemTexts((code,)),
        test_split=ItemTexts((code_pair(700).anchor,)),
    )
    assert {name for _, name in leaks.equal} == {"equal", "answer"}
    assert {name for _, name in leaks.near} == {"near"}
    assert leaks.items == 7 and leaks.as_json()["equal"] == 2 and leaks.as_json()["near"] == 1


def test_leaked_items_are_left_out_of_lists_and_of_their_means():
    def measured(part: str, items: list[str]) -> Measured:
        values = np.arange(len(items), dtype=np.float64)[:, None]
        return Measured("retrieval", "set", "all-documents", part, "model", ("mrr",), items, values)

    leaks = Leaks("train", "0", 5, frozenset({("set", "b")}), frozenset({("set", "d"), ("other", "a")}))
    some, none, all_of_them = measured("en", ["a", "b", "c"]), measured("de", ["e"]), measured("fr", ["d", "b"])
    mean, hollow, untouched = (MeanOf(parts, "mean") for parts in ((some, none), (some, all_of_them), (none,)))
    clean, mean_of_clean = leaks.left_out([some, none, all_of_them, mean, hollow, untouched])
    assert isinstance(clean, Measured) and isinstance(mean_of_clean, MeanOf)
    assert list(clean.items) == ["a", "c"] and clean.values.tolist() == [[0.0], [2.0]]
    assert [id(part) for part in mean_of_clean.parts] == [id(clean), id(none)]


def test_the_score_is_given_with_and_without(train_set, model, tmp_path, capsys):
    test = write_set(tmp_path / "eval", train=[code_pair(900)], test=[code_pair(i) for i in range(100)])
    output = tmp_path / "scores.json"
    argv = [str(model), "--data", str(test), "--protocol", "csn-full", "--train-set", str(train_set)]
    assert main([*argv, "--strip-comments", "--output", str(output), "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(output.read_text())
    kept, clean = (row_of(result["rows"], system="model", leaked=leaked) for leaked in ("kept", "left out"))
    assert kept["items"] == 100 and clean["items"] == 100 - result["leaks"]["equal"] - result["leaks"]["near"]
    assert result["leaks"]["equal"] == 40 and clean["items"] > 20
    assert clean["details"] == kept["details"]
    assert f"holds {100 - clean['items']} of 100 evaluation items: 40 equal" in err
    assert "comments removed, leaked items left out" in out


def test_a_set_that_leaks_nothing_has_no_second_score(train_set, model, tmp_path):
    test = write_set(tmp_path / "eval", train=[code_pair(1)], test=[code_pair(i) for i in range(1200, 1230)])
    output = tmp_path / "scores.json"
    argv = [str(model), "--data", str(test), "--protocol", "csn-full", "--train-set", str(train_set)]
    assert main([*argv, "--output", str(output), "--quiet"]) == 0
    result = json.loads(output.read_text())
    assert {row["leaked"] for row in result["rows"]} == {"kept"} and result["leaks"]["equal"] == 0


def test_a_set_without_train_rows_is_refused(model, tmp_path, capsys):
    test = write_set(tmp_path / "eval", test=[code_pair(i) for i in range(30)])
    with pytest.raises(SystemExit):
        main([str(model), "--data", str(test), "--protocol", "csn-full", "--train-set", str(test)])
    assert "has no rows of split train" in capsys.readouterr().err
