"""Bands, candidates of a bucket, exact similarity and survivors."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.near_duplicates import (
    TEXT,
    Banding,
    band_hashes,
    banding_for,
    bucket_pairs,
    components,
    greedy_survivors,
    jaccard,
    shingle_sets,
    signatures,
)


def test_bandings_of_the_default_thresholds() -> None:
    assert [banding_for(t) for t in (0.8, 0.7, 0.6)] == [Banding(16, 8), Banding(25, 5), Banding(32, 4)]
    assert Banding(16, 8).probability(0.85) == pytest.approx(0.9938, abs=1e-4)
    assert Banding(25, 5).probability(0.75) == pytest.approx(0.9989, abs=1e-4)
    assert Banding(32, 4).probability(0.6) == pytest.approx(0.988, abs=1e-3)
    with pytest.raises(ValueError, match="threshold"):
        banding_for(0.0)


@given(st.floats(0.05, 1.0), st.sampled_from((16, 64, 128)))
@settings(max_examples=60, deadline=None)
def test_any_threshold_has_a_banding_that_fits(threshold: float, count: int) -> None:
    banding = banding_for(threshold, count)
    assert banding.bands * banding.rows <= count


def test_a_band_is_shared_when_all_of_its_rows_are() -> None:
    rows = np.arange(24, dtype=np.uint32).reshape(2, 12)
    rows[1, 4:8] = rows[0, 4:8]
    hashes = band_hashes(rows, Banding(3, 4), salt=1)
    assert (hashes[0] == hashes[1]).tolist() == [False, True, False]
    assert len(np.unique(np.concatenate([hashes, band_hashes(rows, Banding(3, 4), salt=2)]))) == 10
    chosen = band_hashes(rows, Banding(3, 4), salt=1, chosen=np.array([0, 2]))
    assert chosen.tolist() == hashes[:, [0, 2]].tolist()
    with pytest.raises(ValueError, match="permutations"):
        band_hashes(rows, Banding(4, 4), salt=0)


@given(st.lists(st.integers(1, 90), max_size=6), st.sampled_from((3, 64)))
@settings(max_examples=60, deadline=None)
def test_pairs_of_a_bucket_are_its_neighbours_and_the_rest_is_counted(sizes: list[int], window: int) -> None:
    buckets = np.repeat(np.arange(len(sizes)), sizes)
    left, right, skipped = bucket_pairs(buckets, window)
    expected = {
        (i, j)
        for i, j in itertools.combinations(range(len(buckets)), 2)
        if buckets[i] == buckets[j] and j - i <= window
    }
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == expected
    assert len(left) == len(expected)
    assert skipped == sum(k * (k - 1) // 2 for k in sizes) - len(expected)


def test_jaccard_is_that_of_plain_string_sets() -> None:
    rng = random.Random(9)
    texts = [" ".join(rng.choices("abc", k=rng.randrange(0, 60))) for _ in range(60)]
    sets = shingle_sets(texts, TEXT)
    pairs = np.array(list(itertools.combinations(range(60), 2)))
    found = jaccard(sets, pairs[:, 0], pairs[:, 1])
    strings = []
    for text in texts:
        words = text.split()
        strings.append({tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))} if words else set())
    for (i, j), similarity in zip(pairs.tolist(), found.tolist(), strict=True):
        union = len(strings[i] | strings[j])
        assert similarity == (len(strings[i] & strings[j]) / union if union else 0.0)


def test_signatures_estimate_the_similarity() -> None:
    rng = random.Random(2)
    words = [f"w{i}" for i in range(400)]
    other = [w if rng.random() > 0.03 else "x" + w for w in words]
    texts = [" ".join(words), " ".join(other)]
    exact = jaccard(shingle_sets(texts, TEXT), np.array([0]), np.array([1]))[0]
    rows = signatures(texts)
    assert (rows[0] == rows[1]).mean() == pytest.approx(exact, abs=0.12)


def _brute_survivors(rank: list[int], edges: list[tuple[int, int]]) -> set[int]:
    kept: set[int] = set()
    for node in sorted(range(len(rank)), key=rank.__getitem__):
        if not any((a == node and b in kept) or (b == node and a in kept) for a, b in edges):
            kept.add(node)
    return kept


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.permutations(range(n)), st.data())))
@settings(max_examples=80, deadline=None)
def test_survivors_are_those_of_the_plain_rule(drawn: tuple) -> None:
    rank, data = drawn
    possible = list(itertools.combinations(range(len(rank)), 2))
    edges = data.draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    left = np.array([a for a, _ in edges], np.int64)
    right = np.array([b for _, b in edges], np.int64)
    similarity = np.array([0.8 + (a + b) % 3 / 10 for a, b in edges])
    removed_by = greedy_survivors(np.array(rank), left, right, similarity)
    kept = _brute_survivors(list(rank), edges)
    assert set(np.flatnonzero(removed_by < 0).tolist()) == kept
    for node in np.flatnonzero(removed_by >= 0).tolist():
        ends = set(edges[removed_by[node]])
        (keeper,) = ends - {node}
        assert node in ends and keeper in kept


def test_a_chain_carries_no_unrelated_text_out() -> None:
    count = 1000
    left, right = np.arange(count - 1), np.arange(1, count)
    assert len(set(components(count, left, right).tolist())) == 1
    removed_by = greedy_survivors(np.arange(count), left, right, np.full(count - 1, 0.85))
    assert np.flatnonzero(removed_by < 0).tolist() == list(range(0, count, 2))


def test_components_number_single_nodes_too() -> None:
    labels = components(5, np.array([0, 3]), np.array([1, 4]))
    assert labels[0] == labels[1] and labels[3] == labels[4] and len(set(labels.tolist())) == 3
    assert len(components(0, np.zeros(0, int), np.zeros(0, int))) == 0
