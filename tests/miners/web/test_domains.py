from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.web.domains import registrable_domain
from miners.web.urls import clean_url


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.example.co.uk/a?b", "example.co.uk"),
        ("http://EXAMPLE.com.:8080/", "example.com"),
        ("http://user:pw@a.b.example.org", "example.org"),
        ("https://someone.github.io/x", "someone.github.io"),
        ("https://github.io/", "github.io"),
        ("http://bücher.münchen.de/", "xn--mnchen-3ya.de"),
        ("http://127.0.0.21:8099/a", "127.0.0.21"),
        ("http://[2001:db8::1]:80/", "2001:db8::1"),
        ("http://localhost:8000/", "localhost"),
        ("http://[bad/", None),
        ("file:///etc/x", None),
        ("", None),
    ],
)
def test_the_registrable_domain(url, domain):
    assert registrable_domain(url) == domain


@given(st.text(max_size=60))
def test_any_text_is_answered(text):
    for url in (text, f"http://{text}/"):
        domain = registrable_domain(clean_url(url))
        assert domain is None or domain
