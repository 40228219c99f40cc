"""The lines of a plain text file in SentEval's encodings, each with its place: no CSV, for quotes mean themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from train.evaluation.text_files import Place


def placed_lines(path: Path, encoding: str) -> Iterator[tuple[Place, str]]:
    """Each line without its end. ValueError, with the line, where it is not `encoding`."""
    lines = path.read_bytes().split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        place = Place(path, number)
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            raise ValueError(f"{place}: the line is not {encoding}; save the file in that encoding") from None
        yield place, text.removesuffix("\r")


def item_name(place: Place) -> str:
    """A name for what stands there, the same wherever the file lies: ``rt-polarity.pos:17``."""
    return f"{place.path.name}:{place.line}"
