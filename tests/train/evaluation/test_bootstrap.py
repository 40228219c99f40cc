"""Bootstrap intervals against what theory says of them."""

from __future__ import annotations

import numpy as np
import pytest

from train.evaluation.bootstrap import interval, resampled, resampled_means
from train.evaluation.measured import MeanOf, Measured


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


def test_a_mean_is_as_uncertain_as_the_groups_of_its_parts():
    """One part has groups whose items agree, the other is one group: the mean's interval is not that of items alone."""
    levels = np.random.default_rng(5).random(10)

    def part(name: str, values: np.ndarray, groups: np.ndarray) -> Measured:
        items = [f"{name}{i}" for i in range(len(values))]
        fields = {"items": items, "values": values[:, None], "groups": groups.astype(str)}
        return Measured("retrieval", "set", "all-documents", name, "model", ("mrr",), **fields)

    grouped = part("a", np.repeat(levels, 40), np.repeat(np.arange(10), 40))
    alone = part("b", np.random.default_rng(6).random(400), np.zeros(400))
    mean = MeanOf((grouped, alone), "mean")
    samples = {by_group: resampled(mean, 0, by_group) for by_group in (False, True)}
    of_part = resampled(grouped, 0, True)
    assert samples[True] is not None and samples[False] is not None and of_part is not None
    assert samples[True].std() > 3 * samples[False].std()
    assert samples[True].std() == pytest.approx(of_part.std() / 2, rel=0.2)
    assert resampled(MeanOf((alone, alone), "mean"), 0, True) is None
