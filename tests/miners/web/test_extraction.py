from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.web import extraction, paragraphs
from miners.web.boilerplate import is_prose
from miners.web.complexity import TooComplex
from miners.web.extraction import EXTRACTORS, BrokenHtml, PageText, page_text, page_texts, text_paragraphs

PAGE = """<!doctype html><html><head><title>Bread</title></head><body>
<nav><ul><li><a href=/>Home</a></li><li><a href=/shop>Shop</a></li><li><a href=/about>About us</a></li></ul></nav>
<main><h1>Baking at night</h1>
<p>The baker begins at two in the morning,
   and the ovens are warm by three.</p>
<p>By six the first loaves&nbsp;cool on the racks.<br>The shop opens at seven.</p>
</main><footer>© 2024 Bakery</footer><script>var x = "not text at all, never.";</script></body></html>"""


def test_lines_are_paragraphs_and_menus_are_left_out():
    assert paragraphs(PAGE.encode()) == [
        "The baker begins at two in the morning, and the ovens are warm by three.",
        "By six the first loaves cool on the racks.",
        "The shop opens at seven.",
    ]


def test_headings_stand_among_the_blocks_and_the_headline_does_not():
    page = b"""<title>Mills &amp; bread</title><main><h1>Mills</h1><p>The mill stands by the old river.</p>
    <h2>The <i>wheel</i></h2><p>It turns by night &lt;b> and by day, <a href="/x">as ever</a>.</p></main>"""
    text = page_text(page)
    assert text.title == "Mills & bread"
    assert [(block.text, block.heading_level, block.link_chars) for block in text.blocks] == [
        ("The mill stands by the old river.", 0, 0),
        ("The wheel", 2, 0),
        ("It turns by night <b> and by day, as ever.", 0, 7),
    ]
    assert [block.text for block in text.blocks] == text.paragraphs() == paragraphs(page)


def test_the_charset_of_the_header_is_used():
    page = "<main><p>Die Größe der Öfen überrascht jeden Besucher.</p></main>".encode("cp1252")
    assert paragraphs(page, "text/html; charset=windows-1252") == ["Die Größe der Öfen überrascht jeden Besucher."]


@pytest.mark.parametrize(
    ("line", "prose"),
    [
        ("Read more about our cookies", False),
        ("He said: “The mill will run again next year.”", True),
        ("Home About Contact.", False),
        ("word " * 20, True),
        ("这是一个完整的句子，讲的是水磨。", True),
        ("首页 关于我们 联系", False),
        ("यह चक्की हर सुबह जल्दी चलती है।", True),
        ("", False),
    ],
)
def test_prose(line, prose):
    assert is_prose(line) is prose


def test_plain_text_has_a_paragraph_a_line():
    assert text_paragraphs("Menu\r\nThe mill\tstands by the old river.\n\n\nShare") == [
        "The mill stands by the old river."
    ]


@pytest.mark.parametrize("page", [b"", b"\0\0\0", b"<html></html>", b"<!--" * 50, b"\xff\xfe\x00"])
def test_a_page_without_text_has_no_paragraphs(page):
    assert paragraphs(page) == []


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_a_page_that_fails_fails_alone(extractor):
    if extractor == "trafilatura":
        pytest.importorskip("trafilatura")
    deep = b"<div>" * 20_000 + b"text" + b"<b>" * 200_000
    pages = [(PAGE.encode(), None), (deep, None), (PAGE.encode("utf-16"), "text/html")]
    first, failed, last = page_texts(pages, extractor)
    assert isinstance(failed, TooComplex)
    assert first == last == page_text(PAGE.encode(), extractor=extractor)
    assert isinstance(first, PageText)
    assert len(first.blocks) >= 2


def test_what_the_parser_cannot_read_is_broken_html(monkeypatch):
    def broken(tree: object, *, main_content: bool) -> str:
        raise RuntimeError("no tree")

    monkeypatch.setattr(extraction, "_extract", broken)
    (found,) = page_texts([(PAGE.encode(), None)])
    assert isinstance(found, BrokenHtml)
    with pytest.raises(BrokenHtml, match="no tree"):
        page_text(PAGE.encode())


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="<>/=\"'!-pdivbrtable&;#x0 \n.é語\ud7ff", max_size=300))
def test_any_markup_gives_clean_lines(markup):
    for block in page_text(markup.encode()).blocks:
        assert block.text == " ".join(block.text.split()) != ""
        assert 0 <= block.link_chars <= len(block.text)
        block.text.encode()


def test_the_benchmark_pages_keep_their_articles(shared_data):
    folder = shared_data / "article-extraction"
    truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    precision = recall = 0.0
    for name, article in truth.items():
        found = shingles("\n".join(paragraphs(gzip.decompress((folder / "html" / f"{name}.html.gz").read_bytes()))))
        wanted = shingles(article["articleBody"])
        common = (found & wanted).total()
        precision += common / max(1, found.total())
        recall += common / max(1, wanted.total())
    precision, recall = precision / len(truth), recall / len(truth)
    assert 2 * precision * recall / (precision + recall) >= 0.96


def shingles(text: str) -> Counter:
    words = re.findall(r"\w+", text)
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)) if words)
