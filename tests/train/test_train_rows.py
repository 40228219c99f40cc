"""Several pair sets as one: tokens and hard negatives of any rows, and which hard negatives are known to be right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from schemas import read_pair_set
from tests.train.conftest import TEXTS, pairs_with_negatives
from train.static_encoder import StaticEncoder
from train.token_cache import open_or_make, without_tokens
from train.train_rows import TrainRows, rows_where
from train.word_tokenizer import train_word_tokenizer

LENGTHS = {"anchor": 20, "positive": 20}


@pytest.fixture
def encoder() -> StaticEncoder:
    return StaticEncoder(train_word_tokenizer(TEXTS * 3, 200), 4, 20)


@pytest.fixture
def two_sets(make_pair_set, encoder, tmp_path):
    pairs = pairs_with_negatives(40, each=4)
    folders = [make_pair_set(pairs[:25], files=2), make_pair_set(pairs[25:])]
    caches = [open_or_make(str(one), encoder, LENGTHS, tmp_path / "tokens", negatives=3) for one in folders]
    texts = [row for one in folders for row in read_pair_set(one, "train").to_table().to_pylist()]
    return TrainRows(caches), texts, folders


def test_tokens_of_any_rows_in_any_order(two_sets, encoder):
    rows, texts, _ = two_sets
    wanted = np.array([39, 0, 24, 25, 7, 30])
    assert rows.rows == 40
    for side in ("anchor", "positive"):
        expected = encoder.token_ids([texts[row][side] for row in wanted], 20)
        got = rows.tokens(side, wanted)
        assert got.ids.tolist() == expected.ids.tolist() and got.offsets.tolist() == expected.offsets.tolist()
    assert rows.take("anchor_hash", wanted).tolist() == [texts[row]["anchor_hash"] for row in wanted]
    assert [rows.place(row) for row in (0, 24, 25, 39)] == [(0, 0), (0, 24), (1, 0), (1, 14)]


def test_hard_negatives_are_the_best_of_each_row_or_drawn_from_them(two_sets, encoder):
    rows, texts, _ = two_sets
    wanted = np.arange(39, -1, -1)
    all_of_them = rows.choose_negatives(wanted, 3, np.random.default_rng(0))
    kept = [texts[row]["negatives"][:3] for row in wanted]
    assert [own.tolist() for own in all_of_them] == [list(range(len(own))) for own in kept]
    flat = [text for own in kept for text in own]
    assert rows.negative_tokens(wanted, all_of_them).ids.tolist() == encoder.token_ids(flat, 20).ids.tolist()
    drawn = [rows.choose_negatives(wanted, 1, np.random.default_rng(seed)) for seed in range(8)]
    for place, own in enumerate(kept):
        seen = {int(which) for one in drawn for which in one[place]}
        assert all(len(one[place]) == min(len(own), 1) for one in drawn)
        assert seen <= set(range(len(own))) and (len(own) < 3 or len(seen) > 1)
    again = rows.choose_negatives(wanted, 1, np.random.default_rng(3))
    assert [own.tolist() for own in again] == [own.tolist() for own in drawn[3]]


def test_no_hard_negatives_at_all(make_pair_set, encoder, tmp_path):
    rows = TrainRows([open_or_make(str(make_pair_set(5)), encoder, LENGTHS, tmp_path, negatives=2)])
    chosen = rows.choose_negatives(np.arange(5), 2, np.random.default_rng(0))
    assert [len(own) for own in chosen] == [0] * 5
    assert len(rows.negative_tokens(np.arange(5), chosen)) == 0
    assert rows.identity(np.arange(5), chosen).negative_cells is None


def test_known_false_negatives_among_hard_negatives(make_pair_set, encoder, tmp_path):
    """By text, by a row of the data with the same anchor, by a row of the data in the same cluster; not otherwise."""
    plain = pairs_with_negatives(8, each=0)
    answer = {number: plain[number].positive_hash for number in range(8)}
    own = {  # the hard negatives of each row of the batch, by the row whose positive they are
        0: [1],  # row 1 has row 0's anchor
        2: [3],  # row 3 is in row 2's cluster
        4: [4],  # its own positive
        5: [6, 7],  # nobody's
    }
    pairs = []
    for number, pair in enumerate(plain):
        hashes = tuple(answer[other] for other in own.get(number, ()))
        texts = tuple(plain[other].positive for other in own.get(number, ()))
        pairs.append(replace(pair, negatives=texts, negative_hashes=hashes, cluster=100 + number))
    pairs[1] = replace(pairs[1], anchor_hash=pairs[0].anchor_hash)
    pairs[3] = replace(pairs[3], cluster=pairs[2].cluster)
    pairs[7] = replace(pairs[7], cluster=None)
    data = make_pair_set(pairs)
    rows = TrainRows([open_or_make(str(data), encoder, LENGTHS, tmp_path, negatives=2)])
    order = [pair.row_id for pair in pairs]
    place = {order.index(row["row_id"]): at for at, row in enumerate(read_pair_set(data).to_table().to_pylist())}
    batch = np.array([place[number] for number in (0, 2, 4, 5)])  # rows 1 and 3 are not in the batch
    chosen = rows.choose_negatives(batch, 2, np.random.default_rng(0))
    cells = rows.identity(batch, chosen).negative_cells
    assert list(zip(*(side.tolist() for side in cells), strict=True)) == [(0, 0), (1, 1), (2, 2)]


def test_rows_are_chosen_by_an_expression(two_sets):
    rows, texts, folders = two_sets
    where = 'group in ("owner/repo1", "owner/repo2")'
    kept = [rows_where(str(one), where) for one in folders]
    chosen = rows.of_sources(kept)["docstring_code/python"]
    assert sorted(texts[row]["group"] for row in chosen) == ["owner/repo1"] * 4 + ["owner/repo2"] * 4
    assert len(rows.of_sources()["docstring_code/python"]) == 40


def test_a_plan_needs_no_tokens(two_sets):
    rows, _, folders = two_sets
    bare = TrainRows([without_tokens(str(one), 3) for one in folders])
    for name in ("anchor_hash", "positive_hash", "cluster", "has_cluster", "source"):
        assert bare.take(name, np.arange(40)).tolist() == rows.take(name, np.arange(40)).tolist()
    for one, other in zip(bare.caches, rows.caches, strict=True):
        assert one.arrays["negative_rows"].tolist() == other.arrays["negative_rows"].tolist()
