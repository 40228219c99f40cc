"""Retrieval among pairs: CodeSearchNet's protocols on a small pair set, against the protocols written out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas import Provenance, make_pair
from tests.train.made_sets import code_pair, row_of, text_pair, write_set
from train.evaluation import paired_search
from train.evaluation.paired_search import PROTOCOLS, PairedSearch
from train.evaluation.rows import score_rows
from train.journal import Journal
from train.retrieval import TIE
from train.split_rows import read_split


class Letters:
    """An encoder without a model: counts of letters and digits, with the first letter counted thrice."""

    def encode(self, texts, side, batch_size=32):
        assert side in ("anchor", "positive")
        return np.array([np.bincount([ord(c) % 64 for c in t + t[:1] * 2], minlength=64) for t in texts], np.float32)


def scores(folder: Path, encoder=None, seed=0, **options) -> tuple[list, Journal]:
    journal = Journal(quiet=True)
    settings = {"protocols": tuple(PROTOCOLS), "strip_comments": False, "mask_names": False} | options
    rows = read_split(str(folder), "test")
    search = PairedSearch(task="pair-set", data="clean", rows=rows, device="cpu", journal=journal, **settings)
    return score_rows([*search.measure(encoder or Letters()), *search.baselines()], seed), journal


def test_csn_1k_is_chunks_of_a_thousand_in_canonical_order(pair_set):
    """Against the protocol written out: per source, chunks of 1000 in order, the rest dropped, ties against us."""
    pairs, vectors = [code_pair(i) for i in range(2000)], Letters()
    anchors, positives = (
        v / np.linalg.norm(v, axis=1, keepdims=True)
        for v in (
            vectors.encode([p.anchor for p in pairs], "anchor"),
            vectors.encode([p.positive for p in pairs], "positive"),
        )
    )
    reciprocal = []
    for start in (0, 1000):
        table = anchors[start : start + 1000].astype(np.float64) @ positives[start : start + 1000].T.astype(np.float64)
        reciprocal += [1 / (row >= row[i] - TIE).sum() for i, row in enumerate(table)]
    rows, _ = scores(pair_set, protocols=("csn-1k",))
    measured = row_of(rows, protocol="csn-1k", system="model")
    assert measured.scores["mrr"].value == pytest.approx(np.mean(reciprocal), rel=1e-3)
    assert measured.scores["mrr_strict"].value == pytest.approx(np.mean(reciprocal), rel=1e-3)


def test_neighbours_on_a_page_are_no_false_distractors(tmp_path):
    """Letters finds a passage's own text first, which is the candidate of the row before: known, and left out."""
    folder = write_set(tmp_path / "set", test=[text_pair(i) for i in range(40)])
    rows, _ = scores(folder, protocols=("csn-full",))
    row = row_of(rows, system="model")
    assert row.details["known_answers_per_query"] == 2
    assert row.scores["mrr"].value > row.scores["mrr_strict"].value


def test_the_mean_of_sources_weighs_languages_alike(tmp_path, monkeypatch):
    monkeypatch.setitem(paired_search.CHUNKS, "csn-1k", 20)
    folder = write_set(tmp_path / "set", test=[code_pair(i) for i in range(70)] + [text_pair(i) for i in range(25)])
    rows, _ = scores(folder, protocols=("csn-1k",))
    of = [row_of(rows, part=s, system="bm25") for s in ("docstring_code/python", "neighbor_text/en")]
    assert [r.items for r in of] == [60, 20]
    mean = row_of(rows, part="mean", system="bm25").scores["mrr"]
    assert mean.value == pytest.approx((of[0].scores["mrr"].value + of[1].scores["mrr"].value) / 2)
    assert mean.low < mean.value < mean.high


def test_a_source_of_few_rows_is_left_out_of_the_mean_of_full_sources(tmp_path):
    code = [code_pair(i) for i in range(30)]
    few = [replace(pair, language="cpp", source="docstring_code/cpp") for pair in map(code_pair, range(100, 104))]
    folder = write_set(tmp_path / "set", test=[*code, *few, *(text_pair(i) for i in range(40))])
    rows, journal = scores(folder, protocols=("csn-full",))
    full = {row.part: row for row in rows if row.system == "model" and row.protocol == "csn-full"}
    assert {part: row.items for part, row in full.items()} == {
        "docstring_code/cpp": 4,
        "docstring_code/python": 30,
        "neighbor_text/en": 40,
        "mean": 70,
    }
    assert "left out of the mean, with fewer than 20 rows: docstring_code/cpp" in journal.notes


def test_a_source_of_one_row_gets_no_score(tmp_path):
    folder = write_set(tmp_path / "set", test=[code_pair(i) for i in range(5)] + [text_pair(0)])
    rows, journal = scores(folder)
    assert {r.part for r in rows} == {"docstring_code/python", "all"}
    assert any("neighbor_text/en has one row" in note for note in journal.notes)


def test_texts_that_masking_makes_equal_answer_each_other(tmp_path):
    pairs = [
        make_pair(
            kind="docstring_code",
            language="python",
            anchor=f"Anchor {name}.",
            positive=f"def {name}(self):\n    return self._x\n",
            place=(name,),
            group=None,
            provenance=Provenance(symbol=name),
        )
        for name in ("one", "two", "three")
    ]
    rows, _ = scores(write_set(tmp_path / "set", test=pairs), mask_names=True, protocols=("csn-full",))
    masked = row_of(rows, texts="names masked", system="bm25")
    assert masked.scores["mrr"].value == 1 and masked.scores["mrr_strict"].value == pytest.approx(1 / 3)


def test_the_same_seed_gives_the_same_intervals(pair_set):
    one, two, other = (scores(pair_set, protocols=("csn-full",), seed=seed)[0] for seed in (1, 1, 2))
    assert one == two != other
