"""Lines in columns: the compiled loop gives what the blocks give, on real pages and on any markup."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree

from miners.compiling import compiled_module
from miners.web.blocks import read_blocks
from miners.web.extraction import _extract
from miners.web.page_lines import _compiled_lines, lines_of, read_lines

_PIECES = (
    *("<p>", "</p>", "<li>", "</li>", "<h2>", "</h2>", "<pre>", "</pre>", "<ul>", "</ul>", '<a href="x">', "</a>"),
    *("<br>", "</br>", "<br class>", "\n", "\t", "\r", "<a>", "</a >", '<p class="x">', '<a href="x<br>y">', "<a h\n>"),
    *("<", "</", "<b>", "<h7>", ">", "<h1>", "<ol>", "<pr>", "<prex>", "<a ", "&lt;p&gt;", "&amp;lt;", "&quot;"),
    *(
        "one",
        " two\xa0\u2028 ",
        "語",
        "ไทย",
        "\U00020000a",
        "\U0001d4b3",
        "\u3000",
        "\x85",
        "end.",
        "end.”)",
        "...»»»»",
    ),
    "".join("».»)" for _ in range(9)),
)
_MARKUP = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=40).map("".join)
_UNKNOWN = ("&nbsp;", "&#39;", "&lt", "&", "&amp", "&quot")


@pytest.fixture(scope="module")
def loops():
    pytest.importorskip("numba")
    return compiled_module("miners.web.compiled")


def _plain(lines):
    return [list(column) for column in lines]


@settings(max_examples=400)
@given(markup=_MARKUP.map(lambda text: text.replace("&", "&amp;")) | _MARKUP)
def test_the_compiled_loop_gives_what_the_blocks_give(loops, markup: str) -> None:
    made = _compiled_lines(loops, markup)
    if made is not None:
        assert _plain(made) == _plain(lines_of(read_blocks(markup)))


@settings(max_examples=100)
@given(before=_MARKUP, entity=st.sampled_from(_UNKNOWN), after=_MARKUP)
def test_entities_that_only_python_knows_are_left_to_it(loops, before: str, entity: str, after: str) -> None:
    markup = f"{before}\n{entity} {after}"
    assert _compiled_lines(loops, markup) is None
    assert _plain(read_lines(markup)) == _plain(lines_of(read_blocks(markup)))


def test_real_pages(loops, shared_data) -> None:
    lines = 0
    for path in sorted((shared_data / "article-extraction" / "html").iterdir())[::6]:
        tree = HTMLTree.parse(gzip.decompress(path.read_bytes()).decode("utf-8", "replace"))
        for main_content in (True, False):
            markup = _extract(tree, main_content=main_content)
            made = read_lines(markup)
            assert _plain(made) == _plain(lines_of(read_blocks(markup)))
            lines += len(made.texts)
    assert lines > 2000


def test_an_empty_page_has_no_lines() -> None:
    assert _plain(read_lines("")) == [[]] * 7
