from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.web import PassageConfig, neighbor_pairs
from miners.web.passages import adjacent, passages
from miners.web.text_length import UNSPACED, token_count

WORDS = st.lists(st.sampled_from(["mill", "stone", "water.", "Grain", "Öl", "水車"]), min_size=1, max_size=40)
PAGES = st.lists(WORDS.map(" ".join), max_size=25)


def words(count: int, end: str = ".") -> str:
    return " ".join(["word"] * (count - 1) + [f"last{end}"])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("one two  three", 3), ("水車小屋", 4), ("the 水車 of Kyōto", 5), ("โรงสี", 5), ("한국어 문장입니다", 2), ("", 0)],
)
def test_token_count(text, tokens):
    assert token_count(text) == tokens


@given(st.text(st.sampled_from("a \n\u00e9\u2019\u0e00\u0e7f\u109f\u17ff\u3005\ufa00\uff9d\U00020000")) | st.text())
def test_each_code_point_of_a_script_without_spaces_is_a_token(text):
    spaced, unspaced = UNSPACED.subn(" ", text)
    assert token_count(text) == unspaced + len(spaced.split())


def test_short_paragraphs_are_joined_until_long_enough():
    page = [words(20), words(20), words(33), words(40)]
    assert neighbor_pairs(page) == [(f"{page[0]}\n{page[1]}", page[2]), (page[2], page[3])]


def test_a_short_last_paragraph_joins_the_passage_before_it():
    page = [words(40), words(40), words(5)]
    assert neighbor_pairs(page) == [(page[0], f"{page[1]}\n{page[2]}")]


def test_a_paragraph_that_fits_nowhere_leaves_a_gap():
    config = PassageConfig(10, 20)
    page = [words(20), words(5), words(18), words(12)]
    assert neighbor_pairs(page, config) == [(page[2], page[3])]


def test_a_long_paragraph_is_cut_at_sentence_ends():
    sentences = [f"Sentence number {i} tells of Mr. Miller and of his old stone wheel." for i in range(60)]
    made = passages([" ".join(sentences)], PassageConfig())
    assert " ".join(passage.text for passage in made) == " ".join(sentences)
    assert all(passage.text.endswith("wheel.") for passage in made)
    assert all(32 <= token_count(passage.text) <= 256 for passage in made)
    assert adjacent(made) == list(range(len(made) - 1))


def test_text_without_spaces_is_measured_in_characters():
    line = "水車は朝早くから回り始め、粉ひきは袋を二階へ運び上げ、石の間に少しずつ麦を落としていく。"
    assert len(neighbor_pairs([line, line, line])) == 2


@pytest.mark.parametrize("bounds", [(0, 5), (6, 5), (-1, -1)])
def test_impossible_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match="32 256"):
        PassageConfig(*bounds)


@settings(max_examples=300, deadline=None)
@given(PAGES, st.integers(1, 20), st.integers(0, 30))
def test_both_sides_stand_next_to_each_other_in_the_page(page, least, more):
    config = PassageConfig(least, least + more)
    page_text = squeeze("\n".join(page))
    pairs = neighbor_pairs(page, config)
    begin = 0
    for anchor, positive in pairs:
        found = page_text.find(squeeze(anchor) + squeeze(positive), begin)
        assert found >= 0
        begin = found + 1
    for passage in passages(page, config):
        assert token_count(passage.text) >= least
        if "\n" in passage.text:
            assert token_count(passage.text) <= least + more


def squeeze(text: str) -> str:
    """Without white space: a cut between sentences takes away the blank between them."""
    return "".join(text.split())
