"""Counts of values: exact, or exact for a seeded share of the values, in any order."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from miners.audit.value_counts import ValueCounts

VALUES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=120)


def counted(rows, rate=1.0):
    counts = ValueCounts(rate, 3)
    for value, split in rows:
        counts.add(np.array([value], dtype=np.uint64), split)
    counts.compact()
    return counts


@given(VALUES)
def test_counts_are_those_of_a_counter(rows):
    counts = counted(rows)
    expected = Counter(rows)
    found = {
        (int(value), split): int(n)
        for value, per_split in zip(counts.values, counts.counts, strict=True)
        for split, n in enumerate(per_split)
        if n
    }
    assert found == expected


@given(VALUES, VALUES)
def test_the_order_of_a_merge_does_not_matter(first, second):
    one, other = counted(first, 0.5), counted(second, 0.5)
    one.merge(counted(second, 0.5))
    other.merge(counted(first, 0.5))
    one.compact()
    other.compact()
    assert (one.values == other.values).all() and (one.counts == other.counts).all()


def test_a_sampled_value_keeps_all_of_its_rows():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 20_000, 60_000).astype(np.uint64)
    counts = ValueCounts(0.25, 1)
    counts.add(values, 0)
    counts.compact()
    truth = Counter(values.tolist())
    assert all(truth[int(v)] == n for v, n in zip(counts.values, counts.rows_of_each(), strict=True))
    assert 0.22 < len(counts.values) / len(truth) < 0.28


def test_another_salt_keeps_other_values():
    values = np.arange(1000, dtype=np.uint64)
    kept = []
    for salt in (1, 2):
        counts = ValueCounts(0.5, 1, salt)
        counts.add(values, 0)
        counts.compact()
        kept.append(set(counts.values.tolist()))
    assert kept[0] != kept[1]
