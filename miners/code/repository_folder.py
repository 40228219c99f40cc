"""A folder, or a single source file, as a repository."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from miners.code.distribution import installed_distribution
from miners.code.repository import MAX_FILE_BYTES, About, Entry, UnreadableError, in_order, safe_path

_NOT_SOURCE = frozenset({".git", ".hg", ".svn", "__pycache__"})


class FolderRepository:
    """The files below a folder. Links are listed and refused, so no loop and no way out exists.

    A package in a `site-packages` folder is a part of its distribution: it has that one's name, version and
    licence, and its paths begin with the package's folder, as in the wheel.
    """

    def __init__(self, path: str) -> None:
        self._root = os.path.abspath(path)
        base = os.path.basename(self._root)
        installed = installed_distribution(self._root)
        single = os.path.isfile(self._root)
        self.about: About = installed or About(os.path.splitext(base)[0] if single else base)
        self._prefix = f"{base}/" if installed and not single else ""
        self.broken: list[str] = []
        self._modified: dict[str, int] = {}
        self.entries = in_order([self._entry(self._root, base)] if single else self._walk())

    def read(self, entry: Entry) -> bytes:
        """The bytes of a regular file that is no link, as it was listed; UnreadableError where it is another by now."""
        try:
            handle = os.open(entry.key, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            with os.fdopen(handle, "rb", buffering=0) as file:
                data = file.read(min(entry.size, MAX_FILE_BYTES) + 1)
                status = os.fstat(handle)
        except OSError as error:
            raise UnreadableError(str(error.strerror or error)) from None
        if len(data) != entry.size or status.st_mtime_ns != self._modified.get(entry.key, status.st_mtime_ns):
            raise UnreadableError("was changed after it was listed")
        return data

    def close(self) -> None:
        """Nothing is held open."""

    def _walk(self) -> Iterator[Entry]:
        below = os.path.join(self._root, "")
        folders = [self._root]
        while folders:
            folder = folders.pop()
            try:
                listed = list(os.scandir(folder))
            except OSError as error:
                self.broken.append(f"{folder}: {error.strerror}")
                continue
            for item in listed:
                if item.is_dir(follow_symlinks=False):
                    if item.name not in _NOT_SOURCE:
                        folders.append(item.path)
                else:
                    yield self._entry(item.path, self._prefix + item.path[len(below) :])

    def _entry(self, path: str, name: str) -> Entry:
        safe = safe_path(name.replace(os.sep, "/"))
        try:
            status = os.lstat(path)
        except FileNotFoundError:  # deleted since its folder was listed
            return Entry(safe or "", 0, "not_a_file", path)
        self._modified[path] = status.st_mtime_ns
        refusal = None
        if safe is None:
            refusal, safe = "unsafe_name", os.fsencode(name).decode("utf-8", "replace")
        elif stat.S_ISLNK(status.st_mode):
            refusal = "link"
        elif not stat.S_ISREG(status.st_mode):
            refusal = "not_a_file"
        return Entry(safe, status.st_size, refusal, path)

    def fingerprint(self) -> list[str | int]:
        """Paths, sizes and times of the files: what tells this state of the folder from another."""
        parts: list[str | int] = []
        for entry in self.entries:
            parts += [entry.path, entry.size, self._modified.get(entry.key, 0)]
        return parts
