"""Rows of tokens back to back: what is taken is what the rows hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train.ragged import Ragged

ROWS = st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=6)


def as_lists(tokens: Ragged) -> list[list[int]]:
    return [part.tolist() for part in np.split(tokens.ids, tokens.offsets[1:-1])] if len(tokens) else []


@given(ROWS, st.data())
def test_rows_are_taken_in_the_order_asked_for(rows: list[list[int]], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)) if rows else []
    taken = Ragged.from_lists(rows).take(np.array(places, np.int64))
    assert as_lists(taken) == [rows[place] for place in places]
    assert taken.lengths.tolist() == [len(rows[place]) for place in places]


def test_a_memory_map_is_read_in_the_type_of_its_file(tmp_path: Path) -> None:
    np.save(tmp_path / "ids.npy", np.arange(10, dtype=np.uint32))
    tokens = Ragged(np.load(tmp_path / "ids.npy", mmap_mode="r"), np.array([0, 4, 4, 10]))
    taken = tokens.take(np.array([2, 1, 0]))
    assert as_lists(taken) == [[4, 5, 6, 7, 8, 9], [], [0, 1, 2, 3]]
    assert taken.ids.dtype == np.uint32
