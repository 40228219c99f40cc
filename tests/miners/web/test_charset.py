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


@pytest.mark.parametrize("damage", [b"\xe2\x80", b"\xff", b" caf\xe9 "])
@pytest.mark.parametrize("content_type", [None, "text/html; charset=utf-8"])
def test_a_few_bad_bytes_cost_no_more_than_themselves(damage, content_type):
    text = "Die Straße führt über die Brücke nach Süden, sagt man. " * 20
    found = decode_page(text.encode() + damage + text.encode(), content_type)
    assert found.startswith(text[:-1])
    assert found.endswith(text[1:])
    assert found.count("\ufffd") == 1


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("shift_jis", "水車は川のそばにある。"),
        ("euc-jp", "水車は川のそばにある。"),
        ("gb18030", "水车在河边，磨坊主人天亮起床。"),
        ("big5", "水車在河邊，磨坊主人天亮起床。"),
        ("koi8-r", "Мельница стоит у реки. "),
        ("cp1251", "Мельница стоит у реки. "),
    ],
)
def test_what_nothing_declares_is_detected(encoding, text):
    assert decode_page((text * 30).encode(encoding), "text/html") == text * 30
