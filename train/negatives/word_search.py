"""Exact search by words: BM25 (the bm25s library) over a scope's candidates. The index is held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import bm25s
import numpy as np

from train.bm25_baseline import K1, B, code_words, text_words
from train.known_pairs import IndexPairs
from train.negatives.nearest import Found

_READ_AT_ONCE = 4096


class WordSearch:
    """Code and its documentation are cut where identifiers are; only candidates that share a word are found."""

    def __init__(self, read: Callable[[int, int], list[str]], is_code: np.ndarray) -> None:
        """`read` gives the candidates' texts; `is_code` says how each is cut into words."""
        self._vocabulary: dict[str, int] = {}
        self._candidates = len(is_code)
        index = bm25s.BM25(k1=K1, b=B, method="lucene")
        index.index((list(self._cut_all(read, is_code)), self._vocabulary), show_progress=False)
        self._index = index

    def best(
        self, queries: Sequence[str], is_code: np.ndarray, own: np.ndarray, left_out: IndexPairs, count: int
    ) -> tuple[Found, np.ndarray]:
        """The best candidates of each query but those left out, and the score of each query's own positive."""
        shape = len(queries), count
        found = Found(np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32))
        own_scores = np.zeros(len(queries), np.float32)
        starts = np.searchsorted(left_out[0], np.arange(len(queries) + 1))
        for i, text in enumerate(queries):
            words = [self._vocabulary[word] for word in _words(text, is_code[i]) if word in self._vocabulary]
            if not words:
                continue
            scores = self._index.get_scores_from_ids(words)
            own_scores[i] = scores[own[i]]
            scores[left_out[1][starts[i] : starts[i + 1]]] = 0.0
            places = _largest(scores, count)
            found.candidates[i, : len(places)], found.scores[i, : len(places)] = places, scores[places]
        return found, own_scores

    def _cut_all(self, read: Callable[[int, int], list[str]], is_code: np.ndarray) -> Iterable[list[int]]:
        for start in range(0, self._candidates, _READ_AT_ONCE):
            stop = min(self._candidates, start + _READ_AT_ONCE)
            for text, code in zip(read(start, stop), is_code[start:stop], strict=True):
                yield [self._vocabulary.setdefault(word, len(self._vocabulary)) for word in _words(text, code)]


def _words(text: str, is_code: bool) -> list[str]:
    return code_words(text) if is_code else text_words(text)


def _largest(scores: np.ndarray, count: int) -> np.ndarray:
    """Places of the `count` largest scores above 0, the largest first, equal ones in order of their places."""
    places = np.flatnonzero(scores > 0)
    if len(places) > count:
        floor = np.partition(scores[places], len(places) - count)[len(places) - count]
        places = places[scores[places] >= floor]
    return places[np.argsort(-scores[places], kind="stable")][:count]
