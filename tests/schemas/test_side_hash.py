"""Golden vectors: these values are stored in every pair set, so they may never change."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.side_hash import normalize_code, normalize_text, normalize_words, side_hash

TEXT_VECTORS = [
    ("Hello, World", "hello, world", 3471384689615110252),
    ("  Straße\u00a0\n Ⅷ ﬁn ", "strasse viii fin", 6324775915854152807),
    ("日本語　テキスト", "日本語 テキスト", 9039099123281798313),
    ("\u0130stanbul", "i\u0307stanbul", -1024276484228372719),
]
CODE_VECTORS = [
    ("def f():\r\n    return 1  \r\n\r\n", "def f():\n    return 1", 1415450440893556303),
    ("\tx = 'A'\t\n\n\ny\n", "\tx = 'A'\n\n\ny", 8637342039407872421),
]


@pytest.mark.parametrize(("text", "normal", "value"), TEXT_VECTORS)
def test_text_vectors(text, normal, value):
    assert normalize_text(text) == normal
    assert side_hash(text, is_code=False) == value


@given(
    st.text(st.characters(max_codepoint=127))
    | st.text()
    | st.text(st.sampled_from("aß\u0345…½´\xa0\u3000 \n\u2028\x1f"))
)
def test_every_text_is_normalised_by_the_rule(text):
    assert normalize_text(text) == " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    assert normalize_words(text) == (normalize_text(text), len(text.split()))


def test_only_the_space_is_printable_white_space_and_folding_keeps_white_space():
    for char in map(chr, range(0x110000)):
        assert not (char.isspace() and char.isprintable()) or char == " "
        assert char.casefold() == char if char.isspace() else not any(map(str.isspace, char.casefold()))
        assert char.casefold()


@pytest.mark.parametrize(("code", "normal", "value"), CODE_VECTORS)
def test_code_vectors(code, normal, value):
    assert normalize_code(code) == normal
    assert side_hash(code, is_code=True) == value


@given(
    st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Zs", "Zl", "Zp", "Cc"]), min_size=1))
)
def test_white_space_between_words_does_not_matter(words):
    spaced, lined = "  ".join(words) + " ", "\n\t" + "\r\n".join(words)
    assert side_hash(spaced, is_code=False) == side_hash(lined, is_code=False)


@given(st.text(alphabet=" \t\r\nabX"))
def test_code_keeps_everything_but_line_ends(code):
    lines = [line.rstrip() for line in normalize_code(code).split("\n")]
    assert normalize_code(code).split("\n") == lines
    assert normalize_code(normalize_code(code)) == normalize_code(code)


def test_hashes_are_signed_64_bit():
    values = [side_hash(str(i), is_code=False) for i in range(2000)]
    assert min(values) < 0 < max(values)
    assert all(-(1 << 63) <= value < 1 << 63 for value in values)
