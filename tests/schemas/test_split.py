import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.split import check_shares, split_of

shares = st.floats(0, 0.49)


@given(st.text(), st.text(), shares, shares, shares)
def test_changing_one_share_never_moves_the_other_split(group, key, validation, test, other):
    split = split_of(group, key, validation, test)
    if split == "validation":
        assert split_of(group, key, validation, other) == "validation" or other > 1 - validation
    if split == "test":
        assert split_of(group, key, other, test) == "test"


@given(st.text(), shares, shares)
def test_a_larger_share_keeps_what_a_smaller_one_had(group, small, more):
    large = min(0.49, small + more)
    if split_of(group, "key", 0.1, small) == "test":
        assert split_of(group, "key", 0.1, large) == "test"


def test_shares_are_met_and_the_key_matters():
    groups = [f"owner/repo{i}" for i in range(20_000)]
    splits = [split_of(group, "key", 0.05, 0.1) for group in groups]
    assert splits.count("validation") / len(groups) == pytest.approx(0.05, abs=0.006)
    assert splits.count("test") / len(groups) == pytest.approx(0.1, abs=0.008)
    assert splits != [split_of(group, "another key", 0.05, 0.1) for group in groups]


def test_shares_that_leave_no_room_for_training_are_refused():
    with pytest.raises(ValueError, match="less than 1"):
        check_shares(0.5, 0.5)
