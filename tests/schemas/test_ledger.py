import pytest

from schemas.ledger import FAILURES, LISTED_FAILURES, REASONS, STAGES, Ledger, LedgerError


def balanced() -> Ledger:
    ledger = Ledger("mine-code")
    ledger.read("file", 5)
    ledger.keep("file", 3)
    ledger.drop("file", "too_large")
    ledger.fail("file", "not_utf8", where="a.py", why="byte 0xff")
    ledger.made("file", 7)
    ledger.read("function", 7)
    ledger.keep("function", 7)
    ledger.made("function", 7)
    ledger.read("pair", 7)
    ledger.keep("pair", 7)
    return ledger


def test_every_stage_has_closed_lists():
    names = {f"{job}/{stage}" for job, stages in STAGES.items() for stage in stages} | {"any/removal"}
    assert set(REASONS) == set(FAILURES) == names
    for name in names:
        listed = REASONS[name] + FAILURES[name]
        assert len(set(listed)) == len(listed), name


def test_one_lost_item_is_found():
    ledger = balanced()
    ledger.check()
    ledger.read("file")
    with pytest.raises(LedgerError, match="'file' read 6 but accounts for 5"):
        ledger.check()


def test_items_that_the_next_stage_never_read_are_found():
    ledger = balanced()
    ledger.made("file", 1)
    with pytest.raises(LedgerError, match="'file' made 8 but stage 'function' read 7"):
        ledger.check()


def test_a_reason_outside_the_closed_list_is_refused():
    with pytest.raises(ValueError, match="'because' is no reason of mine-code/file"):
        Ledger("mine-code").drop("file", "because")


def test_units_add_up_and_json_gives_the_same_back():
    total = balanced()
    total.add(balanced())
    total.note("bytes_skipped", 3)
    again = Ledger.from_json(total.to_json())
    assert again.to_json() == total.to_json()
    assert again.stages["file"].read == 10
    assert again.stages["file"].dropped == {"too_large": 2}
    assert len(again.failures) == 2


def test_the_list_of_failures_is_bounded_but_the_count_is_not():
    ledger = Ledger("mine-code")
    for i in range(LISTED_FAILURES + 5):
        ledger.read("file")
        ledger.fail("file", "not_utf8", where=str(i))
    assert len(ledger.failures) == LISTED_FAILURES
    assert ledger.stages["file"].failed["not_utf8"] == LISTED_FAILURES + 5


def test_what_is_removed_from_a_finished_set_is_counted_once_more():
    ledger = balanced()
    for reasons, kept in (({"repo": 2}, 5), ({"repo": 1, "url": 0}, 4)):
        ledger.remove(reasons, kept)
        ledger.check()
    assert (ledger.stages["removal"].read, ledger.kept_last()) == (7, 4)
    again = Ledger.from_json(ledger.to_json())
    assert again.to_json() == ledger.to_json() and again.kept_last() == 4
    again.check()
    again.stages["pair"].kept += 1
    again.stages["pair"].read += 1
    again.stages["function"].made += 1
    with pytest.raises(LedgerError, match="8 rows were kept but the removal read 7"):
        again.check()
