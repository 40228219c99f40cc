"""Blocks of minimal HTML: text, element and link characters of a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.web.blocks import Block, read_blocks, text_blocks

_PIECES = (
    *("<p>", "</p>", "<li>", "</li>", "<h2>", "</h2>", "<pre>", "</pre>", "<ul>", "</ul>", '<a href="x">', "</a>"),
    *("<br>", "\n", "\t", "one", " two\xa0\u2028 ", "語", "&lt;p&gt;", "&amp;nbsp;"),
)
_MARKUP = st.lists(st.sampled_from(_PIECES), max_size=30).map("".join)


@pytest.mark.parametrize(
    ("line", "block"),
    [
        ("<p>One  two\xa0\tthree. </p>", Block("One two three.", 0, 0, True)),
        ("  <li>One</li>", Block("One", 0, 0, True)),
        ("<h3>One &amp; two</h3>", Block("One & two", 3, 0, True)),
        ('<a href="x"> One</a>', Block("One", 0, 3, False)),
        ("One &lt;p&gt;", Block("One <p>", 0, 0, False)),
        ('<h2><a href="">One</h2>', Block("One", 2, 3, True)),
        ('<p>One <a href="x">two</a> three <a href="y">four', Block("One two three four", 0, 7, True)),
        ('one</a> two <a href="x">three</a>', Block("one two three", 0, 8, False)),
        ('<li><a href="x">One <p>two</p></a></li>', Block("One two", 0, 7, True)),
    ],
)
def test_a_line_is_a_block_with_its_link_characters(line: str, block: Block) -> None:
    assert read_blocks(line) == [block]


def test_lines_of_an_open_element_stand_in_it() -> None:
    markup = '<pre>one\n<a href="x">two</a>\n<p>three</p>\n</pre>\nfour'
    assert [block.in_text_element for block in read_blocks(markup)] == [True, True, True, False]


@given(_MARKUP)
def test_texts_are_clean_and_no_words_are_lost(markup: str) -> None:
    blocks = read_blocks(markup)
    for block in blocks:
        assert block.text == " ".join(block.text.split()) != ""
        assert 0 <= block.link_chars <= len(block.text)
    text = "".join(block.text for block in blocks)
    for word in ("one", "two", "語"):
        assert text.count(word) == markup.count(word)


@given(_MARKUP)
def test_links_count_only_where_there_are_links(markup: str) -> None:
    without = markup.replace('<a href="x">', "").replace("</a>", "")
    unlinked = read_blocks(without)
    assert [block.link_chars for block in unlinked] == [0] * len(unlinked)
    if "<h2>" not in markup:
        assert [block.text for block in read_blocks(markup)] == [block.text for block in unlinked]


def test_blocks_of_minimal_html() -> None:
    markup = """<h2>The <a href="/w">wheel</a><br>of the mill</h2>

<p>It turns &lt;by night&gt;<br>and by day, <a href="/x?a=1&amp;b=2">as ever</a></p>
<ul>
  <li>One</li>
</ul>
loose  text <a href="/y">which
goes on</a> here
<pre>a
  b</pre>"""
    assert read_blocks(markup) == [
        Block("The wheel", 2, 5, True),
        Block("of the mill", 2, 0, True),
        Block("It turns <by night>", 0, 0, True),
        Block("and by day, as ever", 0, 7, True),
        Block("One", 0, 0, True),
        Block("loose text which", 0, 5, False),
        Block("goes on here", 0, 7, False),
        Block("a", 0, 0, True),
        Block("b", 0, 0, True),
    ]


def test_blocks_of_plain_text() -> None:
    assert [block.text for block in text_blocks("Menu\r\nThe  mill\tstands.\n\n")] == ["Menu", "The mill stands."]
