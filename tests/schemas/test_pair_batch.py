"""A batch is its pairs, in columns: the same table, row for row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pair import SCHEMA, WEB_KINDS, Provenance, pairs_to_table
from schemas.pair_batch import PairBatch, batches_to_table, text_side

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)
_ROWS = st.lists(
    st.tuples(
        st.sampled_from(WEB_KINDS),
        st.sampled_from(["en", "de", "und"]),
        _TEXTS.map(text_side),
        _TEXTS.map(text_side),
        st.integers(0, 1000),
        st.floats(0, 1, width=32),
    ),
    max_size=5,
)


@st.composite
def batches(draw) -> PairBatch:
    rows = draw(_ROWS)
    return PairBatch(
        place=("web", draw(_TEXTS), draw(st.integers(0, 1 << 40))),
        group=draw(st.none() | st.sampled_from(["", "mill.org"])),
        provenance=Provenance(
            uri=draw(_TEXTS),
            offset=draw(st.integers(0, 1 << 40)),
            url=draw(st.none() | _TEXTS),
            date=draw(st.none() | _TEXTS),
        ),
        quality=draw(st.sampled_from([(), (("page_words", 7.0), ("page_letter_words", 5.0))])),
        **{
            name: [row[i] for row in rows]
            for i, name in enumerate(("kinds", "languages", "anchors", "positives", "ordinals", "language_scores"))
        },
        source=draw(st.none() | st.just("crawl")),
    )


@given(st.lists(batches(), max_size=4))
def test_a_batch_is_its_pairs(given_batches):
    table = batches_to_table(given_batches)
    table.validate(full=True)
    assert table.schema == SCHEMA
    pairs = [pair for batch in given_batches for pair in batch.pairs()]
    assert len(pairs) == sum(map(len, given_batches))
    assert table.to_pylist() == pairs_to_table(pairs).to_pylist()


def test_a_blank_side_is_refused():
    with pytest.raises(ValueError, match="not blank"):
        text_side(" \n")
