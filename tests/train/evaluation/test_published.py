"""The papers' figures stand beside ours where the protocol is the same, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from train.evaluation.published import CLEANED_BASE, CLEANED_TEST, CSN_1K, CSN_TEST, published_rows
from train.evaluation.rows import Score, ScoreRow
from train.evaluation.table import format_tables


def row(part: str = "ruby", **fields) -> ScoreRow:
    dropped = CSN_TEST[part] % 1000 if part in CSN_TEST else 0
    wanted = {
        "task": "code-search",
        "data": "test",
        "protocol": "csn-1k",
        "part": part,
        "texts": "as written",
        "system": "model",
        "items": CSN_TEST.get(part, 0) - dropped,
        "items_dropped": dropped,
        "groups": 0,
        "scores": {"mrr": Score(0.5, 0.4, 0.6), "mrr_strict": Score(0.4, 0.3, 0.5)},
    }
    return ScoreRow(**(wanted | fields))


def all_languages(**fields) -> list[ScoreRow]:
    rows = [row(part, **fields) for part in CSN_TEST]
    return [*rows, row("mean", mean_of=tuple(range(len(rows))), **fields)]


def test_every_figure_of_the_paper_stands_beside_the_whole_test_set():
    found = published_rows(all_languages())
    assert len(found) == sum(len(one.values) for one in CSN_1K)
    [small] = [one for one in found if one.system == "cpt-code S" and one.part == "mean"]
    assert small.scores == {"mrr_strict": Score(0.934)} and small.published == "Neelakantan et al. 2022"


def test_means_of_languages_are_those_that_the_papers_print():
    for one in CSN_1K:
        parts = [value for part, value in one.values.items() if part != "mean"]
        if parts:
            assert sum(parts) / 6 == pytest.approx(one.values["mean"], abs=0.06)


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": "csn-10k"},
        {"task": "pair-set"},
        {"texts": "comments removed"},
        {"items": 1000},
        {"system": "bm25"},
        {"leaked": "left out"},
        {"part": "kotlin"},
    ],
)
def test_another_protocol_or_other_data_has_none(other):
    assert published_rows([row()]) and not published_rows([replace(row(), **other)])


def test_a_mean_of_some_languages_has_none():
    rows = [row("ruby"), row("go"), row("mean", mean_of=(0, 1))]
    assert {one.part for one in published_rows(rows)} == {"ruby", "go"}


def test_the_cleaned_sets_need_their_code_bases():
    def cleaned(part: str, base: int) -> ScoreRow:
        details = {"candidates_per_query": base}
        return row(part, protocol="csn-full", items=CLEANED_TEST[part], items_dropped=0, details=details)

    whole = [cleaned(part, CLEANED_BASE[part]) for part in CLEANED_TEST]
    mean = row("mean", protocol="csn-full", mean_of=tuple(range(6)))
    assert {one.system for one in published_rows([*whole, mean])} == {
        "CodeBERT",
        "GraphCodeBERT",
        "UniXcoder",
        "GTE-base",
    }
    assert not published_rows([*(cleaned(part, CLEANED_TEST[part]) for part in CLEANED_TEST), mean])


def test_ms_marco_s_figures_need_all_its_passages():
    fields = {"task": "retrieval", "protocol": "all-documents", "part": "all", "items_dropped": 0}
    scores = {"ndcg@10": Score(0.3), "mrr@10": Score(0.2)}
    whole = row(**fields, items=6980, scores=scores, details={"documents": 8_841_823})
    assert {(one.system, one.scores["mrr@10"].value) for one in published_rows([whole])} == {
        ("cpt-text S", 0.199),
        ("BM25", 0.184),
    }
    assert not published_rows([replace(whole, details={"documents": 100_000})])


def test_the_table_puts_them_under_the_line_they_belong_to():
    rows = all_languages()
    lines = format_tables([*rows, row("ruby", system="bm25"), *published_rows(rows)]).splitlines()
    ruby = [line for line in lines if " ruby " in line]
    start = lines.index(ruby[0])
    assert ruby == lines[start : start + 7] and "cpt-code S (Neelakantan et al. 2022)" in ruby[2]
    assert ruby[2].split()[-3:] == ["-", "-", "86.3"]
