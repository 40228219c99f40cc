"""The page in a real browser: it opens from disk without a request or an error, and draws its charts."""

from __future__ import annotations

import pytest

from tests.train.report.conftest import HOSTILE
from train.evaluate import main


@pytest.fixture(scope="module")
def page_file(studies, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert main(["--report", str(studies), "--output", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def opened(open_page, page_file):
    page = open_page(page_file)
    page.wait_for_selector("html[data-ready]", timeout=120_000)
    return page


def test_it_opens_from_disk_without_a_request_or_an_error(opened, page_file):
    assert opened.requests == [page_file.as_uri()]
    assert opened.complaints == []
    assert opened.evaluate("window.hostile") is None
    assert HOSTILE in opened.locator("#notes + ul").inner_text()


def test_every_chart_is_drawn(opened):
    assert opened.locator(".plot").count() == 5
    assert opened.locator(".plot .main-svg").count() >= 5
    titles = opened.locator(".plot .xtitle").all_text_contents()
    assert titles == ["pairs in a batch", "pairs in a batch", "step", "pairs seen", "step"]
    assert opened.locator(".plot").first.locator(".scatterlayer .trace").count() == 1
    assert opened.locator(".plot").first.locator(".errorbar").count() == 2


def test_tables_name_their_protocol(opened):
    assert opened.locator("h3 .protocol").all_text_contents() == ["beir test", "csn-1k"] * 2
    batches = opened.locator("table").first.inner_text()
    assert all(words in batches for words in ("2,048", "2,457,600", "44.0", "42.0 to 46.0"))
    first = opened.locator("table").nth(2)
    assert "31.0" in first.inner_text() and "29.0 to 33.0" in first.inner_text()
    assert first.locator("tr.published").count() == 1 and first.locator("tr.baseline").count() == 1
    assert "differ in the batch alone" in opened.locator("body").inner_text()


def test_colours_follow_the_scheme(opened):
    light = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.emulate_media(color_scheme="dark")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") != light
    opened.emulate_media(color_scheme="light")
