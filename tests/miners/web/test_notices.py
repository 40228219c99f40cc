"""Lines with a notice's phrase are found; the compiled loop finds what Python finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.web import notices
from miners.web.notices import _NOTICE_BEGINNINGS, _NOTICE_START, _NOTICE_WORDS, notices_of

_SIGNS = (" ", "s", ": ", "— ", "_", "x", "1", "é", "語", "\U0001d4b3", "İ", ".")
_PIECES = (*_NOTICE_WORDS, *_NOTICE_BEGINNINGS, *_SIGNS)
_LINE = st.lists(st.sampled_from([*_PIECES, *map(str.upper, _PIECES), "Clic\u212a here"]), min_size=1, max_size=4)


@settings(max_examples=300)
@given(lines=st.lists(_LINE.map("".join), min_size=1, max_size=6))
def test_the_compiled_loop_finds_what_python_finds(lines: list[str]) -> None:
    pytest.importorskip("numba")
    found = notices_of(lines, range(len(lines)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notices, "compiled_module", lambda name: None)
        assert notices_of(lines, range(len(lines))) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("We use COOKIES to make this site better.", True),
        ("Foto: © A. Lee", True),
        ("Read more (in English): the mill", True),
        ("“Source: the mill’s own book.", True),
        ("Anzeige", True),
        ("The source: a spring above the mill.", False),
        ("Sources of the river lie above the mill: three of them.", False),
        ("He made a photograph of the mill", False),
        ("They mill, and share it: gladly", False),
    ],
)
def test_what_is_a_notice(line: str, found: bool) -> None:
    other = "The miller opens the sluice at dawn."
    assert notices_of([other, line, other], [0, 1, 2]) == ({1} if found else set())


def test_every_beginning_is_one_that_the_rule_asks_for() -> None:
    assert all(_NOTICE_START.match(f"\n{word}:") for word in _NOTICE_BEGINNINGS)
