"""Pages with more markup than can be taken in bounded time are refused, and no others."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from miners.web import complexity
from miners.web.complexity import TooComplex, check_complexity, may_be_deep
from miners.web.extraction import page_text, paragraphs


@pytest.mark.parametrize(
    "page",
    [
        b"<div>" * 20_000 + b"text",
        b"<span>" * 20_000 + b"text",
        b"<x-y>" * 20_000 + b"text",
        b"<b>x" * 300_000,
        b"<p " + b" ".join(b"a%d" % i for i in range(30_000)) + b">text",
    ],
    ids=["div", "span", "x-y", "tags", "attributes"],
)
def test_markup_that_would_cost_minutes_is_refused(page):
    with pytest.raises(TooComplex):
        page_text(page)


TEXT = b"<p>The mill stands by the old river, and it turns by night and by day.</p>"


@pytest.mark.parametrize(
    "page",
    [
        b"<main>" + TEXT + b"x" * 3_000_000,
        b"<main>" + TEXT + b'<img src="data:image/png;base64,' + b"A" * 3_000_000 + b'">',
        b"<main>" + TEXT + b'<p data-state="' + b"{a1 b2}" * 200_000 + b'">',
        b"<script>" + b"if(a<b)c d e f;" * 10_000 + b"</script><main>" + TEXT,
        b"<svg>" + b"<use/>" * 5_000 + b"</svg><main>" + TEXT,
        b"<main>" + TEXT + b"</nonsense>" * 5_000,
        b"<main><div>" * 200 + TEXT,
    ],
    ids=["one line", "image", "attribute", "script", "svg", "end tags", "nested"],
)
def test_large_markup_that_costs_little_is_read(page):
    assert paragraphs(page)[:1] == [TEXT[3:-4].decode()]


def test_unclosed_paragraphs_are_no_nesting():
    page = b"<main>" + b"<p>The mill stands by the old river.<br>" * 5_000
    assert len(paragraphs(page)) == 5_000


_TAGS = ("<div>", "<DIV class=x>", "</div>", "<p>", "<Td>", "<option", "<options>", "</ b>", "<<i>", "</<i>", "<h1")
_PIECES = st.sampled_from(_TAGS) | st.text(alphabet="<>/a1é語\U0001d4b3 ", max_size=4)


@settings(max_examples=300)
@given(html=st.lists(_PIECES, max_size=40).map("".join), most=st.integers(0, 4))
@example(html="<div>" * 513, most=512)
@example(html="<div>" * 512, most=512)
@example(html="<sources1>" * 3, most=2)
@example(html="<blocksource>" * 3, most=2)
@example(html="<source>" * 3, most=2)
def test_the_compiled_loop_counts_depth_as_python_does(html: str, most: int) -> None:
    pytest.importorskip("numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(complexity, "MOST_DEPTH", most)
        compiled = may_be_deep(html)
        patch.setattr(complexity, "compiled_module", lambda name: None)
        assert may_be_deep(html) == compiled


@pytest.mark.parametrize(("html", "deep"), [("<div>" * 513, True), ("<div>" * 512, False), ("<p>" * 900, False)])
def test_depth_is_that_of_tags_that_nest(html: str, deep: bool) -> None:
    assert may_be_deep(html) is deep


def test_real_pages_are_of_ordinary_depth(shared_data) -> None:
    pages = [gzip.decompress(path.read_bytes()) for path in sorted((shared_data / "article-extraction/html").iterdir())]
    assert not any(may_be_deep(page.decode("utf-8", "replace")) for page in pages)
    assert all(check_complexity(page) == page.count(b"<") for page in pages)
