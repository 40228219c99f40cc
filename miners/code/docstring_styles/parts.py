"""The record that every style gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.pair import Part


@dataclass(frozen=True, slots=True)
class DocstringParts:
    """What a docstring states, in its order."""

    style: str
    """`google`, `jsdoc`, …: how it is written."""
    parameters: tuple[Part, ...] = ()
    returns: tuple[Part, ...] = ()
    raises: tuple[Part, ...] = ()


def make_part(name: str | None, type: str | None, description: str | None) -> Part:
    """A part with its white space made single spaces, and None for what is blank."""
    return Part(_plain(name), _plain(type), _plain(description))


def make_parts(
    style: str, parameters: Sequence[Part], returns: Sequence[Part], raises: Sequence[Part]
) -> DocstringParts | None:
    """The record; None where nothing is stated."""
    kept = [tuple(part for part in parts if part != _EMPTY) for parts in (parameters, returns, raises)]
    return DocstringParts(style, *kept) if any(kept) else None


def _plain(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None


_EMPTY = Part(None, None, None)
