from hypothesis import given
from hypothesis import strategies as st

from miners.near_duplicates.difference import Stretch, difference


def test_stretches_that_differ_are_named() -> None:
    left, right = difference("Sorts the list in place.", "Sorts a list in place!")
    assert left == [
        Stretch("Sorts ", True),
        Stretch("the", False),
        Stretch(" list in place", True),
        Stretch(".", False),
    ]
    assert [stretch.text for stretch in right if not stretch.is_shared] == ["a", "!"]


@given(st.text("ab \n.é", max_size=60), st.text("ab \n.é", max_size=60))
def test_stretches_join_to_the_texts_and_share_the_same(left: str, right: str) -> None:
    sides = difference(left, right)
    assert tuple("".join(stretch.text for stretch in side) for side in sides) == (left, right)
    shared = ["".join(stretch.text for stretch in side if stretch.is_shared) for side in sides]
    assert shared[0] == shared[1]


def test_equal_and_empty_texts() -> None:
    assert difference("same text", "same text") == ([Stretch("same text", True)], [Stretch("same text", True)])
    assert difference("", "x") == ([], [Stretch("x", False)])


def test_long_texts_are_told_apart_too() -> None:
    long = "def f(x): return x + 1\n" * 4000
    left, right = difference(long, long.replace("x + 1", "x - 1", 1))
    assert "".join(stretch.text for stretch in left) == long
    assert next(stretch.text for stretch in left if not stretch.is_shared).startswith("+")
    assert next(stretch.text for stretch in right if not stretch.is_shared).startswith("-")
