import numpy as np
import pyarrow as pa

from miners.near_duplicates.resolve import NEAR, SAME_PAIR
from pipelines.deduping.source_loss import Loss, count_losses, is_alarm, losses_to_json, note_losses, sum_losses
from schemas.ledger import Ledger


def test_losses_are_counted_by_name_and_travel_as_json() -> None:
    names = pa.chunked_array([["a", "b", "a"], ["a"]])
    losses = count_losses(names, np.array([0, NEAR, NEAR, SAME_PAIR], np.uint8))
    assert losses == {"a": Loss(3, {NEAR: 1, SAME_PAIR: 1}), "b": Loss(1, {NEAR: 1})}
    twice = sum_losses([losses_to_json(losses), losses_to_json(losses)])
    assert twice == {"a": Loss(6, {NEAR: 2, SAME_PAIR: 2}), "b": Loss(2, {NEAR: 2})}


def test_the_worst_are_named_first_and_the_rest_counted() -> None:
    ledger = Ledger("dedupe")
    losses = {f"s{i:02d}": Loss(100, {NEAR: 60 + i, SAME_PAIR: 10}) for i in range(25)}
    losses |= {"small": Loss(99, {NEAR: 99}), "fine": Loss(100, {NEAR: 50})}
    lines = note_losses(ledger, "group", losses, 0.5)
    assert len(lines) == 21 and lines[-1].startswith("5 more of kind group")
    assert lines[0] == "group s24 lost 94.0% of its 100 rows: near_duplicate 84, same_pair 10"
    assert ledger.notes["lost/group/s24"] == 94 and is_alarm(ledger.notes)
    assert not any("small" in line or "fine" in line for line in lines)
    assert note_losses(Ledger("dedupe"), "group", {"fine": losses["fine"]}, 0.5) == []
