"""Retrieval on a collection, by a model and by BM25: exact search over all documents, or an order of given lists.

Documents are encoded block by block and compared with all queries at once, so memory is the texts, the queries'
vectors and a tile of scores, however many documents there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.encoders import TextEncoder, finite_vectors
from train.evaluation.collection import Collection
from train.evaluation.measured import ALL, MODEL, MeanOf, Measured
from train.evaluation.trec_metrics import Ranking, trec_values
from train.journal import Journal
from train.negatives.nearest import BlockSearch, FaissSearch, Found
from train.negatives.word_search import WordSearch

DEPTH = 1000
"""Documents of a ranking, as trec_eval's and BEIR's users take them."""
ENCODED_AT_ONCE = 32_768
"""Documents: enough for the encoder to sort by length, and a whole tile on a GPU."""

Run = tuple[str, dict[str, dict[str, float]]]
"""The tag of a run file, and its scores by query and document."""


@dataclass(frozen=True)
class CollectionSearch:
    """A collection, and how it is searched."""

    task: str
    collection: Collection
    metrics: tuple[str, ...]
    device: str
    journal: Journal
    index: str = "blocks"
    depth: int = DEPTH
    run: Run | None = None
    """Candidate lists to order; None: all documents are candidates."""

    def check(self) -> None:
        """ValueError where the run has none of the queries."""
        if self.run is None:
            return
        tag, lists = self.run
        missing = [name for name in self.collection.query_names if name not in lists]
        if len(missing) == len(self.collection.query_names):
            raise ValueError(f"run {tag} has none of the queries of {self.collection.name}: is it of another set?")
        if missing:
            self.journal.note(f"run {tag} has no list for {len(missing):,} queries: they count as not found")

    def measure(self, encoder: TextEncoder) -> list[Measured | MeanOf]:
        """The values of every query by the model, for all of them and for each language."""
        self.journal.progress(f"{self.collection.name}: encoding {len(self.collection.queries):,} queries")
        queries = finite_vectors(encoder, self.collection.queries, "anchor")
        if self.run is not None:
            return self._rows(MODEL, self._ordered(self.run[1], queries, encoder))
        self.journal.progress(f"{self.collection.name}: searching {len(self.collection.documents):,} documents")
        count = len(self.collection.documents)
        read = EncodedBlocks(encoder, self.collection.documents)
        search = (
            FaissSearch(read, count, encoder.dimension)
            if self.index == "faiss"
            else BlockSearch(read, count, self.device)
        )
        best = search.best(queries, self.collection.own_documents, min(self.depth, count))
        return self._rows(MODEL, self._rankings(best))

    def baselines(self) -> list[Measured | MeanOf]:
        """BM25's values; of given lists also those of their own order."""
        self.journal.progress(f"{self.collection.name}: BM25 over {len(self.collection.documents):,} documents")
        found = [] if self.run is None else self._rows(f"run {self.run[0]}", self._lists(self.run[1]))
        return [*found, *self._rows("bm25", self._by_words())]

    def _by_words(self) -> list[Ranking]:
        texts = self.collection.documents
        search = WordSearch(lambda start, stop: texts[start:stop], np.full(len(texts), self.collection.is_code))
        asking = len(self.collection.queries)
        is_code, own = np.full(asking, self.collection.is_code), np.zeros(asking, np.int64)
        depth = len(texts) if self.run else min(self.depth, len(texts))
        best, _ = search.best(self.collection.queries, is_code, own, self.collection.own_documents, depth)
        rankings = self._rankings(best)
        if self.run is None:
            return rankings
        lists = self._lists(self.run[1])
        return [{d: scores.get(d, 0.0) for d in given} for scores, given in zip(rankings, lists, strict=True)]

    def _ordered(self, lists: dict[str, dict[str, float]], queries: np.ndarray, encoder: TextEncoder) -> list[Ranking]:
        """The model's cosines for the documents of each query's list; a document is encoded once."""
        given = self._lists(lists)
        wanted = sorted({self.collection.place_of[document] for scores in given for document in scores})
        self.journal.progress(f"{self.collection.name}: encoding {len(wanted):,} documents of the run's lists")
        vectors = finite_vectors(encoder, [self.collection.documents[place] for place in wanted], "positive")
        row_of = {self.collection.document_names[place]: row for row, place in enumerate(wanted)}
        found = []
        for query, scores in zip(queries, given, strict=True):
            cosines = vectors[[row_of[document] for document in scores]] @ query
            found.append(dict(zip(scores, cosines.tolist(), strict=True)))
        return found

    def _lists(self, lists: dict[str, dict[str, float]]) -> list[Ranking]:
        return [lists.get(name, {}) for name in self.collection.query_names]

    def _rankings(self, best: Found) -> list[Ranking]:
        names = self.collection.document_names
        return [
            {names[place]: score for place, score in zip(places, scores, strict=True) if place >= 0}
            for places, scores in zip(best.candidates.tolist(), best.scores.tolist(), strict=True)
        ]

    def _rows(self, system: str, rankings: Sequence[Ranking]) -> list[Measured | MeanOf]:
        collection = self.collection
        grades = [collection.judged[name] for name in collection.query_names]
        values = trec_values(rankings, grades, self.metrics, collection.relevant_from)
        everything = Measured(
            task=self.task,
            data=collection.name,
            protocol="all-documents" if self.run is None else f"rerank of {self.run[0]}",
            part=ALL,
            system=system,
            metrics=self.metrics,
            items=collection.query_names,
            values=values,
            texts=collection.texts,
            groups=_groups(collection),
            details={"documents": len(collection.documents), "index": self.index, "depth": self.depth},
        )
        return [everything, *_by_language(everything, collection.languages)]


def _groups(collection: Collection) -> np.ndarray | None:
    """Each query's group, itself where it is in none; None where no query is in one."""
    if not any(collection.groups):
        return None
    return np.array(
        [group or name for group, name in zip(collection.groups, collection.query_names, strict=True)], dtype=object
    )


def _by_language(measured: Measured, languages: Sequence[str | None]) -> list[Measured]:
    """The same of each language's queries; nothing where no language is stated."""
    of_query = np.array([language or "" for language in languages])
    return [measured.take(of_query == language, part=language) for language in sorted(set(of_query) - {""})]


class EncodedBlocks:
    """Vectors of texts by their places, asked for in ascending order; a block is encoded when it is first asked for."""

    def __init__(self, encoder: TextEncoder, texts: Sequence[str]) -> None:
        self._encoder, self._texts = encoder, texts
        self._start, self._vectors = 0, np.zeros((0, 0), np.float32)

    def __call__(self, start: int, stop: int) -> np.ndarray:
        """The vectors from `start` to `stop`: no tile reaches over two blocks, for tiles divide `ENCODED_AT_ONCE`."""
        first = start - start % ENCODED_AT_ONCE
        if first != self._start or not len(self._vectors):
            texts = self._texts[first : first + ENCODED_AT_ONCE]
            self._start, self._vectors = first, finite_vectors(self._encoder, texts, "positive")
        return self._vectors[start - first : stop - first]
