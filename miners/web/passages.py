"""Paragraphs to passages, and passages to neighbouring pairs.

A passage is a run of whole paragraphs of `min_tokens` to `max_tokens` (see `text_length.token_count`); a paragraph that
is longer is cut at sentence ends. A pair is two passages with no text between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sentencex

from miners.web.text_length import token_count


@dataclass(frozen=True, slots=True)
class PassageConfig:
    """Bounds of a passage's length; cpt-text's neighbouring pieces are of at most 256 tokens."""

    min_tokens: int = 32
    max_tokens: int = 256

    def __post_init__(self) -> None:
        if not 1 <= self.min_tokens <= self.max_tokens:
            raise ValueError(
                f"a passage needs 1 <= min <= max tokens, not {self.min_tokens} and {self.max_tokens}; "
                "give two numbers such as 32 256"
            )


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage and the pieces that it is made of: whole paragraphs, or parts of a long one."""

    text: str
    begin: int
    """Number of its first piece in the page."""
    end: int
    """One past the number of its last piece."""


def neighbor_pairs(paragraphs: Sequence[str], config: PassageConfig | None = None) -> list[tuple[str, str]]:
    """The (anchor, positive) passages of a page, in page order."""
    made = passages(paragraphs, config or PassageConfig())
    return [(made[i].text, made[i + 1].text) for i in adjacent(made)]


def adjacent(made: Sequence[Passage]) -> list[int]:
    """The places of the passages that the next passage follows without a gap."""
    return [i for i in range(len(made) - 1) if made[i].end == made[i + 1].begin]


def passages(paragraphs: Sequence[str], config: PassageConfig, language: str = "en") -> list[Passage]:
    """The passages of a page, in page order; `language` (BCP 47) says how sentences end.

    A passage closes as soon as it is long enough. Pieces too short to stand alone join the passage before them where
    they fit; else they are left out, and leave a gap.
    """
    made: list[Passage] = []
    held: list[tuple[str, int]] = []
    begin = number = 0
    for number, (text, size) in enumerate(_pieces(paragraphs, config, language)):
        if held and _size(held) + size > config.max_tokens:
            _join_to_last(made, held, begin, config)
            held = []
        begin = begin if held else number
        held.append((text, size))
        if _size(held) >= config.min_tokens:
            made.append(Passage("\n".join(piece for piece, _ in held), begin, number + 1))
            held = []
    _join_to_last(made, held, begin, config)
    return made


def _size(pieces: Sequence[tuple[str, int]]) -> int:
    return sum(size for _, size in pieces)


def _join_to_last(made: list[Passage], held: list[tuple[str, int]], begin: int, config: PassageConfig) -> None:
    if not held or not made or made[-1].end != begin:
        return
    last = made[-1]
    if token_count(last.text) + _size(held) <= config.max_tokens:
        text = "\n".join([last.text, *(piece for piece, _ in held)])
        made[-1] = Passage(text, last.begin, begin + len(held))


def _pieces(paragraphs: Sequence[str], config: PassageConfig, language: str) -> Iterator[tuple[str, int]]:
    for paragraph in paragraphs:
        size = token_count(paragraph)
        if size <= config.max_tokens:
            yield paragraph, size
        else:
            yield from _cut(paragraph, size, config, language)


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
