"""What the pairs of a page are made of: its passages, and the pairs that these, the title and the headings may give."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from miners.web.passages import Passage, adjacent, passages
from miners.web.quality import Verdict
from miners.web.text_length import token_count
from miners.web.web_config import WebConfig
from schemas.pair import HEADING_SECTION, NEIGHBOR_TEXT, TITLE_BODY
from schemas.pair_batch import TextSide, text_side

LEAST_TITLE_TOKENS = 2
"""Titles and headings of one word (Introduction, Notes) say nothing of the text below them."""


class Candidate(NamedTuple):
    """A pair that is made unless it is refused."""

    kind: str
    anchor: TextSide
    positive: TextSide
    ordinal: int
    languages: tuple[tuple[str, float], ...]
    """Of each passage in it, one or two, with its probability."""


def page_passages(
    texts: Sequence[str],
    headings: Collection[int],
    verdict: Verdict,
    config: WebConfig,
    language: str,
    sizes: Sequence[int],
) -> tuple[list[Passage], dict[int, str]]:
    """The passages, and the headings that stand right above one: passage number and heading."""
    keep_sections = config.within_section or HEADING_SECTION in config.kinds
    paragraphs: list[str] = []
    tokens: list[int] = []
    breaks: set[int] = set()
    above: dict[int, str] = {}
    heading = None
    for number, text in enumerate(texts):
        if number in headings:
            heading = text
            if keep_sections:
                breaks.add(len(paragraphs))
        elif number in verdict.removed:
            breaks.add(len(paragraphs))
            heading = None
        else:
            if heading is not None:
                above[len(paragraphs)] = heading
                heading = None
            paragraphs.append(text)
            tokens.append(sizes[number])
    made = passages(paragraphs, config.passages, language, breaks, tokens)
    if HEADING_SECTION not in config.kinds:
        return made, {}
    return made, {i: above[one.paragraph] for i, one in enumerate(made) if one.paragraph in above}


def make_candidates(
    title: str,
    headings: Mapping[int, str],
    made: Sequence[Passage],
    sides: Sequence[TextSide],
    languages: Sequence[tuple[str, float]],
    wanted: Sequence[bool],
    config: WebConfig,
) -> Iterator[Candidate]:
    """The pairs that a page may give, of every kind that is asked for; those of a kind in page order.

    `sides`, `languages` and `wanted` (whether that language is asked for) are of the passages.
    """
    if NEIGHBOR_TEXT in config.kinds:
        for i in adjacent(made, overlapping=config.passages.overlapping):
            if wanted[i] and wanted[i + 1]:
                yield Candidate(NEIGHBOR_TEXT, sides[i], sides[i + 1], i, (languages[i], languages[i + 1]))
    if TITLE_BODY in config.kinds and made and wanted[0] and token_count(title) >= LEAST_TITLE_TOKENS:
        yield Candidate(TITLE_BODY, text_side(title), sides[0], 0, (languages[0],))
    for i, heading in headings.items():
        if wanted[i] and token_count(heading) >= LEAST_TITLE_TOKENS:
            yield Candidate(HEADING_SECTION, text_side(heading), sides[i], i, (languages[i],))


def refusal_of(candidate: Candidate) -> str | None:
    """Why a pair is refused; None where it is not."""
    if candidate.languages[0][0] != candidate.languages[-1][0]:
        return "language_mismatch"
    if candidate.anchor.side_hash == candidate.positive.side_hash:
        return "same_text"
    return None
