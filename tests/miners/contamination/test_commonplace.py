import numpy as np

from miners.contamination import spared_items


def test_short_texts_of_many_groups_are_spared_and_long_or_rare_ones_are_not() -> None:
    words = np.array([5, 5, 60, 5])
    items = np.array([0] * 11 + [1] * 30 + [2] * 11 + [3] * 10)
    groups = np.concatenate([np.arange(11), np.zeros(30), np.arange(11), np.arange(10)]).astype(np.uint64)
    assert spared_items(items, groups, words, 10).tolist() == [0]
    assert spared_items(items, groups, words, 9).tolist() == [0, 3]
    assert spared_items(items[:0], groups[:0], words, 10).tolist() == []
