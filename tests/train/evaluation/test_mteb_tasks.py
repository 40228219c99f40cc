"""The model in the hands of the real mteb library: on tasks of its own that need no network, through its own cache."""

from __future__ import annotations

import builtins
import json

import numpy as np
import pytest

from train import evaluate
from train.evaluate import main
from train.evaluation import mteb_tasks


class Letters:
    """Counts of letters, so that equal texts are nearest; counts what it is asked for."""

    dimension = 64

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight
        self.sides: list[str] = []

    def encode(self, texts, side="anchor", batch_size=32):
        self.sides.append(side)
        counts = np.array([np.bincount([ord(c) % 64 for c in text], minlength=64) for text in texts], np.float32)
        counts[:, 1] += self.weight
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@pytest.fixture
def library(monkeypatch, tmp_path):
    """The library's own small tasks under their names, and its cache in a folder of the test's."""
    pytest.importorskip("mteb")
    from mteb.mocks import mock_tasks

    monkeypatch.setenv("MTEB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mteb_tasks, "library_task", lambda name: getattr(mock_tasks, name)())
    return tmp_path


def scores(tmp_path, encoder, monkeypatch, *names):
    monkeypatch.setattr(evaluate, "load_model", lambda *_: encoder)
    output = tmp_path / "scores.json"
    assert main(["some/model", "--mteb", *names, "--output", str(output), "--device", "cpu", "--quiet"]) == 0
    return json.loads(output.read_text())


@pytest.mark.slow
def test_scores_are_the_librarys(library, monkeypatch):
    import mteb

    encoder = Letters()
    names = ("MockClassificationTask", "MockRetrievalTask", "MockMultilingualSTSTask")
    result = scores(library, encoder, monkeypatch, *names)
    rows = {(row["data"], row["part"]): row for row in result["rows"]}
    assert {data for data, _ in rows} == {*names, "mteb"}
    by_hand = mteb.evaluate(
        mteb_tasks.library_model(encoder, "by/hand"), [mteb_tasks.library_task(name) for name in names], cache=None
    )
    for task in by_hand.task_results:
        row = rows[task.task_name, "all"]
        assert row["scores"]["main score"]["value"] == pytest.approx(task.get_score())
        assert row["scores"]["main score"]["low"] is None
    assert rows["MockRetrievalTask", "all"]["details"]["metric"] == "ndcg_at_10"
    assert len([1 for data, _ in rows if data == "MockMultilingualSTSTask"]) > 2
    mean = rows["mteb", "mean of 3 tasks"]["scores"]["main score"]["value"]
    assert mean == pytest.approx(np.mean([task.get_score() for task in by_hand.task_results]))
    assert {"anchor", "positive"} <= set(encoder.sides)
    assert result["tasks"]["mteb"]["mteb"] == mteb.__version__


def test_the_cache_knows_models_apart(library, monkeypatch):
    name = "MockRetrievalTask"
    first, same, other = Letters(), Letters(), Letters(5.0)
    scores(library, first, monkeypatch, name)
    scores(library, same, monkeypatch, name)
    assert len(same.sides) == 2 < len(first.sides)  # only the name was made of it: the scores came from the cache
    scores(library, other, monkeypatch, name)
    assert len(other.sides) == len(first.sides)
    assert list((library / "cache").rglob(f"{name}*.json"))


def refused(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("\n") == 1
    return error


def test_a_task_that_the_library_does_not_have(capsys):
    pytest.importorskip("mteb")
    assert "mteb has no task 'STS12x'" in refused(["some/model", "--mteb", "STS12x"], capsys)


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch, capsys):
    real = builtins.__import__

    def without(name, *rest):
        if name == "mteb":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "install pairmill[mteb]" in refused(["some/model", "--mteb", "STS12"], capsys)
