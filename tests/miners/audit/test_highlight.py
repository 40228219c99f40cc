"""Highlighted code is the same text, and inert."""

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from miners.audit.highlight import highlighted
from miners.audit.shown_text import visible

LANGUAGES = ("python", "rust", "php", "cpp", "javascript", "no such language", None)


def text_of(html):
    return unescape(re.sub(r"<[^>]*>", "", str(html)))


@given(st.text(), st.sampled_from(LANGUAGES))
def test_the_text_stays_as_it_is(code, language):
    html = highlighted(code, language)
    assert isinstance(html, Markup)
    assert text_of(html) == visible(code.replace("\r\n", "\n").replace("\r", "\n"))
    assert not re.search(r"<(?!/?span\b)", str(html))


def test_tokens_have_their_class():
    html = str(highlighted('def area(r):\n    """Doc."""\n    return 3.14 * r  # <b>', "python"))
    assert '<span class="tk">def</span>' in html
    assert '<span class="tf">area</span>' in html
    assert '<span class="tn">3.14</span>' in html
    assert "# &lt;b&gt;" in html and "<b>" not in html


def test_a_long_text_is_left_plain():
    assert str(highlighted("def f(): pass\n" * 5000, "python")).count("<span") == 0
