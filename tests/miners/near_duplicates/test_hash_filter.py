"""The filter of hashes: it forgets nothing, and lets few others pass."""

import numpy as np
import pytest

from miners.near_duplicates.hash_filter import HashFilter, filter_bits, marks_of, pass_rate


@pytest.mark.parametrize("said", [0, 1, 40_000, 400_000])
def test_forgets_nothing_and_passes_few(said):
    rng = np.random.default_rng(said)
    inside, outside = rng.integers(0, 1 << 64, (2, 40_000), np.uint64)
    found = HashFilter(said)
    for part in np.array_split(inside, 3):
        found.add(marks_of(part))
    assert found.may_hold(inside).all()
    assert found.may_hold(inside.reshape(100, 400)).all()
    expected = 1.0 - np.exp(-len(inside) / (1 << filter_bits(said)))
    assert abs(found.may_hold(outside).mean() - expected) < 0.02


def test_bits_stand_where_the_low_half_says():
    found = HashFilter(0)
    found.add(np.array([0, 9, 0xFFFF, 1 << 16 | 3], np.uint32))
    assert np.unpackbits(found.table, bitorder="little").nonzero()[0].tolist() == [0, 3, 9, 0xFFFF]


def test_size_follows_the_count_up_to_a_bound():
    assert filter_bits(0) == 16
    assert 8 <= (1 << filter_bits(10**6)) / 10**6 < 16
    assert filter_bits(10**12) == 31
    assert pass_rate(10**6) < 0.12 < 0.99 < pass_rate(10**11)
