"""A retrieval set in memory: queries, documents, and people's judgements of which answers what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from train.evaluation.measured import AS_WRITTEN
from train.evaluation.task import ItemKey, ItemTexts
from train.known_pairs import IndexPairs


@dataclass(frozen=True)
class Collection:
    """Names are unique on each side. Every query has a judged document that is relevant."""

    name: str
    query_names: list[str]
    queries: list[str]
    languages: list[str | None]
    """One a query; None where the file states none."""
    document_names: list[str]
    documents: Sequence[str]
    judged: Mapping[str, Mapping[str, int]]
    """Query -> document -> grade; a document that is not named is not relevant, one that is not there is not found."""
    relevant_from: int = 1
    """The lowest grade that counts as relevant where a metric knows only yes and no."""
    is_code: bool = False
    groups: Sequence[str | None] = ()
    """One a query, what it shares its difficulty with; None, or no entries at all, where the file states none."""
    texts: str = AS_WRITTEN
    notes: Sequence[str] = ()
    """Flaws of the files that a reader of the scores has to know."""

    @cached_property
    def place_of(self) -> dict[str, int]:
        """A document's place by its name."""
        return {name: i for i, name in enumerate(self.document_names)}

    @property
    def own_documents(self) -> IndexPairs:
        """Documents with a query's own name that do not answer it: the query itself, as in ArguAna; BEIR leaves them
        out too."""
        found = [
            (i, self.place_of[name])
            for i, name in enumerate(self.query_names)
            if name in self.place_of and self.judged[name].get(name, 0) < 1
        ]
        rows, columns = np.array(found, np.int64).reshape(-1, 2).T
        return rows, columns

    def item_texts(self) -> Mapping[ItemKey, ItemTexts]:
        """Each query with the documents that answer it."""
        found = {}
        for name, query in zip(self.query_names, self.queries, strict=True):
            right = [
                self.place_of[document]
                for document, grade in self.judged[name].items()
                if grade >= self.relevant_from and document in self.place_of
            ]
            texts = (query, *(self.documents[place] for place in right))
            found[self.name, name] = ItemTexts(texts, (False, *[self.is_code] * len(right)))
        return found
