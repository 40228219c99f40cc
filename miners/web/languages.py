"""Which language a text is in, offline, for whole pages and for passages.

A page is only shut out by resiliparse's fast guess, which is right for whole pages and not for passages. A page's
passages are sorted by eldc, which knows 60 languages and takes microseconds. Of the group that is of the page's
language by both of them nothing more is asked where resiliparse is sure; what each other group of alike passages is
settles one look by py3langid, which knows twice as many languages and costs thirty times that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

import eldc
from py3langid.langid import LanguageIdentifier
from resiliparse.parse.lang import detect_fast, supported_langs

from miners.web.language_model import load_identifier

PASSAGE_CHARS = 200
"""How much of a passage is looked at; more adds nothing measurable to what either identifier gets right."""
SAMPLED = 3
"""So many passages of a group are looked at again, for PASSAGE_CHARS together."""
SURE = 0.9
"""py3langid's score from which passages over which the identifiers disagree are not of their page's language: without
it, lists of names in English pages come out as Nigerian Pidgin or Turkish."""
PAGE_CHARS = 4000
SURE_DISTANCE = 400
"""resiliparse's distance to a language up to which its guess of a page is sure. Of 344 translated pages and paragraphs
on which eldc agreed none was wrong by then; the first was beyond 430, and Macedonian, which both do not know, beyond
600."""
AGREED_SCORE = 0.99
"""The probability that is stated of passages whose language eldc and resiliparse agree on."""
GUESSES = 5
_MACRO = {"nb": "no", "nn": "no"}


def passage_language(text: str) -> tuple[str, float]:
    """BCP 47 code of a passage and how probable it is (0 to 1); `und` for text without a language."""
    return passage_languages([text])[0]


def passage_languages(texts: Sequence[str], sure: str | None = None) -> list[tuple[str, float]]:
    """BCP 47 code of each passage of one page and how probable it is; `und` for text without a language.

    The largest group of alike passages says what the page's language is; a passage over which the identifiers disagree
    is of the page's language where either says so. `sure` is the page's language where `page_language` is sure of it.
    """
    guess = _fast_identifier()
    groups: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        groups.setdefault(guess(text[:PASSAGE_CHARS]), []).append(i)
    found: list[tuple[str, float]] = [("und", 0.0)] * len(texts)
    page: str | None = None
    for fast in sorted(groups, key=lambda name: (-len(groups[name]), groups[name][0])):
        members = groups[fast]
        if fast == sure:
            settled = _Settled(fast, AGREED_SCORE)
        else:
            settled = _settle(fast, [texts[i] for i in members[:SAMPLED]], page)
        page = page or settled.language
        for i in members:
            found[i] = settled
    return found


class _Settled(NamedTuple):
    language: str
    score: float


def _settle(fast: str, texts: Sequence[str], page: str | None) -> _Settled:
    """What alike passages are: `fast` is eldc's guess, `page` the language of most of the page, if that is known."""
    sample = " ".join(text[: PASSAGE_CHARS // len(texts)] for text in texts)
    slow, score = _identifier().classify(sample)
    slow = "und" if slow == "zxx" else _MACRO.get(slow, slow)
    if slow == fast:
        return _Settled(fast, score)
    if page and (page in (slow, fast) or fast == "und" or score < SURE):
        return _Settled(page, 0.5)
    if fast == "und":
        return _Settled(slow, score)
    if slow == "und":
        return _Settled(fast if page else slow, 1 - score if page else score)
    return _Settled(fast, 1 - score) if slow in _fast_languages() else _Settled(slow, score)


class PageLanguage(NamedTuple):
    """What a page's text most likely is."""

    language: str
    """BCP 47 code; `und` where that cannot be told."""
    is_sure: bool


def page_language(text: str) -> PageLanguage:
    """What a page's text most likely is, and whether that is sure."""
    guess, distance = detect_fast(text[:PAGE_CHARS])
    if guess == "unknown":
        return PageLanguage("und", False)
    return PageLanguage(_MACRO.get(guess, guess), distance <= SURE_DISTANCE)


def may_be(text: str, wanted: Collection[str]) -> bool:
    """Whether a page's text may be of one of the wanted languages: one of the best guesses is, or is not known."""
    guesses = detect_fast(text[:PAGE_CHARS], n_results=GUESSES)
    named = {_MACRO.get(name, name) for name, _ in guesses}
    return not named or bool(named & {_MACRO.get(name, name) for name in wanted}) or _beyond_guesses(wanted)


def check_languages(wanted: Collection[str]) -> None:
    """Raise ValueError for a code that no text is ever labelled with."""
    for name in wanted:
        # The large identifier is loaded only for what the small one does not know.
        if name not in _fast_languages() and name not in known_languages():
            raise ValueError(
                f"{name!r} is no language that can be told apart; give codes such as en, de or zh "
                f"(known: {' '.join(sorted(known_languages()))})"
            )


def known_languages() -> frozenset[str]:
    """The codes that `passage_language` gives."""
    return (frozenset(_MACRO.get(name, name) for name in _identifier().labels) | _fast_languages()) - {"zxx"} | {"und"}


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return load_identifier()


@lru_cache(maxsize=1)
def _fast_identifier() -> Callable[[str], str]:
    """eldc's detection, its table loaded."""
    eldc.init()

    def detect(text: str) -> str:
        try:
            return eldc.detect(text)
        except UnicodeEncodeError:
            return eldc.detect(text.encode("utf-8", "replace").decode())

    return detect


@lru_cache(maxsize=1)
def _fast_languages() -> frozenset[str]:
    return frozenset(eldc.LANGUAGES)


def _beyond_guesses(wanted: Collection[str]) -> bool:
    """Whether a wanted language is one that the fast guess does not know, so that it cannot shut it out."""
    return bool(set(wanted) - set(supported_langs()))
