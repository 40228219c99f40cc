"""Ranks, metrics and known pairs, against values worked out by hand and against a plain reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from train import retrieval
from train.known_pairs import EqualKeys, KnownPairs, OwnRowOnly
from train.retrieval import METRICS, cosine_blocks, metric_values, ranks_of


def known_rows(anchors, positives, clusters=None) -> KnownPairs:
    """Rows with small integers for hashes; a cluster of None is null."""
    clusters = clusters or [None] * len(anchors)
    return KnownPairs(
        np.array(anchors, np.int64),
        np.array(positives, np.int64),
        np.array([c or 0 for c in clusters], np.int64),
        np.array([c is not None for c in clusters]),
    )


def ranks(scores, relevance) -> list[int]:
    matrix = torch.tensor(scores, dtype=torch.float32)
    [found] = ranks_of(lambda start, stop: matrix[start:stop].clone(), *matrix.shape, [relevance])
    return found.rank.tolist()


def plain_rank(scores, known: KnownPairs, query: int) -> int:
    """The rule once more, a candidate at a time."""
    ah, ph = known.anchor_hash, known.positive_hash
    best, wrong = -math.inf, []
    for other, score in enumerate(scores[query]):
        same_cluster = (
            known.has_cluster[query] and known.has_cluster[other] and known.cluster[query] == known.cluster[other]
        )
        if ph[query] == ph[other]:
            best = max(best, score)
        elif not (ah[query] == ah[other] or same_cluster or ah[query] == ph[other] or ph[query] == ah[other]):
            wrong.append(score)
    return 1 + sum(score >= best for score in wrong)


def test_ranks_worked_out_by_hand():
    scores = [[0.9, 0.1, 0.5], [0.9, 0.1, 0.5], [0.5, 0.5, 0.5]]
    assert ranks(scores, OwnRowOnly()) == [1, 3, 3]


def test_metrics_worked_out_by_hand():
    values = metric_values(np.array([1, 2, 4, 10, 11]))
    expected = {
        "mrr": [1, 1 / 2, 1 / 4, 1 / 10, 1 / 11],
        "recall@1": [1, 0, 0, 0, 0],
        "recall@5": [1, 1, 1, 0, 0],
        "recall@10": [1, 1, 1, 1, 0],
        "ndcg@10": [1, 1 / math.log2(3), 1 / math.log2(5), 1 / math.log2(11), 0],
    }
    assert tuple(expected) == METRICS
    for column, name in enumerate(METRICS):
        assert values[:, column] == pytest.approx(expected[name]), name


@given(st.integers(1, 40), st.data())
@settings(max_examples=30, deadline=None)
def test_ndcg_is_scikit_learns(right, data):
    size = data.draw(st.integers(max(right, 2), 60))
    truth, scores = np.zeros((1, size)), -np.arange(size, dtype=float)[None]
    truth[0, right - 1] = 1
    assert metric_values(np.array([right]))[0, METRICS.index("ndcg@10")] == pytest.approx(
        ndcg_score(truth, scores, k=10)
    )


small = st.integers(0, 3)


@given(st.integers(1, 12), st.data())
@settings(max_examples=150, deadline=None)
def test_ranks_are_the_plain_references(size, data):
    column = st.lists(small, min_size=size, max_size=size)
    known = known_rows(
        data.draw(column),
        data.draw(column),
        data.draw(st.lists(st.none() | st.integers(1, 3), min_size=size, max_size=size)),
    )
    scores = data.draw(st.lists(column, min_size=size, max_size=size))
    assert ranks(scores, known) == [plain_rank(scores, known, query) for query in range(size)]


@given(st.integers(2, 30), st.integers(1, 400), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_block_size_changes_nothing(size, block_bytes, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (size, size)).tolist()
    known = known_rows(rng.integers(0, 5, size), rng.integers(0, 5, size))
    whole = ranks(scores, known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "BLOCK_BYTES", block_bytes)
        assert ranks(scores, known) == whole


def test_a_model_that_embeds_everything_alike_ranks_last():
    same = np.tile(np.linspace(0.1, 1, 33, dtype=np.float32), (50, 1))
    [found] = ranks_of(cosine_blocks(same, same), 50, 50, [OwnRowOnly()])
    assert (found.rank == 50).all()


def test_scores_that_are_not_numbers_count_against_the_model():
    nan = float("nan")
    assert ranks([[nan, 0.1, 0.2], [nan, 0.3, 0.1], [0.1, 0.2, 0.9]], OwnRowOnly()) == [4, 2, 1]


def test_identical_texts_score_one_and_random_vectors_score_chance():
    rng = np.random.default_rng(7)
    one, other = rng.standard_normal((2, 1000, 16)).astype(np.float32)
    [same] = ranks_of(cosine_blocks(one, one), 1000, 1000, [OwnRowOnly()])
    assert (same.rank == 1).all()
    [chance] = ranks_of(cosine_blocks(one, other), 1000, 1000, [OwnRowOnly()])
    expected = (1 / np.arange(1, 1001)).mean()
    assert metric_values(chance.rank)[:, 0].mean() == pytest.approx(expected, rel=0.6)


def test_cosine_is_of_direction_alone_and_a_zero_vector_scores_zero():
    queries = np.array([[3, 0], [0, 0]], np.float32)
    candidates = np.array([[5, 0], [0, 2], [0, 0]], np.float32)
    assert cosine_blocks(queries, candidates)(0, 2).tolist() == [[1, 0, 0], [0, 0, 0]]


def test_equal_positives_are_right_for_each_other():
    # Row 1's positive is row 0's text: finding either is right.
    assert ranks([[0.1, 0.9, 0.5], [0.9, 0.1, 0.5], [0, 0, 1]], known_rows([1, 2, 3], [7, 7, 8])) == [1, 1, 1]


@pytest.mark.parametrize(
    "known",
    [
        known_rows([1, 1, 3], [7, 8, 9]),
        known_rows([1, 2, 3], [7, 8, 9], [5, 5, None]),
        known_rows([1, 2, 3], [2, 8, 9]),
        known_rows([1, 2, 3], [7, 1, 9]),
    ],
    ids=["equal anchors", "one cluster", "its positive is my anchor's row", "my anchor is its positive"],
)
def test_known_answers_are_left_out(known):
    scores = [[0.5, 0.9, 0.1], [0.9, 0.5, 0.1], [0.1, 0.2, 0.9]]
    assert ranks(scores, known) == [1, 1, 1]
    assert ranks(scores, OwnRowOnly()) == [2, 2, 1]


def test_null_clusters_equal_nothing():
    assert ranks([[0.5, 0.9], [0.9, 0.5]], known_rows([1, 2], [7, 8], [None, None])) == [2, 2]


def test_known_answers_are_counted_once_each():
    known = known_rows([1, 1, 3], [7, 7, 9], [5, 5, 6])
    [found] = ranks_of(lambda a, b: torch.zeros(b - a, 3), 3, 3, [known])
    assert found.known.tolist() == [2, 2, 1]


@given(st.lists(small), st.lists(st.tuples(small, st.booleans())))
@settings(max_examples=100, deadline=None)
def test_equal_keys_are_the_comparison_of_all_with_all(left, right):
    keys = np.array([key for key, _ in right], np.int64)
    valid = np.array([ok for _, ok in right], bool)
    rows, columns = EqualKeys(keys, valid).pairs(np.array(left, np.int64))
    expected = {(i, j) for i, a in enumerate(left) for j, (b, ok) in enumerate(right) if ok and a == b}
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == expected and len(rows) == len(expected)


def test_a_query_without_a_right_answer_is_an_error():
    class Nothing:
        def block(self, start, stop):
            none = np.zeros(0, np.int64)
            return (none, none), (none, none)

    with pytest.raises(ValueError, match="query 0 has no right candidate"):
        ranks_of(lambda a, b: torch.zeros(b - a, 2), 2, 2, [Nothing()])
