"""How much the words of a pair's two sides have in common: nothing, and the pair may be no pair; all, and the model
learns to match strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

BINS = 20
MOST_CHARS = 4_000
"""Of a side; the longer a text, the more of any words it holds."""
LEAST_WORDS = 5
"""Distinct words that both sides need: two short lines that share none are an accident."""
ALMOST_ALL = 0.95
"""From this share of the smaller side's words on, the sides have almost everything in common."""

_WORD = re.compile(r"[^\W_]+")
_SUBWORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")


def words_of(text: str, *, subwords: bool) -> set[str]:
    """The distinct words of a side, in lower case; of scripts without spaces each two neighbouring characters.

    `subwords`: identifiers are cut at capitals, digits and underscores, so that ``parseHTTPHeader`` and
    ``parse_http_header`` have the words of "parses an HTTP header".
    """
    text = text[:MOST_CHARS]
    if subwords:
        found = {part.lower() for part in _SUBWORD.findall(text) if len(part) > 1}
    else:
        found = set(_WORD.findall(text.casefold()))
    if text.isascii():
        return found
    unspaced = {word for word in found if _UNSPACED.search(word)}
    return (found - unspaced).union(*(_neighbours(word) for word in unspaced))


def _neighbours(word: str) -> Iterator[str]:
    return (word[i : i + 2] for i in range(max(1, len(word) - 1)))


def lexical_overlap(anchor: str, positive: str, *, is_code: bool) -> float | None:
    """|A ∩ B| / min(|A|, |B|) of the sides' words (the overlap coefficient); None where a side has too few words."""
    first, second = words_of(anchor, subwords=is_code), words_of(positive, subwords=is_code)
    if min(len(first), len(second)) < LEAST_WORDS:
        return None
    return len(first & second) / min(len(first), len(second))


def bin_of(overlap: float) -> int:
    """The place of an overlap among `BINS` equal ones; 1 lies in the last."""
    return min(BINS - 1, int(overlap * BINS))
