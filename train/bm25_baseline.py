"""BM25 (the bm25s library) on the candidates that a model is judged on: the row that a model has to beat."""

from __future__ import annotations

import re
from collections.abc import Sequence

import bm25s
import numpy as np
import torch

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
    known = [[word for word in words if word in index.vocab_dict] for words in queries]

    def block(start: int, stop: int) -> torch.Tensor:
        scores = np.zeros((stop - start, len(candidates)), np.float32)
        for row, words in zip(scores, known[start:stop], strict=True):
            if words:
                row += index.get_scores(words)
        return torch.from_numpy(scores)

    return block
