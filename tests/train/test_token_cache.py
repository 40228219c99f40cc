"""The token cache: what it holds is what the tokenizer cuts, in the set's canonical order."""

from __future__ import annotations

import numpy as np
import pytest

from schemas import read_pair_set
from schemas.token_cache import INDEX_NAME, array_path
from train.static_encoder import StaticEncoder
from train.token_cache import TokenCache, open_or_make
from train.word_tokenizer import train_word_tokenizer

LENGTHS = {"anchor": 8, "positive": 12}


@pytest.fixture
def encoder() -> StaticEncoder:
    texts = ["return the sum of item number and its neighbour def add a b return 0 1 2 3 4 5 6 7 8 9"] * 3
    return StaticEncoder(train_word_tokenizer(texts, 200), 4, 12)


def test_holds_the_tokens_of_every_row_in_canonical_order(make_pair_set, encoder, tmp_path):
    data = make_pair_set(50, files=3)
    seen = []
    lengths = LENGTHS
    cache = open_or_make(str(data), encoder, lengths, tmp_path, lambda done, total: seen.append((done, total)))
    table = read_pair_set(data, "train").to_table()
    assert cache.rows == len(table) == 50
    assert seen[-1] == (50, 50)
    rows = np.array([49, 0, 7, 7])
    for side in ("anchor", "positive"):
        expected = encoder.token_ids([table[side][int(row)].as_py() for row in rows], lengths[side])
        assert cache.tokens(side, rows).ids.tolist() == expected.ids.tolist()
        assert cache.arrays[f"{side}_hash"].tolist() == table[f"{side}_hash"].to_pylist()
    assert not cache.arrays["has_cluster"].any()
    assert [cache.sources[place] for place in cache.arrays["source"]] == table["source"].to_pylist()


def test_is_made_once_and_again_for_other_lengths(make_pair_set, encoder, tmp_path):
    data = str(make_pair_set(20))
    first = open_or_make(data, encoder, LENGTHS, tmp_path)
    made = (first.folder / INDEX_NAME).stat().st_mtime_ns
    assert (open_or_make(data, encoder, LENGTHS, tmp_path).folder / INDEX_NAME).stat().st_mtime_ns == made
    assert open_or_make(data, encoder, {**LENGTHS, "anchor": 9}, tmp_path).folder != first.folder
    assert not list(tmp_path.glob("*.part"))


def test_a_damaged_cache_is_refused(make_pair_set, encoder, tmp_path):
    cache = open_or_make(str(make_pair_set(20)), encoder, LENGTHS, tmp_path)
    path = array_path(cache.folder, "anchor_ids")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="damaged; delete"):
        TokenCache.open(cache.folder)
    (cache.folder / INDEX_NAME).write_text("{")
    with pytest.raises(ValueError, match="no whole token cache"):
        TokenCache.open(cache.folder)


def test_a_set_without_rows_is_refused(make_pair_set, encoder, tmp_path):
    with pytest.raises(ValueError, match="nothing to train on"):
        open_or_make(str(make_pair_set([])), encoder, LENGTHS, tmp_path)
