"""Figures of the papers, printed beside ours where the protocol is the same, and nowhere else.

The same protocol means: the same items (told by their number in every language), the same candidates, texts as they
stand in the set's files, the same metric, one right answer a query. Only figures that were read in the papers are here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from train.evaluation.measured import AS_WRITTEN, MODEL
from train.evaluation.rows import KEPT, Score, ScoreRow

CPT = "Neelakantan et al. 2022"
UDEVER = "Zhang et al. 2023"
GTE = "Li et al. 2023"
GRAPHCODEBERT = "Guo et al. 2021"
UNIXCODER = "Guo et al. 2022"

CSN_TEST = {"go": 14_291, "java": 26_909, "javascript": 6_483, "php": 28_391, "python": 22_176, "ruby": 2_279}
"""Functions of CodeSearchNet's test files."""
CLEANED_TEST = {"go": 8_122, "java": 10_955, "javascript": 3_291, "php": 14_014, "python": 14_918, "ruby": 1_261}
CLEANED_BASE = {"go": 28_120, "java": 40_347, "javascript": 13_981, "php": 52_660, "python": 43_827, "ruby": 4_360}
"""Queries and code bases of the cleaned sets."""
MS_MARCO_QUERIES, MS_MARCO_PASSAGES = 6_980, 8_841_823
"""MS MARCO's development queries in BEIR, and its passages."""


@dataclass(frozen=True)
class Published:
    """One system's percentages under one protocol, by part."""

    system: str
    paper: str
    values: dict[str, float]


def _csn(system: str, paper: str, *values: float) -> Published:
    parts = ("ruby", "javascript", "go", "python", "java", "php", "mean")
    return Published(system, paper, dict(zip(parts, values, strict=True)))


CSN_1K = (
    _csn("cpt-code S", CPT, 86.3, 86.0, 97.7, 99.8, 94.0, 96.7, 93.4),
    _csn("cpt-code M", CPT, 85.5, 86.5, 97.5, 99.9, 94.4, 97.2, 93.5),
    _csn("GTE-base", GTE, 79.6, 79.4, 84.2, 98.8, 86.8, 86.8, 85.9),
    _csn("Udever 560m", UDEVER, 66.7, 69.4, 75.4, 96.2, 79.0, 73.7, 76.7),
    _csn("Udever 3b", UDEVER, 75.4, 76.2, 80.6, 98.0, 83.9, 79.7, 82.3),
    Published("CodeBERT", CPT, {"mean": 76.0}),
    Published("GraphCodeBERT", CPT, {"mean": 77.4}),
)
CSN_FULL = (
    Published("CodeBERT", GRAPHCODEBERT, {"mean": 69.3}),
    Published("GraphCodeBERT", GRAPHCODEBERT, {"mean": 71.3}),
    Published("UniXcoder", UNIXCODER, {"mean": 74.4}),
    Published("GTE-base", GTE, {"mean": 83.2}),
)
MS_MARCO = (Published("cpt-text S", CPT, {"all": 19.9}), Published("BM25", CPT, {"all": 18.4}))


def published_rows(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """A line for each figure that belongs beside one of the model's lines."""
    return [line for row in rows for line in _beside(row, rows)]


def _beside(row: ScoreRow, rows: Sequence[ScoreRow]) -> Iterator[ScoreRow]:
    if row.system != MODEL or row.leaked != KEPT or row.texts != AS_WRITTEN:
        return
    for metric, figures in _figures(row, rows):
        for one in figures:
            if row.part in one.values:
                yield replace(
                    row,
                    system=one.system,
                    published=one.paper,
                    scores={metric: Score(round(one.values[row.part] / 100, 4))},
                    items_dropped=0,
                    details={},
                    mean_of=(),
                )


def _figures(row: ScoreRow, rows: Sequence[ScoreRow]) -> Iterator[tuple[str, Sequence[Published]]]:
    """The metric and the figures of the protocol that a line follows to the letter."""
    parts = [rows[i] for i in row.mean_of] or [row]
    whole = not row.mean_of or {part.part for part in parts} == set(CSN_TEST)
    if row.task == "code-search" and whole:
        if row.protocol == "csn-1k" and all(_is_csn_test(part) for part in parts):
            yield "mrr_strict", CSN_1K
        if row.protocol == "csn-full" and all(_is_cleaned(part) for part in parts):
            yield "mrr_strict", CSN_FULL
    if row.task == "retrieval" and row.protocol == "all-documents" and _is_ms_marco(row):
        yield "mrr@10", MS_MARCO


def _is_csn_test(row: ScoreRow) -> bool:
    return row.items + row.items_dropped == CSN_TEST.get(row.part)


def _is_cleaned(row: ScoreRow) -> bool:
    candidates = row.details.get("candidates_per_query")
    return row.items == CLEANED_TEST.get(row.part) and candidates == CLEANED_BASE.get(row.part)


def _is_ms_marco(row: ScoreRow) -> bool:
    return row.items == MS_MARCO_QUERIES and row.details.get("documents") == MS_MARCO_PASSAGES
