"""What two texts share and where they differ, word by word: for people who look at a removal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_PIECES = re.compile(r"\s+|\w+|[^\w\s]+")
_EXACT_BELOW = 2000
"""Pieces; above, difflib's heuristic leaves frequent ones out, or long texts would take minutes."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a text, shared with the other or not."""

    text: str
    is_shared: bool


def difference(left: str, right: str) -> tuple[list[Stretch], list[Stretch]]:
    """Both texts in stretches that alternate between shared and not; joined they are the texts."""
    pieces = _PIECES.findall(left), _PIECES.findall(right)
    long = max(map(len, pieces)) > _EXACT_BELOW
    matcher = SequenceMatcher(None, *pieces, autojunk=long)
    sides: tuple[list[Stretch], list[Stretch]] = ([], [])
    for tag, *bounds in matcher.get_opcodes():
        for side, own, (start, end) in zip(sides, pieces, (bounds[:2], bounds[2:]), strict=True):
            if start < end:
                side.append(Stretch("".join(own[start:end]), tag == "equal"))
    return sides
