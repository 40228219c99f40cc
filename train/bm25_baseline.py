"""BM25 (the bm25s library) on the candidates that a model is judged on: the row that a model has to beat."""

from __future__ import annotations

import re
from collections.abc import Sequence

import bm25s
import numpy as np
import torch
from scipy import sparse

from train.retrieval import ScoreBlock

K1, B = 1.5, 0.75
"""bm25s' defaults, with Lucene's form of the formula."""

_ALPHANUMERIC = re.compile(r"[^\W_]+")
_SUBWORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# Scripts without spaces, one code point a word: Thai to Lao, Tibetan to Myanmar, Khmer, kana, CJK.
_UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_TEXT_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


def text_words(text: str) -> list[str]:
    """The case-folded words of a text; each code point of a script without spaces is a word."""
    return _TEXT_WORD.findall(text.casefold())


def code_words(text: str) -> list[str]:
    """Lower-case words with identifiers split: ``parseHTMLFile`` and ``parse_html_file`` are parse, html, file.

    For both sides of a code search: documentation names identifiers too.
    """
    words: list[str] = []
    for run in _ALPHANUMERIC.findall(text):
        words += [part.lower() for part in _SUBWORD.findall(run)] if run.isascii() else text_words(run)
    return words


def bm25_blocks(queries: Sequence[Sequence[str]], candidates: Sequence[Sequence[str]]) -> ScoreBlock:
    """Scores of queries against candidates, both given as words. A query without a known word scores 0 everywhere."""
    if not any(candidates):
        return lambda start, stop: torch.zeros(stop - start, len(candidates))
    index = bm25s.BM25(k1=K1, b=B, method="lucene")
    index.index([list(words) for words in candidates], show_progress=False)
    # bm25s scores a query by summing columns in Python; the same sum as a sparse product is many times faster.
    stored = index.scores
    weights = sparse.csc_array(
        (stored["data"], stored["indices"], stored["indptr"]), shape=(len(candidates), len(stored["indptr"]) - 1)
    )
    counts = _word_counts(queries, index.vocab_dict, weights.shape[1])
    by_word = weights.T.tocsr()

    def block(start: int, stop: int) -> torch.Tensor:
        return torch.from_numpy((counts[start:stop] @ by_word).toarray())

    return block


def _word_counts(queries: Sequence[Sequence[str]], vocabulary: dict[str, int], width: int) -> sparse.csr_array:
    ids = [[vocabulary[word] for word in words if word in vocabulary] for words in queries]
    ends = np.cumsum([0, *(len(known) for known in ids)])
    columns = np.fromiter((i for known in ids for i in known), np.int64, ends[-1])
    counts = sparse.csr_array((np.ones(len(columns), np.float32), columns, ends), shape=(len(ids), width))
    counts.sum_duplicates()
    return counts
