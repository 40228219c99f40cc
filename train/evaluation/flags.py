"""What the flags of several tasks share: checks, and the name of a data set."""

from __future__ import annotations

import os
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


def data_name(path: str) -> str:
    """The data set's name in every row: its folder's or file's, also where that is given as ``.``."""
    return os.path.basename(os.path.abspath(path))


def shared_name(paths: Iterable[str]) -> str:
    """The name of several paths together: of the folder that all of them lie in, or of the path where it is one."""
    return data_name(os.path.commonpath([os.path.abspath(path) for path in paths]))


def check_different_names(paths: Iterable[str]) -> None:
    """ValueError where two data sets bear one name: their rows could not be told apart."""
    named: dict[str, str] = {}
    for path in paths:
        name = data_name(path)
        if name in named:
            raise ValueError(f"{named[name]} and {path} are both named {name}; rename or leave out one")
        named[name] = path
