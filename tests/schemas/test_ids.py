from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import length_prefixed, numbered_row_ids, pair_id, row_id


def test_golden_ids():
    """Stored in every pair set: these values may never change."""
    content = pair_id("docstring_code", "Add two numbers.", "def add(a, b):\n    return a + b")
    assert content == "3b4da49c840616c3e906ae2b1dbd67f1"
    assert row_id(content, ("code", "owner/name", "src/add.py", 0, 30)) == "01df9508e224645a752d92ff588f0302"


@given(st.lists(st.binary(max_size=20)), st.lists(st.binary(max_size=20)))
def test_different_parts_never_give_the_same_bytes(left, right):
    assert (length_prefixed(*left) == length_prefixed(*right)) == (left == right)


def test_moving_a_character_between_sides_changes_the_pair():
    assert pair_id("neighbor_text", "ab", "c") != pair_id("neighbor_text", "a", "bc")


def test_numbers_and_digits_are_different_places():
    assert row_id("0" * 32, ("web", 1)) != row_id("0" * 32, ("web", "1"))


@given(
    st.lists(st.integers(min_value=0, max_value=1 << 40), max_size=5),
    st.lists(st.text(max_size=12) | st.integers(), max_size=3),
)
def test_rows_of_a_table_or_a_page_are_named_as_one_by_one(numbers, place):
    contents = [pair_id("neighbor_text", str(place), str(number)) for number in numbers]
    expected = [row_id(content, (*place, number)) for content, number in zip(contents, numbers, strict=True)]
    assert numbered_row_ids(contents, place, numbers) == expected
