"""Lines of evaluation files with their numbers, so that every complaint names the file and the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn


def numbered_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Each line's number, from 1, and its text without the line's end. ValueError where it is not `encoding`."""
    lines = path.read_bytes().split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            yield number, line.decode(encoding).removesuffix("\r")
        except UnicodeDecodeError:
            refuse(path, number, f"the line is not {encoding}; save the file in that encoding")


def refuse(path: Path, number: int, why: str) -> NoReturn:
    """Raises ValueError with the file, the line and what is wrong."""
    raise ValueError(f"{path}, line {number}: {why}")
