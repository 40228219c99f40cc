import numpy as np

from miners.near_duplicates.survivor_order import docstring_quality, merit, survivor_rank


def test_licence_before_quality_before_date() -> None:
    worst_first = [
        merit(None, 0, None),
        merit("NOASSERTION", 0, "1999"),
        merit(None, 0, "2024-05-06"),
        merit(None, 0, "2024-05-06T07:08:09Z"),
        merit("", 1, None),
        merit(None, 3, "2030-01-01"),
        merit("MIT", 0, None),
        merit("Apache-2.0", 3, "2024-12-31T23:59:59.999Z"),
    ]
    assert worst_first == sorted(worst_first) and len(set(worst_first)) == len(worst_first)
    assert worst_first[-1] < 1 << 64


def test_quality_of_docstrings() -> None:
    assert docstring_quality("Return the name of the user.") == 3
    assert docstring_quality("return the name of the user") == 1
    assert docstring_quality("Returns x") == 1
    assert docstring_quality("x") == 0


def test_longer_then_smaller_ids() -> None:
    merits = np.array([5, 5, 5, 5, 9], np.uint64)
    lengths = np.array([10, 30, 30, 30, 1])
    pairs = np.array([[1, 1], [2, 0], [1, 9], [1, 9], [7, 7]], np.uint64)
    rows = np.array([[0, 0], [0, 0], [0, 5], [0, 4], [0, 0]], np.uint64)
    assert survivor_rank(merits, lengths, pairs, rows).tolist() == [4, 3, 2, 1, 0]
