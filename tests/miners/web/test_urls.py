from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.web.urls import clean_url, host_of, normalize_url


def test_angle_brackets_are_taken_off():
    assert clean_url(" <http://example.com/> ") == "http://example.com/"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("HTTP://User:pw@WWW.Example.COM.:80/a", "www.example.com"),
        ("http://bücher.example/", "xn--bcher-kva.example"),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://[2001:DB8::1]:80/", "2001:db8::1"),
        ("//example.org/x", "example.org"),
        ("http://[bad/", ""),
        ("http://a.example:port/", ""),
        ("mailto:a@example.org", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_url(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize(
    "spelling",
    [
        "http://example.org/a/b%20c?x=1&y=2",
        "HTTP://EXAMPLE.org:80/a/b c?y=2&x=1",
        "http://user:secret@example.org./a/b%20c?x=1&y=2#part",
        "<http://example.org/a/b%20c?x=1&y=2&utm_source=mail&fbclid=IwAR0>",
        "http://example.org/z/../a/./b%20c?utm_medium=a&x=1&y=2",
        "http://example.org/%61/b%20c;jsessionid=0A1B?x=1&y=2&PHPSESSID=12",
    ],
)
def test_spellings_of_one_address_agree(spelling):
    assert normalize_url(spelling) == "http://example.org/a/b%20c?x=1&y=2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/a", "http://example.org/A"),
        ("http://example.org/a", "http://example.org/a/"),
        ("http://example.org/a", "http://www.example.org/a"),
        ("http://example.org/a", "https://example.org/a"),
        ("http://example.org/a", "http://example.org:8080/a"),
        ("http://example.org/?id=1", "http://example.org/?id=2"),
        ("http://example.org/?q=", "http://example.org/"),
        ("http://example.org/a%2Fb", "http://example.org/a/b"),
    ],
)
def test_different_pages_stay_apart(one, other):
    assert normalize_url(one) != normalize_url(other)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://example.org", "https://example.org/"),
        ("http://bücher.example/ä", "http://xn--bcher-kva.example/%C3%A4"),
        ("http://[2001:DB8:0::1]:80/", "http://[2001:db8::1]/"),
        ("http://127.0.0.1:8000/?", "http://127.0.0.1:8000/"),
        (" urn:uuid:1 ", "urn:uuid:1"),
        ("dns:example.org", "dns:example.org"),
        ("http://[bad/", "http://[bad/"),
        ("http:///path", "http:///path"),
        ("", ""),
    ],
)
def test_odd_addresses(url, normal):
    assert normalize_url(url) == normal


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=40),
    st.sampled_from(["", "http://", "https://a.example/", "http://a.example/?"]),
)
def test_any_text_has_one_normal_form(text, before):
    normal = normalize_url(before + text)
    assert normalize_url(normal) == normal
