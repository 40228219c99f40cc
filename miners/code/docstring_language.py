"""The natural language of documentation: most is English and says so by its first words; the rest is identified."""

from __future__ import annotations

import re
from collections.abc import Sequence

from miners.web.languages import passage_language

LEAST_WORDS = 3
"""Below this many words no language is told."""
LEAST_SCORE = 0.5
"""A weaker guess is none."""
_WORD = re.compile(r"[^\W\d_]+")
_ASCII_WORD = re.compile("[A-Za-z]+")
_NOT_PROSE = re.compile(r"`[^`\n]*`|https?://\S+|[^\s_(){}\[\]<>=/\\]*+[_(){}\[\]<>=/\\]\S*|^\s*>>>.*$", re.MULTILINE)
_NOT_PROSE_MARK = re.compile(r"[`_(){}\[\]<>=/\\]")
"""One of these is in whatever is no prose; asking for them first is cheap."""
_HEAD_CHARS = 240
_ENGLISH_ONLY = frozenset(
    {"the", "this", "that", "and", "with", "from", "which", "are", "when", "returns", "return", "given", "whether"}
)
_ENGLISH_TOO = frozenset(
    {
        *("a", "an", "as", "at", "be", "by", "for", "if", "in", "into", "is", "it", "its", "not", "of", "on", "or"),
        *("to", "use", "used"),
    }
)
_ENGLISH = _ENGLISH_ONLY | _ENGLISH_TOO


def docstring_languages(docstrings: Sequence[str]) -> list[str | None]:
    """BCP 47 codes, one a docstring; None where there is no prose or no language is likely.

    Names, code, links and doctests are not read. Two English function words, one of which no other language of Latin
    letters has, among ASCII alone make English.
    """
    told: list[str | None] = [None] * len(docstrings)
    for i, text in enumerate(docstrings):
        head = text[:_HEAD_CHARS]
        if _NOT_PROSE_MARK.search(head):
            head = _NOT_PROSE.sub(" ", head)
        is_ascii = head.isascii()
        words = (_ASCII_WORD if is_ascii else _WORD).findall(head)
        if is_ascii and _is_english(words):
            told[i] = "en"
        elif _says_enough(words, is_ascii):
            # One at a time: the documentation of one function says nothing of another's.
            language, score = passage_language(" ".join(words))
            told[i] = None if language == "und" or score < LEAST_SCORE else language
    return told


def _is_english(words: Sequence[str]) -> bool:
    if len(words) < LEAST_WORDS:
        return False
    known = _ENGLISH.intersection(" ".join(words).lower().split())
    return len(known) >= 2 and not known.isdisjoint(_ENGLISH_ONLY)


def _says_enough(words: Sequence[str], is_ascii: bool) -> bool:
    """Scripts without spaces have few words, and many characters in them."""
    return len(words) >= LEAST_WORDS if is_ascii else sum(map(len, words)) >= 2 * LEAST_WORDS
