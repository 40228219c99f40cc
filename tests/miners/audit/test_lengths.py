"""Length histograms: exact below 128, close above, and the same however they are cut and merged."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from miners.audit.lengths import BINS, Lengths, bin_of, lower_edges

INT32 = st.integers(0, 2**31 - 1)


def of(values):
    lengths = Lengths()
    lengths.add(np.array(values, dtype=np.int64))
    return lengths


def test_every_edge_opens_its_own_bin():
    edges = lower_edges()
    assert list(bin_of(edges)) == list(range(BINS))
    assert list(bin_of(edges[1:] - 1)) == list(range(BINS - 1))
    assert bin_of(np.array([2**31 - 1])) == BINS - 1


@given(st.lists(INT32, min_size=1, max_size=200))
def test_quantiles_are_at_most_a_sixty_fourth_low(values):
    lengths = of(values)
    ranked = sorted(values)
    for q in (0.05, 0.5, 0.95):
        true = ranked[max(1, int(np.ceil(q * len(values)))) - 1]
        found = lengths.quantile(q)
        assert found <= true and true - found <= true / 64
        assert true >= 128 or found == true


@given(st.lists(INT32, max_size=50), st.lists(INT32, max_size=50))
def test_merging_is_adding(first, second):
    merged = of(first)
    merged.merge(of(second))
    whole = of(first + second)
    assert (merged.counts == whole.counts).all()
    assert (merged.total, merged.least, merged.greatest) == (whole.total, whole.least, whole.greatest)
    assert sum(n for _, _, n in whole.doubling_bins()) == len(first + second)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=200))
def test_shown_bins_hold_what_lies_between_their_edges(values):
    for low, high, n in of(values).doubling_bins():
        assert n == sum(low <= value < high for value in values)


def test_nothing_has_no_quantile():
    assert Lengths().quantile(0.5) is None
    assert Lengths().mean is None
    assert Lengths().doubling_bins() == []
