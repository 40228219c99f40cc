"""Metrics of rankings by trec_eval (the pytrec_eval library), and TREC's run files.

Ties count against the system: of documents with scores within `train.retrieval.TIE`, those with the lower grade stand
first. trec_eval gets ranks for scores, so that its own order of equal scores (by name) decides nothing.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import numpy as np

from train.evaluation.text_files import Place, number_of, open_text
from train.retrieval import TIE

_TREC_NAMES = {"mrr": "recip_rank", "mrr@10": "recip_rank", "map": "map"}

Ranking = Mapping[str, float]
"""Document -> score."""


def trec_values(
    rankings: Sequence[Ranking], grades: Sequence[Mapping[str, int]], metrics: Sequence[str], relevant_from: int
) -> np.ndarray:
    """float64 of (queries, metrics) from the ranked documents and the judgements of each query.

    Metrics are mrr, mrr@10, map, recall@K and ndcg@K (gain: the grade). A relevant document that is not in the ranking
    counts as not found.
    """
    import pytrec_eval

    judged = {str(i): dict(of_query) for i, of_query in enumerate(grades)}
    evaluator = pytrec_eval.RelevanceEvaluator(
        judged, {_asked_for(metric) for metric in metrics}, relevance_level=relevant_from
    )
    ranks = {str(i): _ranks(ranking, grades[i]) for i, ranking in enumerate(rankings)}
    found = evaluator.evaluate(ranks)
    values = np.array([[found[str(i)][_trec_name(metric)] for metric in metrics] for i in range(len(rankings))])
    for column, metric in enumerate(metrics):
        if metric == "mrr@10":  # trec_eval's reciprocal rank has no cut
            values[values[:, column] < 1 / 10, column] = 0.0
    return values


def _trec_name(metric: str) -> str:
    name, _, cut = metric.partition("@")
    return _TREC_NAMES.get(metric) or f"{ {'ndcg': 'ndcg_cut'}.get(name, name) }_{cut}"


def _asked_for(metric: str) -> str:
    return _TREC_NAMES.get(metric) or _trec_name(metric)[::-1].replace("_", ".", 1)[::-1]


def _ranks(ranking: Ranking, grades: Mapping[str, int]) -> dict[str, float]:
    """Descending numbers for the documents from the best to the worst, ties against the system."""

    def key(document: str) -> tuple[float, int]:
        grade = grades.get(document, 0)
        return (TIE if grade > 0 else 0.0) - ranking[document], grade

    best_first = sorted(ranking, key=key)
    return {document: float(len(best_first) - i) for i, document in enumerate(best_first)}


def read_run(path: Path, documents: Container[str]) -> tuple[str, dict[str, dict[str, float]]]:
    """The tag of a TREC run file and its scores by query and document.

    Six columns a line: query, Q0, document, rank, score, tag. ValueError, with the line, for another, and for a
    document that is not among the set's `documents`.
    """
    run: dict[str, dict[str, float]] = {}
    tag = path.stem
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            cells = line.split()
            if not cells:
                continue
            place = Place(path, number)
            if len(cells) != 6:
                raise ValueError(f"{place}: {len(cells)} columns; a run has 6 (query, Q0, document, rank, score, tag)")
            query, _, document, _, score, tag = cells
            scores = run.setdefault(query, {})
            if document in scores:
                raise ValueError(f"{place}: the document {document!r} stands twice in the list of {query!r}")
            if document not in documents:
                raise ValueError(f"{place}: {document!r} is no document of the set; is the run of another one?")
            scores[document] = number_of({"score": score}, "score", place)
    if not run:
        raise ValueError(f"{path} has no line")
    return tag, run
