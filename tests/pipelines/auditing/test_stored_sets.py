"""Shingle sets in a file: what is read back is what the texts give, and every comparison is made once."""

import numpy as np
import pytest

from miners.near_duplicates import CODE, TEXT, distinct
from miners.near_duplicates.resolve import ANCHOR, JOINT, POSITIVE
from miners.near_duplicates.runs import join_runs
from miners.near_duplicates.shingles import side_runs
from pipelines.auditing import stored_sets
from pipelines.auditing.stored_sets import StoredSets
from pipelines.deduping.config import DedupeConfig
from pipelines.set_files import load_manifest
from schemas import Provenance, make_pair
from schemas.pair_set import read_pair_set

ROWS = np.array([0, 3, 4, 9], np.uint64)


def pair(i):
    return make_pair(
        kind="docstring_code" if i % 3 == 0 else "neighbor_text",
        language="python" if i % 3 == 0 else "en",
        anchor=f"The stone of mill number {i} turns with the water of the brook",
        positive=f"def grind_{i}(sack):\n    total = {i}\n    for grain in sack:\n        total += grain",
        place=("mill", i),
        group="mill",
        provenance=Provenance(),
    )


@pytest.fixture
def stored(make_pair_set, tmp_path):
    """The sets of some rows of both of a set's files, and the rows."""
    folder = make_pair_set([pair(i) for i in range(20)], files=2)
    paths = [f"{folder}/{entry.path}" for entry in load_manifest(str(folder)).data_files()]
    references = np.concatenate([ROWS, ROWS | np.uint64(1 << 32)])
    rows = read_pair_set(str(folder)).to_table().to_pylist()
    chosen = [
        rows[int(reference >> np.uint64(32)) * 10 + int(reference & np.uint64(0xFFFF))] for reference in references
    ]
    return StoredSets(DedupeConfig(), paths, references, str(tmp_path / "sets")), references, chosen


@pytest.mark.parametrize("side", [JOINT, ANCHOR, POSITIVE])
def test_sets_are_those_of_the_texts(stored, side):
    sets, references, rows = stored
    of_code = np.array([row["kind"] == "docstring_code" for row in rows])
    anchors = side_runs([row["anchor"] for row in rows], np.zeros(len(rows), bool), TEXT, CODE)
    positives = side_runs([row["positive"] for row in rows], of_code, TEXT, CODE)
    expected = distinct({JOINT: join_runs(anchors, positives), ANCHOR: anchors, POSITIVE: positives}[side])
    some = np.array([0, 2, 3, 7])
    found = sets.take(side, references[some])
    assert [found[i].tolist() for i in range(4)] == [expected[i].tolist() for i in some]


def test_chunks_hold_every_pair_once_and_are_bounded(stored, monkeypatch):
    sets, references, _ = stored
    monkeypatch.setattr(stored_sets, "CHUNK_SHINGLES", 50)
    left, right = references[[0, 0, 1, 2, 3, 5]], references[[1, 4, 6, 3, 7, 6]]
    chunks = list(sets.chunks(JOINT, left, right))
    assert [i for chunk in chunks for i in range(len(left))[chunk]] == list(range(len(left)))
    assert len(chunks) > 2
    assert list(sets.chunks(JOINT, left[:0], right[:0])) == []
