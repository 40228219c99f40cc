"""Checks of flags that several tasks share."""

from __future__ import annotations

from collections.abc import Iterable

from train.command_line import nearest


def known_names(text: str, known: Iterable[str], what: str) -> tuple[str, ...]:
    """The comma-separated names, each once; ValueError for one that is not known, and for none."""
    known = list(known)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}{nearest(name, known)}; there is {', '.join(known)}")
    if not names:
        raise ValueError(f"name at least one {what}: {', '.join(known)}")
    return names
