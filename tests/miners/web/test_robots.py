from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.web.header_fields import parse_fields
from miners.web.robots import DIRECTIVES, check_directives, refusal


def said(page: str | bytes = b"", *fields: str, honored: tuple[str, ...] = DIRECTIVES) -> str | None:
    head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: text/html", *fields]).encode()
    body = page if isinstance(page, bytes) else page.encode()
    return refusal(head, parse_fields(head), body, honored)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("X-Robots-Tag: noindex", "noindex"),
        ("x-robots-tag:NOAI , NoImageAI", "noai"),
        ("X-Robots-Tag: none", "noindex"),
        ("X-Robots-Tag: all", None),
        ("X-Robots-Tag: nofollow, max-snippet: 20, noarchive", "noarchive"),
        ("X-Robots-Tag: otherbot: noindex, nofollow", None),
        ("X-Robots-Tag: otherbot: nofollow, ccbot: noindex", "noindex"),
        ("X-Robots-Tag: noai, otherbot: noindex", "noai"),
        ("X-Robots-Tag: unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", "noindex"),
        ("X-Robots-Tag: otherbot: unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", None),
        ("tdm-reservation: 1", "tdm-reservation"),
        ("TDM-Reservation: 0", None),
        ("X-Robots: noindex", None),
    ],
)
def test_the_header(field, expected):
    assert said(b"<html></html>", field) == expected


def test_a_repeated_header_is_read_whole():
    assert said(b"", "X-Robots-Tag: otherbot: noindex", "X-Robots-Tag: noai") == "noai"


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ('<meta name="robots" content="noindex, nofollow">', "noindex"),
        ("<META NAME=ROBOTS CONTENT=NOAI>", "noai"),
        ("<meta content='noindex;noai' name='robots' />", "noai"),
        ('<meta\n  name = "robots"\n  content = "noarchive"\n>', "noarchive"),
        ('<meta name="CCBot" content="none">', "noindex"),
        ('<meta name="googlebot" content="noindex">', None),
        ('<meta name="robots" content="index, follow">', None),
        ('<!-- <meta name="robots" content="noindex"> -->', None),
        ('<!-- > --><meta name="robots" content="noindex">', "noindex"),
        ('<meta name="description" content="robots say noindex">', None),
        ('<meta name="tdm-reservation" content="1">', "tdm-reservation"),
        ('<meta name="tdm-reservation" content="0">', None),
        ("<p>robots noindex</p>", None),
    ],
)
def test_the_pages_meta(meta, expected):
    page = f"<html><head><title>x</title>{meta}</head><body>text</body></html>"
    assert said(page) == expected
    assert said(page.encode("utf-16")) == expected


def test_only_what_is_honoured_counts_and_the_first_of_the_list_is_named():
    page = '<meta name="robots" content="noindex,noai">'
    assert [said(page, honored=names) for names in ((), ("noai",), ("noindex",), ("noarchive",), DIRECTIVES)] == [
        None,
        "noai",
        "noindex",
        None,
        "noai",
    ]


def test_a_name_that_is_no_directive_is_refused():
    with pytest.raises(ValueError, match="no robots directive 'nofolow'"):
        check_directives(["noai", "nofolow"])


@given(st.binary(max_size=400), st.text(max_size=60))
def test_any_bytes_are_answered(page, value):
    said(b"<meta name=robots " + page, f"X-Robots-Tag: {value}")
