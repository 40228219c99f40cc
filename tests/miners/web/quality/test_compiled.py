"""What numba compiles gives what numpy gives, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.compiling import compiled_module
from miners.web.quality import Thresholds, gopher, page
from miners.web.quality.page import TextPage

_LINES = st.lists(
    st.text(st.sampled_from([*"ab1 .-é語ก\U00020000"]), min_size=1, max_size=30).filter(str.strip),
    min_size=1,
    max_size=8,
)


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
        np.testing.assert_array_equal(compiled.word_chars, plain.word_chars)
        np.testing.assert_array_equal(compiled.word_hashes, plain.word_hashes)


@given(lines=st.lists(st.text(st.sampled_from([*"#.…•- aé語"]), min_size=1, max_size=12), max_size=6))
def test_marks(loops, lines):
    compiled = TextPage(lines, "en").marks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "compiled_loops", lambda: None)
        assert TextPage(lines, "en").marks == compiled


def test_marks_are_counted_by_lines():
    text = ["• one...", "- two….", "three # ......", "four - • …"]
    assert TextPage(text, "en").marks == (1, 5, 2, 3)


_WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "of", "語", "verylongword" * 3]), min_size=1, max_size=60)
_SHARE = st.floats(0, 1)


@given(words=_WORDS, language=st.sampled_from(["en", "zh"]), share=_SHARE, step=st.floats(0, 0.1))
def test_ngrams(loops, words, language, share, step):
    shares = [max(0.0, share - i * step) for i in range(6)]
    most = Thresholds(gopher_max_top_ngrams=tuple(shares[:3]), gopher_max_repeated_ngrams=tuple(shares))
    for rule in (gopher.top_ngrams, gopher.repeated_ngrams):
        found = []
        for given_loops in (loops, None):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(page, "compiled_loops", lambda given_loops=given_loops: given_loops)
                patch.setattr(gopher, "compiled_loops", lambda given_loops=given_loops: given_loops)
                found.append(rule(TextPage([" ".join(words)], language), most))
        assert found[0] == found[1]
