"""What Python's packaging metadata says of a distribution: name, version and licence."""

from __future__ import annotations

import os
from dataclasses import replace
from email.parser import HeaderParser
from functools import lru_cache

from miners.code.license_expressions import all_of
from miners.code.license_metadata import license_of_headers
from miners.code.license_texts import license_of_text
from miners.code.licenses import is_license_file
from miners.code.repository import About


def described(metadata: bytes) -> About | None:
    """A METADATA or PKG-INFO file's content; None where it names no distribution."""
    text = metadata.decode("utf-8", "replace")
    headers = HeaderParser().parsestr(text, headersonly=True)
    name = (headers.get("Name") or "").strip()
    if not name:
        return None
    return About(name, (headers.get("Version") or "").strip() or None, license_of_headers(text))


def installed_distribution(path: str) -> About | None:
    """The distribution that installed the folder or module at `path`, when `*.dist-info` folders lie beside it."""
    return _installed(os.path.dirname(path)).get(os.path.basename(path))


@lru_cache(maxsize=8)
def _installed(folder: str) -> dict[str, About]:
    found: dict[str, About] = {}
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".dist-info"))
    except OSError:
        return found
    for name in names:
        metadata = _read(os.path.join(folder, name, "METADATA"))
        about = described(metadata) if metadata else None
        if about is None:
            continue
        if about.license is None:
            about = replace(about, license=_license_of_files(os.path.join(folder, name)))
        for line in _read(os.path.join(folder, name, "RECORD")).decode("utf-8", "replace").splitlines():
            top = line.split(",", 1)[0].split("/", 1)[0]
            if top and top != ".." and not top.endswith(".dist-info"):
                found.setdefault(top, about)
    return found


def _license_of_files(folder: str) -> str | None:
    """The licence whose text lies in a `*.dist-info` folder."""
    found = []
    for place, _, names in sorted(os.walk(folder)):
        for name in sorted(filter(is_license_file, names)):
            found += license_of_text(_read(os.path.join(place, name)).decode("utf-8", "replace"))
    return all_of(found) if found else None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(8 << 20)
    except OSError:
        return b""
