"""Measures and tests of drift: against scipy and plain definitions, and honest about rows that depend on each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from miners.audit.drift import (
    Feature,
    category_drift,
    divergence,
    false_discoveries,
    group_p_values,
    holm,
    stability_index,
    value_bins,
    value_drift,
)

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=8)


@settings(max_examples=80)
@given(st.data())
def test_drift_of_labels_is_symmetric_and_none_between_equals(data):
    a = np.array(data.draw(COUNTS))
    b = np.array(data.draw(st.lists(st.integers(0, 500), min_size=len(a), max_size=len(a))))
    if not a.sum() or not b.sum():
        assert category_drift(a, b)["p_rows"] is None
        return
    there, back = category_drift(a, b), category_drift(b, a)
    for name in ("chi_square", "cramers_v", "p_rows", "jensen_shannon", "psi"):
        assert there[name] == pytest.approx(back[name], abs=1e-9)
    assert 0 <= there["jensen_shannon"] <= 1 + 1e-9 and 0 <= there["cramers_v"] <= 1 + 1e-9 and there["psi"] >= 0
    same = category_drift(a, 3 * a)
    assert same["chi_square"] == pytest.approx(0, abs=1e-6) and same["jensen_shannon"] == pytest.approx(0, abs=1e-9)


def test_labels_agree_with_the_definitions():
    a, b = np.array([900, 80, 20]), np.array([700, 200, 100])
    drift = category_drift(a, b)
    n, expected = 2000, np.outer([0.5, 0.5], a + b)
    chi_square = ((np.stack([a, b]) - expected) ** 2 / expected).sum()
    assert drift["chi_square"] == pytest.approx(chi_square)
    assert drift["cramers_v"] == pytest.approx((chi_square / n) ** 0.5)
    assert drift["p_rows"] == pytest.approx(stats.chi2.sf(chi_square, 2))
    p, q = (a + 0.5) / (a + 0.5).sum(), (b + 0.5) / (b + 0.5).sum()
    assert drift["psi"] == pytest.approx(float(((p - q) * np.log(p / q)).sum()))
    m = (a / 1000 + b / 1000) / 2
    halves = [stats.entropy(side / 1000, m, base=2) for side in (a, b)]
    assert drift["jensen_shannon"] == pytest.approx(sum(halves) / 2)
    assert divergence(np.array([5, 0]), np.array([0, 7])) == pytest.approx(1)
    assert stability_index(a, a) == 0


def test_values_agree_with_the_definitions():
    rng = np.random.default_rng(0)
    a, b = rng.normal(3, 1, 300), rng.normal(0, 1, 400)
    drift = value_drift(a, b)
    assert drift["ks"] == pytest.approx(stats.ks_2samp(a, b).statistic)
    above = (a[:, None] > b).mean() - (a[:, None] < b).mean()
    assert drift["cliffs_delta"] == pytest.approx(above)
    assert drift["wasserstein"] == pytest.approx(a.mean() - b.mean(), rel=0.02)
    assert drift["p_rows"] < 1e-50 and drift["psi"] > 1
    shifted = value_drift(b + 12, b)
    assert shifted["wasserstein"] == pytest.approx(12)
    assert value_drift(a, np.zeros(0))["ks"] is None


def clustered(rng, groups, rows, shift=0.0, across=1.0):
    """Values of two sets whose rows of one group are alike; the second set is `shift` higher."""
    group = np.repeat(np.arange(2 * groups), rows)
    values = across * rng.normal(size=2 * groups)[group] + rng.normal(size=len(group)) * 0.1
    of_other = group >= groups
    return group, of_other, values + shift * of_other


def test_groups_are_what_chance_moves():
    """With no change and 20 groups of 100 rows a side, tests by rows cry wolf nearly always, tests by groups do not."""
    by_rows, by_groups = [], []
    for seed in range(40):
        group, of_other, values = clustered(np.random.default_rng(seed), 20, 100)
        by_rows.append(stats.ks_2samp(values[~of_other], values[of_other]).pvalue)
        feature = Feature(value_bins(values), ordered=True)
        by_groups += group_p_values(group, of_other, [feature], seed, permutations=199)
    assert np.mean(np.array(by_rows) < 0.05) > 0.8
    assert np.mean(np.array(by_groups) < 0.05) < 0.2


def test_a_true_change_is_found_by_groups():
    rng = np.random.default_rng(1)
    group, of_other, values = clustered(rng, 60, 20, shift=2.0)
    labels = np.where(rng.random(len(values)) < np.where(of_other, 0.5, 0.2), 1, 0)
    nothing = rng.integers(0, 3, len(values))
    features = [Feature(value_bins(values), ordered=True), Feature(labels, False), Feature(nothing, False)]
    p = group_p_values(group, of_other, features, 0, 1999)
    assert p[0] == p[1] == pytest.approx(1 / 2000) and p[2] > 0.05


def test_groups_in_both_sets_are_swapped():
    """The same rows in both sets: no swap changes anything, so nothing is found."""
    group = np.tile(np.repeat(np.arange(50), 4), 2)
    of_other = np.arange(len(group)) >= 200
    values = np.tile(np.random.default_rng(0).normal(size=200), 2)
    assert group_p_values(group, of_other, [Feature(value_bins(values), True)], 0, 1999) == [1.0]
    longer = np.where(of_other, values + 1.5, values)  # every group's rows grew
    assert group_p_values(group, of_other, [Feature(value_bins(longer), True)], 0, 1999)[0] < 0.002


def test_rows_without_a_value_count_nowhere():
    values = np.array([1.0, np.nan, 2.0, 3.0, np.nan])
    assert (value_bins(values) == -1).tolist() == [False, True, False, False, True]
    assert (value_bins(np.full(3, np.nan)) == -1).all()


def test_corrections_agree_with_their_definitions():
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert false_discoveries(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert holm([]) == [] and false_discoveries([]) == []
