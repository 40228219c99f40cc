from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.web.blocks import Block
from miners.web.boilerplate import without_boilerplate
from miners.web.page_lines import lines_of

FIRST = "The miller opens the sluice at dawn, and the wheel begins to turn under the weight of the cold water."
SECOND = "By noon the stones are warm, and the flour that falls from them smells of nuts and of the summer."
LAST = "In the evening he shuts the sluice again and hears the river go back to its old and quiet bed."


def p(text: str, links: int = 0) -> Block:
    return Block(text, 0, links, True)


def h(text: str, level: int = 2, links: int = 0) -> Block:
    return Block(text, level, links, True)


def texts(*blocks: Block, title: str = "") -> list[str]:
    return [blocks[i].text for i in without_boilerplate(title, lines_of(blocks))]


ARTICLE = [p(FIRST), p(SECOND), p(LAST)]


def test_the_headline_and_what_stands_before_it_is_left_out():
    assert texts(p("Valley News"), h("A day at the mill", 1), *ARTICLE) == [FIRST, SECOND, LAST]
    assert texts(h("A day at the mill"), *ARTICLE, title="A day at the mill - Valley News") == [FIRST, SECOND, LAST]


def test_a_heading_in_the_middle_of_the_text_is_no_headline():
    assert texts(p(FIRST), p(SECOND), h("Evening", 1), p(LAST)) == [FIRST, SECOND, "Evening", LAST]


def test_bylines_and_the_captions_of_a_gallery_before_the_text_are_left_out():
    caption = p("The old mill by the river in the winter of 1954, seen from the bridge.")
    assert texts(p("By Ann Lee"), caption, p("1 of 2"), caption, *ARTICLE) == [FIRST, SECOND, LAST]


@pytest.mark.parametrize("name", ["Related articles", "3 Comments", "Das könnte Sie auch interessieren", "関連記事"])
def test_what_follows_the_article_is_left_out(name):
    assert texts(*ARTICLE, h(name), p("Something else that is worth reading, says the editor.")) == [
        FIRST,
        SECOND,
        LAST,
    ]


def test_such_a_name_at_the_beginning_ends_nothing():
    assert texts(h("Related work"), *ARTICLE)[1:] == [FIRST, SECOND, LAST]


@pytest.mark.parametrize(
    "block",
    [
        p("Ten mills that you must see before you die", links=42),
        p("We use cookies to improve your experience on this website."),
        p("Photo: Valley archive"),
        Block("Share Tweet Mail", 0, 0, False),
        h("Ten mills that you must see", 2, 27),
    ],
)
def test_blocks_that_are_no_text_are_left_out(block):
    assert texts(p(FIRST), p(SECOND), block, h("Evening"), p(LAST)) == [FIRST, SECOND, "Evening", LAST]


@pytest.mark.parametrize(
    "block",
    [
        p("It is told at length in the chronicle of the valley.", links=30),
        p("https://example.org/chronicle", links=29),
        p("Two eggs"),
        Block("Text in no element, which still is a whole sentence of the article.", 0, 0, False),
    ],
)
def test_short_and_linked_text_of_the_article_stays(block):
    assert texts(p(FIRST), block, p(LAST)) == [FIRST, block.text, LAST]


def test_a_heading_needs_text_under_it():
    assert texts(p(FIRST), h("Noon"), h("Evening"), p(LAST), h("Night")) == [FIRST, "Evening", LAST]
    assert texts(p(FIRST), h("The day", 2), h("Evening", 3), p(LAST)) == [FIRST, "The day", "Evening", LAST]


def test_a_page_of_labels_has_no_text():
    assert texts(p("Home"), p("Shop"), p("Contact")) == []


blocks = st.builds(
    lambda text, level, links, element: Block(text, level, min(links, len(text)), element or level > 0),
    st.text(alphabet="abc .é語A", min_size=1, max_size=60).map(lambda text: " ".join(text.split()) or "a"),
    st.sampled_from([0, 0, 0, 1, 2, 3]),
    st.integers(0, 60),
    st.booleans(),
)


@given(st.text(max_size=20), st.lists(blocks, max_size=25))
def test_what_stays_is_a_part_of_what_came_in_the_same_order(title, given_blocks):
    kept = without_boilerplate(title, lines_of(given_blocks))
    assert kept == sorted(set(kept))
    assert set(kept) <= set(range(len(given_blocks)))
