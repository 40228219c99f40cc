"""Known false negatives: held against counting by hand, and the curve against drawn batches."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.audit.false_negatives import BATCHES, batch_rates, hit_chance, partners, rates_of

ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=25)


def columns(rows):
    return tuple(np.array(column, dtype=np.uint64) for column in zip(*rows, strict=True))


def are_false_negatives(one, other):
    same_side = bool({one[0], one[1]} & {other[0], other[1]})
    return same_side or one[2] == other[2]


@given(ROWS)
def test_partners_are_those_found_by_comparing_all_rows(rows):
    found = partners(*columns(rows))
    for i, row in enumerate(rows):
        others = rows[:i] + rows[i + 1 :]
        assert found["any"][i] == sum(are_false_negatives(row, other) for other in others)
        assert found["same_anchor"][i] == sum(row[0] == other[0] for other in others)
        assert found["same_positive"][i] == sum(row[1] == other[1] for other in others)
        assert found["same_cluster"][i] == sum(row[2] == other[2] for other in others)


def test_a_page_of_three_pairs_meets_its_neighbours():
    chain = columns([(1, 2, 10), (2, 3, 11), (3, 4, 12)])
    assert partners(*chain)["any"].tolist() == [1, 2, 1]


@given(st.integers(2, 60), st.data())
def test_the_chance_is_the_hypergeometric_one(n, data):
    m = data.draw(st.integers(0, n - 1))
    batch = data.draw(st.integers(1, n))
    exact = 1 - comb(n - 1 - m, batch - 1) / comb(n - 1, batch - 1)
    assert hit_chance(np.array([m]), n, batch)[0] == pytest.approx(exact, abs=1e-9)


def test_drawn_batches_agree_with_the_curve():
    rng = np.random.default_rng(1)
    n, batch = 3000, 256
    anchor = rng.integers(0, 2000, n).astype(np.uint64)
    rows = (anchor, np.arange(10_000, 10_000 + n, dtype=np.uint64), np.arange(n, dtype=np.uint64) + np.uint64(50_000))
    [rate] = [r for r in batch_rates({"s": rows}, {"s": n}) if r.batch == batch]
    sizes = [np.unique(anchor[rng.choice(n, batch, replace=False)], return_counts=True)[1] for _ in range(400)]
    hit = np.mean([size[size > 1].sum() / batch for size in sizes])
    met = np.mean([(size**2).sum() / batch - 1 for size in sizes])
    assert rate.rows_hit == pytest.approx(hit, rel=0.05)
    assert rate.per_row == pytest.approx(met, rel=0.05)


def test_a_sample_of_rows_estimates_the_whole():
    rng = np.random.default_rng(2)
    n = 100_000
    anchor = rng.zipf(1.6, n).astype(np.uint64)
    own = np.arange(n, dtype=np.uint64)
    whole = (anchor, own + np.uint64(1 << 40), own + np.uint64(1 << 50))
    kept = rng.random(n) < 0.2
    sample = tuple(column[kept] for column in whole)
    for exact, estimate in zip(batch_rates({"s": whole}, {"s": n}), batch_rates({"s": sample}, {"s": n}), strict=True):
        if exact.batch <= kept.sum():
            assert estimate.rows_hit == pytest.approx(exact.rows_hit, abs=0.02)


def test_sources_are_weighed_by_their_rows_and_a_small_one_is_a_batch_of_all_its_rows():
    twins = np.array([1, 1])
    singles = np.zeros(6, dtype=int)
    curve = rates_of({"twins": twins, "singles": singles}, {"twins": 2, "singles": 6})
    assert [r.batch for r in curve] == list(BATCHES)
    assert all(r.rows_hit == pytest.approx(0.25) and r.per_row == pytest.approx(0.25) for r in curve)


def test_no_rows_have_no_curve():
    assert rates_of({}, {}) == []
