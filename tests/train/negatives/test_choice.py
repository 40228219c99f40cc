"""Ranks, margin and count."""

from __future__ import annotations

import numpy as np
import pytest

from train.negatives.choice import ChoiceRule, choose
from train.negatives.nearest import Found

FOUND = Found(
    np.array([[4, 9, 2, 7, 1], [3, 8, -1, -1, -1]]),
    np.array([[0.9, 0.8, 0.7, 0.5, 0.1], [0.3, 0.2, -np.inf, -np.inf, -np.inf]], np.float32),
)
OWN = np.array([0.8, 0.3], np.float32)


@pytest.mark.parametrize(
    ("rule", "chosen", "refused"),
    [
        (ChoiceRule(2, (1, 5)), [[2, 7], [8, -1]], 3),  # 0.9 and two ties with the own positive
        (ChoiceRule(2, (1, 5), margin=None), [[4, 9], [3, 8]], 0),
        (ChoiceRule(2, (2, 3), margin=None), [[9, 2], [8, -1]], 0),
        (ChoiceRule(1, (1, 5), margin=0.2), [[7], [-1]], 5),
        (ChoiceRule(2, (1, 5), margin=None, relative_margin=0.05), [[2, 7], [8, -1]], 3),
        (ChoiceRule(2, (1, 5), margin=0.2, relative_margin=0.05), [[7, 1], [-1, -1]], 5),
        (ChoiceRule(3, (1, 3), margin=-2), [[4, 9, 2], [3, 8, -1]], 0),
    ],
)
def test_the_best_within_ranks_and_margin(rule, chosen, refused):
    found, counted = choose(FOUND, OWN, rule)
    assert found.tolist() == chosen and counted == refused


def test_a_share_of_a_negative_score_lowers_the_limit_too():
    found = Found(np.array([[0]]), np.array([[-0.51]], np.float32))
    assert choose(found, np.array([-0.5], np.float32), ChoiceRule(1, (1, 1), None, 0.1))[0].tolist() == [[-1]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ranks": (0, 5)}, "--ranks"),
        ({"ranks": (6, 5)}, "--ranks"),
        ({"count": 0}, "--count"),
        ({"count": 6, "ranks": (1, 5)}, "--count"),
        ({"relative_margin": 1.5}, "--relative-margin"),
    ],
)
def test_what_chooses_nothing_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        ChoiceRule(**values)
