"""What a repository is to the miner: named files in one order, each readable alone, and what is known of the whole.

Readers for folders, git repositories and archives stand in `repository_folder`, `repository_git`,
`repository_clone` and `repository_archive`.
None follows a link, runs anything that a repository brings, or writes a file under a name of its choosing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

MAX_FILE_BYTES = 1_000_000
"""Larger files are refused unread. A parser takes 59 bytes of memory a byte of minified source."""
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz", ".zip", ".whl", ".jar", ".crate")
MAX_FILES = 1_000_000
"""No more files of one repository are listed: a tree can name itself, and a tar hold nothing but names."""
MAX_PATH_PARTS = 200
MAX_PATH_CHARS = 4096
_DRIVE = re.compile(r"[A-Za-z]:")


class UnreadableError(RuntimeError):
    """A file or a repository whose bytes cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as its repository lists it."""

    path: str
    """With ``/`` between the parts, from the repository's root."""
    size: int
    refusal: str | None = None
    """Why it must not be read: `unsafe_name`, `link`, `not_a_file` or `shadowed`."""
    key: Any = None
    """Where its reader finds it."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a repository as a whole; what is not known is None."""

    name: str
    revision: str | None = None
    license: str | None = None
    """SPDX identifier, where the repository's own metadata states one."""
    date: str | None = None
    remote: str | None = None
    """Where it was cloned from, as git or a browser writes it."""


class Repository(Protocol):
    """Files in the order of their paths."""

    about: About
    entries: list[Entry]
    broken: list[str]
    """Why entries may be missing: damage that cost more than one file."""

    def read(self, entry: Entry) -> bytes:
        """The file's bytes; UnreadableError where they cannot be had or are more than `MAX_FILE_BYTES`."""
        ...

    def close(self) -> None:
        """Give back what the reader holds open."""
        ...


def safe_path(name: str) -> str | None:
    """The name as a path within its repository; None for one that leads out of it or that no Unicode text spells."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return None
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if len(parts) > MAX_PATH_PARTS or len(name) > MAX_PATH_CHARS:
        return None
    if not parts or plain.startswith("/") or ".." in parts or "\0" in plain or _DRIVE.match(plain):
        return None
    return "/".join(parts)


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sorted by path. Of several with one path the last is the file, as on unpacking; the others are `shadowed`."""
    last: dict[str, int] = {}
    listed = list(entries)
    for i, entry in enumerate(listed):
        if entry.refusal is None:
            last[entry.path] = i
    shadowed = [
        Entry(entry.path, entry.size, "shadowed") if entry.refusal is None and last[entry.path] != i else entry
        for i, entry in enumerate(listed)
    ]
    return sorted(shadowed, key=lambda entry: entry.path.encode("utf-8", "surrogateescape"))


def strip_suffix(file_name: str) -> str:
    """An archive's name without its suffix, a bare repository's without ``.git``."""
    for suffix in (*ARCHIVE_SUFFIXES, ".git"):
        if file_name.lower().endswith(suffix):
            return file_name[: -len(suffix)]
    return file_name
