import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from miners.near_duplicates import side_hashes as module
from miners.near_duplicates.side_hashes import folds, side_hashes, text_sides
from schemas.pair_batch import text_side
from schemas.side_hash import normalize_words, side_hash

_BLANKS_AND_SIGNS = " \t\n\x0b\x1c\x1d\x85\xa0\u2028\u3000aBZz[@`{\x00\x7f"
_LETTERS = "éÉßŉİȺǰΣςΐЖیع語가각ไ่e\u0301\u1100\u1161ﬁＡ€“…½´㎏ﷺÅ\u212a\U0001f600\U0001f1e9\U00010400\U0001d4b3\U000e0041"
_CHARS = st.sampled_from(_BLANKS_AND_SIGNS) | st.sampled_from(_LETTERS) | st.characters(codec="utf-8")
_texts = st.text(_CHARS)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_texts, st.booleans()), max_size=6), st.integers(0, 2))
@example([("", False), ("A\x1cb  C\n", False), ("", True)], 1)
def test_as_one_by_one(drawn: list[tuple[str, bool]], skipped: int) -> None:
    texts = [text for text, _ in drawn]
    array = pa.array(["é"] * skipped + texts + ["behind"], pa.string()).slice(skipped, len(texts))
    hashes, words = side_hashes(array, np.array([is_code for _, is_code in drawn], bool))
    assert hashes.tolist() == [side_hash(text, is_code=is_code) for text, is_code in drawn]
    assert words.tolist() == [len(text.split()) for text in texts]


@settings(max_examples=150, deadline=None)
@given(st.lists(_texts.filter(str.strip), max_size=6))
def test_sides_as_one_by_one(texts: list[str]) -> None:
    assert text_sides(texts) == list(map(text_side, texts))


@pytest.mark.parametrize("blank", ["", " \n\x85"])
def test_a_blank_side_is_refused(blank: str) -> None:
    with pytest.raises(ValueError, match="not blank"):
        text_sides(["text", blank])


def test_what_becomes_of_each_code_point_is_what_the_rule_makes_of_it() -> None:
    table = folds()
    known = np.flatnonzero(table >= 0).tolist()
    assert len(known) > 50_000
    for point in known:
        value, char = int(table[point]), chr(point)
        made = "".join(chr(value >> bits & 0x1FFFFF) for bits in (0, 21, 42) if bits == 0 or value >> bits)
        assert normalize_words(f"x{char}x")[0] == f"x{made}x"
        assert made == " " or normalize_words(f"E{char}")[0] == "e" + made
        assert len(made.encode()) <= 3 * len(char.encode())
    assert (table[0x300:0x370] == -1).all()  # these may join the letter before them


def test_bytes_that_are_no_utf_8_are_left_to_arrow() -> None:
    loops = module.compiled()
    if loops is None:
        pytest.skip("the loop is not there")
    for broken in (
        b"\xc3",
        b"\xe2\x82",
        b"\xc0\xaf",
        b"\xc3(",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\x80",
        b"\xe0\x80\xaf",
    ):
        codes = np.frombuffer(b"a" + broken, np.uint8)
        _, words = module._text_hashes(loops, codes, np.array([0]), np.array([len(codes)]))
        assert words.tolist() == [-1], broken
