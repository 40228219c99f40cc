"""Arrays and texts on disk give back what was put, in any order of places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.negatives.row_files import RowFile, TextFile


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=20))
def test_rows_come_back(tmp_path_factory, order, asked):
    file = RowFile(tmp_path_factory.mktemp("rows") / "rows", "<i8", 2)
    values = np.array([[place, place * place] for place in order])
    file.put(np.array(order[:5]), values[:5])
    file.put(np.array(order[5:]), values[5:])
    assert file.read(3, 9).tolist() == [[i, i * i] for i in range(3, 9)]
    assert file.take(np.array(asked, np.int64)).tolist() == [[i, i * i] for i in asked]
    file.close()


@given(st.lists(st.text(st.characters(), max_size=8), min_size=1, max_size=9), st.randoms())
def test_texts_come_back(tmp_path_factory, texts, random):
    file = TextFile(tmp_path_factory.mktemp("texts") / "texts")
    places = list(range(len(texts)))
    random.shuffle(places)
    half = len(texts) // 2
    file.put(np.array(places[:half], np.int64), texts[:half])
    file.put(np.array(places[half:], np.int64), texts[half:])
    assert file.take(np.array(places, np.int64)) == texts
    assert file.read(0, len(texts)) == [texts[places.index(i)] for i in range(len(texts))]
    file.close()


def test_a_file_that_ends_too_early_is_an_error(tmp_path):
    file = RowFile(tmp_path / "rows", "<f4", 4)
    file.put(np.array([0]), np.ones((1, 4)))
    with pytest.raises(EOFError, match="--overwrite"):
        file.read(0, 2)
    file.close()
