"""Every metric of rankings against its definition written out, on random rankings with graded judgements and ties."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.evaluation.trec_metrics import read_run, trec_values
from train.retrieval import TIE

METRICS = ("ndcg@10", "mrr@10", "mrr", "map", "recall@1", "recall@10", "recall@100", "ndcg@3")
DOCUMENTS = [f"d{i}" for i in range(30)]


def reference(ranking: dict[str, float], grades: dict[str, int], relevant_from: int) -> list[float]:
    """Järvelin and Kekäläinen's nDCG with linear gain, and the others as every textbook has them; ties worst first."""
    order = sorted(ranking, key=lambda d: (-ranking[d], grades.get(d, 0)))
    gains = [max(0, grades.get(document, 0)) for document in order]
    ideal = sorted((max(0, grade) for grade in grades.values()), reverse=True)
    right = [grades.get(document, 0) >= relevant_from for document in order]
    relevant = sum(grade >= relevant_from for grade in grades.values())

    def dcg(values: list[int], cut: int) -> float:
        return sum(value / math.log2(i + 2) for i, value in enumerate(values[:cut]))

    first = next((i for i, hit in enumerate(right) if hit), None)
    mrr = 0.0 if first is None else 1 / (first + 1)
    precisions = [sum(right[: i + 1]) / (i + 1) for i, hit in enumerate(right) if hit]
    recall = [sum(right[:cut]) / relevant for cut in (1, 10, 100)]
    ndcg = [dcg(gains, cut) / dcg(ideal, cut) for cut in (10, 3)]
    return [ndcg[0], mrr if mrr >= 0.1 else 0.0, mrr, sum(precisions) / relevant, *recall, ndcg[1]]


grades_of = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(0, 3), min_size=1)
ranking_of = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(-3, 3).map(lambda n: n / 4))


@given(st.lists(st.tuples(ranking_of, grades_of), min_size=1, max_size=4), st.integers(1, 2))
@settings(max_examples=150, deadline=None)
def test_metrics_equal_their_definitions(queries, relevant_from):
    queries = [(ranking, {**grades, "d0": 3}) for ranking, grades in queries]
    values = trec_values([r for r, _ in queries], [g for _, g in queries], METRICS, relevant_from)
    wanted = [reference(ranking, grades, relevant_from) for ranking, grades in queries]
    assert np.allclose(values, wanted, atol=1e-9)


def test_scores_nearer_than_a_tie_count_against_the_system():
    ranking = {"right": 0.5, "wrong": 0.5 - TIE / 2, "worse": 0.4}
    assert trec_values([ranking], [{"right": 1}], ("mrr",), 1).item() == 0.5


def test_a_model_that_gives_all_texts_one_vector_ranks_last():
    ranking = dict.fromkeys(DOCUMENTS, 1.0)
    assert trec_values([ranking], [{"d0": 1}], ("mrr", "ndcg@10"), 1).tolist() == [[1 / 30, 0.0]]


def test_a_run_file_is_read(tmp_path: Path):
    path = tmp_path / "first.run"
    path.write_text("q1 Q0 d2 1 7.5 bm25-anserini\nq1 Q0 d1 2 3 bm25-anserini\n\nq2 Q0 d1 1 1e-3 bm25-anserini\n")
    assert read_run(path, {"d1", "d2"}) == ("bm25-anserini", {"q1": {"d2": 7.5, "d1": 3.0}, "q2": {"d1": 0.001}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("q1 Q0 d2 1 7.5\n", r"first.run, line 1: 5 columns"),
        ("q1 Q0 d2 1 7.5 t\nq1 Q0 d2 2 7 t\n", r"line 2: the document 'd2' stands twice"),
        ("q1 Q0 d2 1 high t\n", r"line 1: 'score' is 'high', where a number is wanted"),
        ("q1 Q0 d2 1 nan t\n", r"line 1: 'score' is nan, where a finite number is wanted"),
        ("q1 Q0 d2 1 2 t\nq9 Q0 d7 1 2 t\n", r"line 2: 'd7' is no document of the set"),
        ("\n", "has no line"),
    ],
)
def test_a_mistake_in_a_run_file_names_its_line(text, words, tmp_path):
    path = tmp_path / "first.run"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_run(path, {"d2"})
