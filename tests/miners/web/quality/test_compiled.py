"""What numba compiles gives what numpy gives, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.compiling import compiled_module
from miners.web.quality import gopher, page
from miners.web.quality.page import TextPage

_LINES = st.lists(
    st.text(st.sampled_from([*"ab1 .-é語ก\U00020000"]), min_size=1, max_size=30).filter(str.strip),
    min_size=1,
    max_size=8,
)
_KEYS = st.lists(st.integers(0, 3) | st.integers(0, (1 << 64) - 1), max_size=60)


@pytest.fixture(scope="module")
def loops():
    pytest.importorskip("numba")
    return compiled_module("miners.web.quality.compiled")


@given(lines=_LINES, language=st.sampled_from(["en", "zh"]))
def test_words(loops, lines, language):
    compiled = TextPage(lines, language)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "compiled_loops", lambda: None)
        plain = TextPage(lines, language)
        for name in ("words", "letter_words", "named_words"):
            wanted = getattr(plain, name)
            patch.setattr(page, "compiled_loops", lambda: loops)
            assert getattr(compiled, name) == wanted
            patch.setattr(page, "compiled_loops", lambda: None)
        for made, wanted in zip(compiled.word_spans, plain.word_spans, strict=True):
            np.testing.assert_array_equal(made, wanted)
        np.testing.assert_array_equal(compiled.word_hashes, plain.word_hashes)


@given(keys=_KEYS, size=st.integers(1, 4), lengths=st.integers(1, 5))
def test_repeated_ngrams(loops, keys, size, lengths):
    made = np.array(keys, np.uint64)
    chars = np.arange(len(keys) + size, dtype=np.int64) * lengths
    left = len(keys).bit_length()
    assert loops.repeated_chars(made, left, size, chars) == gopher._chars(gopher._repeats(made), size, chars)


@given(keys=_KEYS, often=st.integers(1, 8))
def test_frequent_ngrams(loops, keys, often):
    assert loops.is_often(np.array(keys, np.uint64), often) == any(keys.count(key) >= often for key in keys)
