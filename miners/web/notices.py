"""Lines that are notices beside an article: credits, consent, subscription, known by their phrases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from miners.compiling import compiled_module
from miners.web.code_points import code_points

_NOTICE_WORDS = (
    "cookies", "all rights reserved", "sign up for", "sign up to", "subscribe to", "subscribe now", "newsletter",
    "follow us", "follow him", "follow her", "follow me", "follow @", "click here", "getty images", "copyright", "©",
    "reporting by", "editing by", "photo:", "photo by", "image:", "credit:",
)  # fmt: skip
"""In lower case: phrases of notices beside an article: credits, consent, subscription."""
_NOTICE_START = re.compile(
    r"\n\W*(?:(?:related|read more|see also|source|share|tags?|photo)\b[^.]{0,20}:"
    r"|(?:advertisement|anzeige|publicidad)\b)"
)
"""In lower case, behind a line break: how such notices begin."""
_NOTICE_BEGINNINGS = (
    "related", "read more", "see also", "source", "share", "tag", "photo", "advertisement", "anzeige", "publicidad",
)  # fmt: skip
"""The words that _NOTICE_START has."""


def notices_of(texts: Sequence[str], numbers: Sequence[int]) -> frozenset[int]:
    """Those of these lines that have a notice's phrase. Few pages have one at all, so all lines are asked at once."""
    phrases, begins = _phrases_of("\n".join([texts[i] for i in numbers]))
    if not phrases and not begins:
        return frozenset()
    return frozenset(i for i in numbers if _is_notice(texts[i].lower(), phrases, begins))


def _phrases_of(page: str) -> tuple[Sequence[str], bool]:
    """The phrases of notices that lines have, and whether one of the lines begins as a notice does."""
    loops = compiled_module("miners.web.compiled")
    if loops is None:
        lower = page.lower()
        phrases, may_begin = [phrase for phrase in _NOTICE_WORDS if phrase in lower], True
    else:
        found = loops.find_phrases(code_points(page)[0], *_packed_phrases(), (1 << len(_NOTICE_WORDS)) - 1)
        phrases = [phrase for number, phrase in enumerate(_NOTICE_WORDS) if found >> number & 1] if found else ()
        may_begin = found >> len(_NOTICE_WORDS) != 0
    return phrases, may_begin and _NOTICE_START.search("\n" + page.lower()) is not None


@lru_cache(maxsize=1)
def _packed_phrases() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For the compiled loop: the letters of _NOTICE_WORDS and then of the words that may begin a notice, where each
    phrase begins and ends in them, and by place and character of Latin-1 the bits of the phrases that have it there.
    """
    phrases = (*_NOTICE_WORDS, *_NOTICE_BEGINNINGS)
    masks = np.zeros((3, 257), np.int64)
    for number, phrase in enumerate(phrases):
        for place, mask in enumerate(masks):
            mask[ord(phrase[place]) if place < len(phrase) else slice(None)] |= 1 << number
    bounds = np.cumsum([0, *map(len, phrases)])
    return code_points("".join(phrases))[0].astype(np.uint32), bounds.astype(np.int64), masks


def _is_notice(lower: str, phrases: Sequence[str], begins: bool) -> bool:
    for phrase in phrases:  # a loop, as `any` over a generator takes three times as long
        if phrase in lower:
            return True
    return begins and _NOTICE_START.match("\n" + lower) is not None
