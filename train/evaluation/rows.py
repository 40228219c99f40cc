"""The lines of an evaluation's result, and the table that is printed of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.bootstrap import interval
from train.retrieval import METRICS

COLUMNS = (*METRICS, "mrr_strict")
"""The scores of a line; ``mrr_strict`` is the MRR when everything but the query's own row is wrong."""


@dataclass(frozen=True)
class Score:
    """A mean over queries with its 95 % bootstrap intervals: over queries, and over groups (None below two groups)."""

    mean: float
    low: float
    high: float
    group_low: float | None
    group_high: float | None


@dataclass(frozen=True)
class ScoreRow:
    """One line of the result: which system, on which candidates, by which protocol, scored what."""

    task: str
    protocol: str
    source: str
    candidates: str
    """Which texts the candidates are: "as written", "comments removed", "names masked", or both of the latter."""
    system: str
    queries: int
    queries_dropped: int
    """Queries of the source that the protocol leaves out (the last partial chunk)."""
    candidates_per_query: int
    known_answers_per_query: float
    """Candidates that are right or were left out of the ranking (see `train.known_pairs`), on average; at least 1."""
    groups: int
    scores: dict[str, Score]


def scores_from(means: np.ndarray, by_query: np.ndarray, by_group: np.ndarray | None) -> dict[str, Score]:
    """The scores of `COLUMNS` from their means and the resampled means (`train.bootstrap`), a column each."""
    low, high = interval(by_query)
    ends = interval(by_group) if by_group is not None else None
    return {
        name: Score(
            mean=float(means[i]),
            low=float(low[i]),
            high=float(high[i]),
            group_low=float(ends[0][i]) if ends else None,
            group_high=float(ends[1][i]) if ends else None,
        )
        for i, name in enumerate(COLUMNS)
    }


def format_table(rows: Sequence[ScoreRow]) -> str:
    """The rows as a table in plain characters: means in percent, and the MRR's interval over groups, else queries."""
    head = ["protocol", "source", "candidates", "system", "queries", "among", "MRR", "95 %", "R@1", "R@5", "R@10"]
    lines = [[*head, "nDCG@10", "MRR strict"]]
    for row in rows:
        names = [row.protocol, row.source, row.candidates, row.system]
        sizes = [f"{row.queries:,}", f"{row.candidates_per_query:,}" if row.candidates_per_query else "-"]
        mrr, *others = (f"{100 * row.scores[name].mean:.1f}" for name in COLUMNS)
        lines.append([*names, *sizes, mrr, _ends(row.scores["mrr"]), *others])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    texts = 4
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < texts else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def _ends(score: Score) -> str:
    low, high = (score.group_low, score.group_high) if score.group_low is not None else (score.low, score.high)
    return f"{100 * low:.1f}-{100 * high:.1f}"
