from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.web.charset import decode_page

TEXT = "Größe, naïveté — façade"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_byte_order_mark_goes_before_the_header(encoding):
    assert decode_page(TEXT.encode(encoding), "text/html; charset=koi8-r") == TEXT


def test_the_header_goes_before_the_meta():
    page = '<meta charset="utf-8">Größe'.encode("cp1252")
    assert decode_page(page, "text/html; charset=ISO-8859-1").endswith("Größe")


@pytest.mark.parametrize(
    "meta", ['<meta charset="shift_jis">', "<META content='text/html; charset=Shift_JIS' http-equiv=Content-Type>"]
)
def test_the_meta_decides_where_the_header_is_silent(meta):
    assert decode_page((meta + "日本語の文章").encode("shift_jis"), "text/html").endswith("日本語の文章")


def test_a_utf16_meta_that_could_be_read_means_utf8():
    assert decode_page(f'<meta charset="utf-16">{TEXT}'.encode()).endswith(TEXT)


@pytest.mark.parametrize("label", ["klingon", "", "x-user-defined", "undefined", "base64", "idna"])
def test_an_unknown_charset_gives_way_to_detection(label):
    assert decode_page(TEXT.encode(), f"text/html; charset={label}") == TEXT


def test_a_declared_charset_that_the_bytes_contradict_gives_way():
    text = "Die Straße führt über die Brücke nach Süden. " * 20
    assert decode_page(text.encode("cp1252"), "text/html; charset=utf-8") == text


@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_bytes_give_text_that_can_be_written(page, label):
    decode_page(page, f"text/html; charset={label}").encode()
