"""What may not be a negative, against the rule spelled out pair by pair."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train.negatives import layout as layouts
from train.negatives.keys import PairKeys
from train.negatives.known_answers import KnownAnswers
from train.negatives.layout import Exclusions, lay_out

ROWS = st.lists(
    st.tuples(
        st.integers(0, 6),  # anchor
        st.integers(0, 6),  # positive: small numbers, so that sides meet
        st.one_of(st.none(), st.integers(0, 2)),  # cluster
        st.one_of(st.none(), st.integers(0, 2)),  # page
        st.integers(0, 1),  # scope
        st.lists(st.integers(0, 6), max_size=2),  # negatives that it has
    ),
    min_size=1,
    max_size=12,
)


def keys_of(rows) -> PairKeys:
    anchor, positive, cluster, page, scope, given_ = zip(*rows, strict=True)
    names = sorted(set(scope))
    return PairKeys(
        anchor_hash=np.array(anchor, np.int64),
        positive_hash=np.array(positive, np.int64),
        cluster=np.array([c or 0 for c in cluster], np.int64),
        has_cluster=np.array([c is not None for c in cluster]),
        page=np.array([p or 0 for p in page], np.int64),
        has_page=np.array([p is not None for p in page]),
        is_code=np.zeros(len(rows), bool),
        scope=np.array([names.index(s) for s in scope], np.int32),
        given_offsets=np.cumsum([0, *map(len, given_)]),
        given_hashes=np.array([h for one in given_ for h in one], np.int64),
        scopes=tuple(map(str, names)),
    )


def is_known(rows, i: int, text: int) -> bool:
    """The rule as a person would say it: is `text` an answer to row i, or row i itself, as far as the set knows?"""
    anchor, positive, cluster, page, _, already = rows[i]
    if text in (anchor, positive) or text in already:
        return True
    for other_anchor, other_positive, other_cluster, other_page, *_ in rows:
        if text == other_positive and other_anchor in (anchor, positive):
            return True
        same_cluster = cluster is not None and cluster == other_cluster
        same_page = page is not None and page == other_page
        if (same_cluster or same_page) and text in (other_anchor, other_positive):
            return True
    return False


@given(ROWS, st.sampled_from([1, 7, 1000]))
def test_exactly_the_known_answers_of_a_scope_are_excluded(rows, most):
    keys = keys_of(rows)
    layout, known = lay_out(keys), KnownAnswers(keys)
    exclusions = Exclusions(layout, known)
    before = layouts.EXCLUDED
    layouts.EXCLUDED = most
    try:
        blocks = list(layout.blocks(known))
    finally:
        layouts.EXCLUDED = before
    assert sorted(place for block in blocks for place in range(block.start, block.stop)) == list(range(len(rows)))
    for block in blocks:
        first, last = layout.candidate_bounds[block.scope : block.scope + 2]
        (places, columns), counts = exclusions.of(block)
        found = set(zip(places.tolist(), columns.tolist(), strict=True))
        texts = layout.candidate_hash[first:last].tolist()
        assert len(set(texts)) == len(texts) and sum(counts.values()) == len(found)
        for place in range(block.start, block.stop):
            row = int(layout.rows[place])
            for column, text in enumerate(texts):
                assert ((place - block.start, column) in found) == is_known(rows, row, text)


@given(ROWS)
def test_every_row_finds_its_own_positive_among_its_scope(rows):
    keys = keys_of(rows)
    layout = lay_out(keys)
    assert (layout.candidate_hash[layout.own] == keys.positive_hash[layout.rows]).all()
    given_by = keys.scope[layout.candidate_rows[layout.own]]
    assert (given_by == keys.scope[layout.rows]).all()
    assert (layout.rows[layout.row_places] == np.arange(len(rows))).all()
    gives = layout.candidate_places
    assert (layout.candidate_rows[gives[gives >= 0]] == np.flatnonzero(gives >= 0)).all()
