"""Rows whose text is not in the language that they state, by the identifiers that the miners use."""

from __future__ import annotations

from miners.code.docstring_language import docstring_languages
from miners.web.languages import passage_languages
from schemas.pair import DOCSTRING_KINDS

LEAST_LETTERS = 40
"""A shorter side says too little."""
SURE = 0.99
"""The identifiers agree and are this sure, or nothing is said: a list of names looks like many languages. Of the score
that `miners.web.languages` states."""
_ALIKE = ({"no", "nb", "nn", "da"}, {"hr", "bs", "sr", "sh"}, {"id", "ms"}, {"cs", "sk"}, {"es", "gl"}, {"pt", "gl"})
"""Languages that no identifier tells apart for certain in one passage."""


def other_language(
    kind: str, language: str | None, docstring_language: str | None, anchor: str, positive: str
) -> tuple[str, str] | None:
    """(side, its language) where a side is surely in another language than the row states; else None.

    Of code the documentation is looked at, where the row states its language (`docstring_language`).
    """
    if kind in DOCSTRING_KINDS:
        found = docstring_languages([anchor])[0] if docstring_language and _letters(anchor) >= LEAST_LETTERS else None
        is_wrong = found is not None and _differs(found, str(docstring_language))
        return ("anchor", str(found)) if is_wrong else None
    if not language:
        return None
    for side, text in (("anchor", anchor), ("positive", positive)):
        if _letters(text) < LEAST_LETTERS:
            continue
        found, score = passage_languages([text])[0]
        if found != "und" and score >= SURE and _differs(found, language):
            return side, found
    return None


def _differs(found: str, stated: str) -> bool:
    one, other = found.split("-")[0], stated.split("-")[0].lower()
    return one != other and not any(one in alike and other in alike for alike in _ALIKE)


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text[:400]))
