"""The batch plan: a pure function, every row once an epoch, one source a step, known false negatives kept apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.batch_plan import SCHEDULE_BLOCK, BatchKeys, BatchPlan, spread_apart
from train.token_cache import TokenCache
from train.train_rows import TrainRows


def cache(sizes: dict[str, int], *, cluster=None, anchor=None) -> TokenCache:
    """A cache without tokens, of which a plan needs none."""
    rows = sum(sizes.values())
    source = np.repeat(np.arange(len(sizes)), list(sizes.values())).astype(np.int32)
    arrays = {
        "anchor_hash": np.arange(rows) if anchor is None else np.asarray(anchor),
        "positive_hash": np.arange(rows) + 1_000_000,
        "cluster": np.arange(rows) + 2_000_000 if cluster is None else np.asarray(cluster),
        "has_cluster": np.ones(rows, bool),
        "source": np.random.default_rng(0).permutation(source),
    }
    return TokenCache(Path(), rows, tuple(sizes), arrays)


def plan(caches, *, batch=10, exponent=0.5, seed=0, data_ids=None, where=None, kept=()) -> BatchPlan:
    data_ids = data_ids or [str(place) for place in range(len(caches))]
    return BatchPlan(TrainRows(caches), data_ids, BatchKeys(batch, exponent, seed, where), kept)


def test_a_step_depends_on_nothing_but_its_number():
    caches = [cache({"a": 95, "b": 40})]
    forward = [plan(caches).step(number) for number in range(60)]
    one = plan(caches)
    for number in (59, 3, 41, 3, 0):
        assert one.step(number).rows.tolist() == forward[number].rows.tolist()
    far = SCHEDULE_BLOCK * 2 + 5
    assert plan(caches).step(far).rows.tolist() == one.step(far).rows.tolist()


@pytest.mark.parametrize(
    "changed", [{"seed": 1}, {"data_ids": ["other"]}, {"batch": 11}, {"exponent": 1.0}, {"where": "row_id is not null"}]
)
def test_another_seed_or_data_id_or_batch_is_another_plan(changed):
    caches = [cache({"a": 200})]
    assert plan(caches).step(0).rows.tolist() != plan(caches, **changed).step(0).rows.tolist()


def test_an_epoch_has_every_row_once_but_the_last_part_of_a_batch():
    one = plan([cache({"a": 95})])
    for epoch in range(3):
        rows = np.concatenate([one.step(epoch * 9 + number).rows for number in range(9)])
        assert len(set(rows.tolist())) == len(rows) == 90
    assert one.step(0).rows.tolist() != one.step(9).rows.tolist()


def test_a_step_has_one_source_and_sources_are_drawn_by_the_root_of_their_rows():
    """A source is one across pair sets: two halves of a set mix as the whole does."""
    caches = [cache({"a": 800, "b": 100}), cache({"c": 400, "a": 100})]
    one, rows = plan(caches), TrainRows(caches)
    drawn = Counter()
    for number in range(3000):
        step = one.step(number)
        places = [rows.place(row) for row in step.rows]
        assert {caches[part].sources[caches[part].arrays["source"][row]] for part, row in places} == {step.source}
        drawn[step.source] += 1
    shares = {key: count / 3000 for key, count in drawn.items()}
    assert shares == pytest.approx({"a": 30 / 60, "b": 10 / 60, "c": 20 / 60}, abs=0.03)


def test_known_false_negatives_are_kept_apart_where_there_is_room():
    rows = 1000
    one = plan([cache({"a": rows}, cluster=np.arange(rows) // 5)], batch=20)
    met = sum(
        len(step.rows) - len(set((step.rows // 5).tolist())) for step in (one.step(number) for number in range(50))
    )
    assert met == 0


@pytest.mark.parametrize("size", [3, 17, 40])
def test_clusters_of_any_size_that_have_room_are_spread(size):
    """Fifty batches have room for clusters of forty; what is left is the few of the fullest batches."""
    clusters = np.arange(2000) // size
    one = plan([cache({"a": 2000}, cluster=clusters)], batch=40)
    batches = [clusters[one.step(number).rows] for number in range(50)]
    met = sum(len(own) - len(np.unique(own)) for own in batches)
    assert met == 0


def test_a_cluster_with_more_rows_than_batches_is_left_to_the_mask():
    clusters = np.zeros(400, int)
    clusters[100:] = np.arange(300) + 1
    one = plan([cache({"a": 400}, cluster=clusters)], batch=40)
    in_batch = [int((clusters[one.step(number).rows] == 0).sum()) for number in range(10)]
    assert sum(in_batch) == 100 and min(in_batch) >= 1


@settings(max_examples=50)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=80), st.integers(2, 12))
def test_spreading_keeps_every_row_and_never_makes_it_worse(values, batch):
    keys = np.array(values)[:, None]
    rows = np.arange(len(values)) + 100
    spread = spread_apart(rows, keys, min(batch, len(rows)))
    assert sorted(spread.tolist()) == rows.tolist()

    def collisions(order):
        cut = len(order) // batch * batch
        batches = keys[order[:cut] - 100, 0].reshape(-1, batch).tolist() if cut else []
        return sum(len(one) - len(set(one)) for one in batches)

    if len(rows) >= batch:
        assert collisions(spread) <= collisions(rows)


def test_a_source_smaller_than_a_batch_gives_what_it_has():
    one = plan([cache({"a": 100, "b": 4})], batch=50)
    sizes = {one.step(number).source: len(one.step(number).rows) for number in range(60)}
    assert sizes == {"a": 50, "b": 4}
    assert plan([cache({"a": 7})], batch=50).step(3).rows.tolist() != []


def test_kept_rows_are_the_plan():
    kept = np.arange(60) % 3 == 0
    one = plan([cache({"a": 60})], batch=10, kept=[kept])
    assert one.rows == 20
    rows = np.concatenate([one.step(number).rows for number in range(2)])
    assert sorted(rows.tolist()) == np.flatnonzero(kept).tolist()


def test_too_few_pairs():
    with pytest.raises(ValueError, match="no source has two pairs"):
        plan([cache({"a": 1, "b": 1})])
