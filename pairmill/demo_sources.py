"""The demo's input that is on the machine already: Python packages, the standard library, and HTML documentation."""

from __future__ import annotations

import os
import re
import shutil
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from pairmill.demo_capture import find_pages

# Below this a folder of documentation is a page or two, and its host would be a group of its own.
MIN_PAGES = 5
NOT_SOURCE = frozenset({"__pycache__", "site-packages", "dist-packages"})


def site_packages() -> list[Path]:
    """Where the running environment's packages lie."""
    return list(dict.fromkeys(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")))


def installed_packages(folders: Iterable[Path]) -> list[Path]:
    """The top-level packages in these folders, in order of their names: folders that hold Python source."""
    found = {}
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name.isidentifier() and path.name not in NOT_SOURCE and path.is_dir() and _has_source(path):
                found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def source_bytes(folder: Path) -> int:
    """Bytes of Python source below `folder`."""
    return sum(path.stat().st_size for path in _sources(folder))


def copy_standard_library(target: Path, library: Path | None = None) -> int:
    """Copies the standard library's Python source to `target` and returns the number of files.

    A copy, since the library's own folder may hold site-packages, which are no part of it.
    """
    library = library or Path(sysconfig.get_path("stdlib"))
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    files = 0
    for path in _sources(library):
        copy = part / path.relative_to(library)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        files += 1
    if files:
        part.replace(target)
    return files


def local_documentation(roots: Iterable[Path], limit: int) -> list[tuple[str, Path]]:
    """The `limit` folders right below `roots` with the most HTML pages, as (host name, folder) in order of the name."""
    found = {}
    for root in roots:
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            name = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")
            if name and folder.is_dir() and not folder.is_symlink() and name not in found:
                pages = len(find_pages(folder))
                if pages >= MIN_PAGES:
                    found[name] = (pages, folder)
    most = sorted(found, key=lambda name: (-found[name][0], name))[:limit]
    return [(f"{name}.localhost", found[name][1]) for name in sorted(most)]


def _has_source(folder: Path) -> bool:
    return next(_sources(folder), None) is not None


def _sources(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - NOT_SOURCE)
        for name in sorted(names):
            path = Path(root, name)
            if name.endswith(".py") and path.is_file():
                yield path
