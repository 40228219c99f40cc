"""Bootstrap intervals against what theory says of them."""

from __future__ import annotations

import numpy as np
import pytest

from train.evaluation.bootstrap import interval, resampled_means


def test_interval_of_a_large_sample_is_the_normal_one():
    values = np.random.default_rng(1).random((2000, 1))
    low, high = interval(resampled_means(values, [0]))
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low[0] == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert high[0] == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_same_seed_same_samples():
    values = np.random.default_rng(2).random((50, 3))
    assert (resampled_means(values, [3]) == resampled_means(values, [3])).all()
    assert (resampled_means(values, [3]) != resampled_means(values, [4])).any()


def test_a_constant_has_no_width():
    low, high = interval(resampled_means(np.full((10, 2), 0.25), [0]))
    assert low.tolist() == high.tolist() == [0.25, 0.25]


def test_queries_that_agree_within_groups_give_a_wider_interval_by_group():
    group_means = np.random.default_rng(3).random(20)
    groups = np.repeat(np.arange(20), 50)
    values = group_means[groups][:, None]
    by_query, by_group = (interval(resampled_means(values, [0], g)) for g in (None, groups))
    assert (by_group[1] - by_group[0])[0] > 4 * (by_query[1] - by_query[0])[0]


def test_groups_of_one_query_each_are_queries():
    values = np.random.default_rng(4).random((30, 2))
    names = np.array([f"{i:02}" for i in range(30)])
    assert np.allclose(resampled_means(values, [0]), resampled_means(values, [0], names))


def test_groups_weigh_by_their_queries():
    values = np.array([[1.0], [0.0], [0.0], [0.0]])
    means = resampled_means(values, [0], np.array(["a", "b", "b", "b"]))
    assert set(np.round(means[:, 0], 6)) == {0.0, 0.25, 1.0}
