"""The searches against plain sorting, on vectors with many equal scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.encoder import normalize_rows
from train.negatives import nearest
from train.negatives.nearest import BlockSearch, FaissSearch
from train.negatives.word_search import WordSearch
from train.retrieval import TIE


def vectors(rng: np.random.Generator, count: int, dimension: int) -> np.ndarray:
    """Small whole numbers: their products are exact, and many are equal."""
    return rng.integers(-2, 3, (count, dimension)).astype(np.float32)


def sorted_best(scores: np.ndarray, left_out, count: int):
    """(candidates, scores) by a plain stable sort, filled up with -1."""
    scores = scores.copy()
    scores[left_out] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    best = np.take_along_axis(scores, order, 1)
    order[best == -np.inf] = -1
    width = count - order.shape[1]
    return np.pad(order, ((0, 0), (0, width)), constant_values=-1), np.pad(
        best, ((0, 0), (0, width)), constant_values=-np.inf
    )


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 70), st.integers(1, 12), st.integers(1, 40))
def test_blocks_find_what_sorting_finds(seed, queries, candidates, count, tile):
    rng = np.random.default_rng(seed)
    q, c = vectors(rng, queries, 3), vectors(rng, candidates, 3)
    left_out = np.nonzero(rng.random((queries, candidates)) < rng.random())
    before, nearest.TILE = nearest.TILE, tile
    try:
        found = BlockSearch(lambda start, stop: c[start:stop], candidates).best(q, left_out, count)
    finally:
        nearest.TILE = before
    wanted, scores = sorted_best(q @ c.T, left_out, count)
    np.testing.assert_array_equal(found.candidates, wanted)
    np.testing.assert_array_equal(found.scores, scores)


def test_faiss_finds_the_same():
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    c = normalize_rows(rng.standard_normal((3000, 16)))
    q = normalize_rows(rng.standard_normal((50, 16)))
    rows = rng.integers(0, 50, 20_000)
    rows[:2900] = 7  # one query with next to all candidates left out
    columns = rng.integers(0, 3000, 20_000)
    columns[:2900] = np.arange(2900)
    left_out = tuple(np.unique(np.stack([rows, columns]), axis=1))
    blocks = BlockSearch(lambda start, stop: c[start:stop], len(c)).best(q, left_out, 150)
    faiss = FaissSearch(lambda start, stop: c[start:stop], len(c), 16).best(q, left_out, 150)
    assert (blocks.candidates[7] >= 0).sum() < 150
    np.testing.assert_array_equal(faiss.candidates, blocks.candidates)
    np.testing.assert_allclose(faiss.scores, blocks.scores, atol=TIE)


def test_words_find_what_shares_the_rarest_ones():
    texts = ["alpha beta", "alpha gamma", "gamma gamma delta", "epsilon", "alpha beta zeta"]
    search = WordSearch(lambda start, stop: texts[start:stop], np.zeros(len(texts), bool))
    none = np.zeros(0, np.int64)
    found, own = search.best(
        ["beta delta", "unknown words"], np.zeros(2, bool), np.array([2, 0]), (np.array([0]), np.array([0])), 4
    )
    assert found.candidates.tolist() == [[2, 4, -1, -1], [-1] * 4]  # 0 is left out; what shares no word is not found
    assert own[0] == found.scores[0, 0] > found.scores[0, 1] > 0 and own[1] == 0
    again, _ = search.best(["beta delta"], np.zeros(1, bool), np.array([2]), (none, none), 1)
    assert again.candidates.tolist() == [[2]]


def test_code_is_cut_where_identifiers_are():
    texts = ["def parseHtmlFile(x): ...", "def other(y): ..."]
    search = WordSearch(lambda start, stop: texts[start:stop], np.ones(2, bool))
    none = np.zeros(0, np.int64)
    found, _ = search.best(["html"], np.ones(1, bool), np.array([1]), (none, none), 2)
    assert found.candidates.tolist() == [[0, -1]]
