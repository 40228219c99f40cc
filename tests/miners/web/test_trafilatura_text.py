from __future__ import annotations

import sys

import pytest

from miners.web.extraction import check_extractor, page_text
from miners.web.web_config import WebConfig

FIRST = "The miller opens the sluice at dawn, and the wheel begins to turn under the weight of the cold water."
SECOND = "By noon the stones are warm, and the flour that falls from them smells of nuts and of the summer."
PAGE = f"""<html><head><title>A day at the mill</title></head><body><nav><a href=/>Home</a></nav><article>
<h1>A day at the mill</h1><p>{FIRST}</p><h2>Noon and flour</h2><p>{SECOND}</p></article></body></html>""".encode()


def test_trafilatura_gives_headings_and_paragraphs():
    pytest.importorskip("trafilatura")
    found = page_text(PAGE, extractor="trafilatura")
    assert found.title == "A day at the mill"
    levels = {block.text: block.heading_level for block in found.blocks}
    assert (levels[FIRST], levels["Noon and flour"], levels[SECOND]) == (0, 2, 0)


def test_a_page_without_text_has_no_blocks():
    pytest.importorskip("trafilatura")
    assert page_text(b"<html><body></body></html>", extractor="trafilatura").blocks == ()
    assert page_text(b"", extractor="trafilatura").blocks == ()


def test_where_it_is_not_installed_a_sentence_says_how_to_mend_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    with pytest.raises(ValueError, match=r"pairmill\[trafilatura\]"):
        WebConfig(extractor="trafilatura")


def test_an_unknown_extractor_is_refused():
    with pytest.raises(ValueError, match="give one of resiliparse, trafilatura"):
        check_extractor("goose")
