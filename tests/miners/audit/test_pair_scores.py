"""Scores summed up: against plain numpy, and the same however the rows are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.audit.pair_scores import WORST, ScoreSummary, score_bin, score_edge, score_figures

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)


@given(st.lists(FLOATS, min_size=1, max_size=50))
def test_bins_ascend_and_hold_their_values(values):
    values = np.sort(np.array(values, np.float32))
    bins = score_bin(values)
    assert (np.diff(bins) >= 0).all()
    edges = score_edge(bins)
    assert (np.abs(edges) <= np.abs(values)).all()
    assert (np.abs(values - edges) <= np.maximum(np.abs(values.astype(np.float64)) / 127, 2e-38)).all()


def made(n=5000):
    rng = np.random.default_rng(0)
    kinds = rng.choice(["docstring_code", "neighbor_text"], n)
    sources = np.where(kinds == "neighbor_text", rng.choice(["web/en", "web/de"], n), "code/python").astype(object)
    ranks = np.minimum(rng.geometric(0.05, n), 400).astype(np.int32)
    ranks[rng.random(n) < 0.1] = 0
    return kinds.astype(object), sources, ranks, rng.normal(0.4, 0.3, n).astype(np.float32)


def test_figures_agree_with_plain_counts_however_they_are_cut():
    kinds, sources, ranks, scores = made()
    whole = ScoreSummary()
    for start in range(0, len(ranks), 700):
        part, at = ScoreSummary(), slice(start, start + 700)
        part.add(kinds[at], sources[at], ranks[at], scores[at], list(range(start, min(len(ranks), start + 700))))
        whole.merge(part)
    once = ScoreSummary()
    once.add(kinds, sources, ranks, scores, list(range(len(ranks))))
    shown = {i: {"row_id": f"{i}"} for i in range(len(ranks))}
    figures = score_figures(whole, shown, {"model": "m"})
    assert figures == score_figures(once, shown, {"model": "m"})
    known = ranks > 0
    assert (figures["pairs"], figures["missing"]) == (known.sum(), (~known).sum())
    assert figures["first_10"] == pytest.approx((ranks[known] <= 10).mean())
    assert figures["mrr"] == pytest.approx((1 / ranks[known]).mean())
    assert figures["median_score"] == pytest.approx(np.median(scores[known]), rel=0.02)
    for entry in figures["by_source"]:
        mine = known & (sources == entry["source"])
        assert entry["pairs"] == mine.sum() and entry["median_rank"] == np.sort(ranks[mine])[(mine.sum() - 1) // 2]
    for entry in figures["by_kind"]:
        mine = known & (kinds == entry["kind"])
        assert sum(b["pairs"] for b in entry["rank_bins"]) == sum(b["pairs"] for b in entry["score_bins"]) == mine.sum()
        order = np.lexsort((np.arange(mine.sum()), scores[mine], -ranks[mine].astype(int)))[:WORST]
        [worst] = [w["rows"] for w in figures["worst"] if w["kind"] == entry["kind"]]
        assert [(row["rank"], row["score"]) for row in worst] == [
            (ranks[mine][i], pytest.approx(float(scores[mine][i]))) for i in order
        ]


def test_no_row_has_a_score():
    summary = ScoreSummary()
    summary.add(np.array(["a"], object), np.array(["s"], object), np.zeros(1, np.int32), np.zeros(1, np.float32), [0])
    figures = score_figures(summary, {}, {})
    assert (figures["pairs"], figures["missing_share"], figures["worst"]) == (0, 1.0, [])
