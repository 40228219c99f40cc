"""Paragraphs to passages, and passages to neighbouring pairs.

A passage is a run of whole paragraphs of `min_tokens` to `max_tokens` (see `text_length.token_count`); a paragraph that
is longer is cut at sentence ends. A pair is two passages with no text between them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sentencex

from miners.web.text_length import token_count


@dataclass(frozen=True, slots=True)
class PassageConfig:
    """How passages and pairs are made; cpt-text's neighbouring pieces are of at most 256 tokens."""

    min_tokens: int = 32
    max_tokens: int = 256
    overlapping: bool = True
    """Whether a passage may be the positive of one pair and the anchor of the next."""

    def __post_init__(self) -> None:
        if not 1 <= self.min_tokens <= self.max_tokens:
            raise ValueError(
                f"a passage needs 1 <= min <= max tokens, not {self.min_tokens} and {self.max_tokens}; "
                "give two numbers such as 32 256"
            )


class Passage(NamedTuple):
    """A passage and the pieces that it is made of: whole paragraphs, or parts of a long one."""

    text: str
    begin: int
    """Number of its first piece in the page."""
    end: int
    """One past the number of its last piece. Gaps have numbers of their own."""
    tokens: int
    paragraph: int | None
    """Number of the paragraph that it begins with; None where it begins within one."""


def neighbor_pairs(paragraphs: Sequence[str], config: PassageConfig | None = None) -> list[tuple[str, str]]:
    """The (anchor, positive) passages of a page, in page order."""
    config = config or PassageConfig()
    made = passages(paragraphs, config)
    return [(made[i].text, made[i + 1].text) for i in adjacent(made, overlapping=config.overlapping)]


def adjacent(made: Sequence[Passage], *, overlapping: bool = True) -> list[int]:
    """The places of the passages that the next passage follows without a gap.

    Where pairs may not be `overlapping`, each passage is in one at most: of a run of passages 0-1, 2-3 and so on.
    """
    places: list[int] = []
    for i in range(len(made) - 1):
        if made[i].end == made[i + 1].begin and (overlapping or not places or places[-1] < i - 1):
            places.append(i)
    return places


def passages(
    paragraphs: Sequence[str],
    config: PassageConfig,
    language: str = "en",
    breaks: Collection[int] = (),
    sizes: Sequence[int] | None = None,
) -> list[Passage]:
    """The passages of a page, in page order; `language` (BCP 47) says how sentences end.

    A passage closes as soon as it is long enough. Pieces too short to stand alone join the passage before them where
    they fit; else they are left out, and leave a gap. `breaks` are the numbers of the paragraphs before which there is
    a gap already: no passage goes across it. `sizes` are the paragraphs' token counts, where they are known.
    """
    sizes = list(map(token_count, paragraphs)) if sizes is None else sizes
    made: list[Passage] = []
    held: list[tuple[str, int]] = []
    held_size = begin = number = 0
    first: int | None = None
    for paragraph, (text, tokens) in enumerate(zip(paragraphs, sizes, strict=True)):
        if paragraph in breaks:
            _join_to_last(made, held, begin, config)
            held, held_size, number = [], 0, number + 1
        pieces = _cut(text, tokens, config, language) if tokens > config.max_tokens else ((text, tokens),)
        for part, (piece, size) in enumerate(pieces):
            if held and held_size + size > config.max_tokens:
                _join_to_last(made, held, begin, config)
                held, held_size = [], 0
            if not held:
                begin, first = number, None if part else paragraph
            held.append((piece, size))
            held_size, number = held_size + size, number + 1
            if held_size >= config.min_tokens:
                made.append(Passage("\n".join([text for text, _ in held]), begin, number, held_size, first))
                held, held_size = [], 0
    _join_to_last(made, held, begin, config)
    return made


def _join_to_last(made: list[Passage], held: list[tuple[str, int]], begin: int, config: PassageConfig) -> None:
    if not held or not made or made[-1].end != begin:
        return
    last = made[-1]
    size = last.tokens + sum(size for _, size in held)
    if size <= config.max_tokens:
        text = "\n".join([last.text, *(piece for piece, _ in held)])
        made[-1] = Passage(text, last.begin, begin + len(held), size, last.paragraph)


def _cut(paragraph: str, size: int, config: PassageConfig, language: str) -> Iterator[tuple[str, int]]:
    """Pieces of about equal size, each of whole sentences and at most `max_tokens`; a longer sentence stands alone."""
    aim = size / -(-size // config.max_tokens)
    held: list[str] = []
    held_size = 0
    for sentence in sentencex.segment(language, paragraph):
        tokens = token_count(sentence)
        if held and (held_size + tokens > config.max_tokens or held_size >= aim):
            yield "".join(held).strip(), held_size
            held, held_size = [], 0
        held.append(sentence)
        held_size += tokens
    if text := "".join(held).strip():
        yield text, held_size
