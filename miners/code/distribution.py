"""What Python's packaging metadata says of a distribution: name, version and licence."""

from __future__ import annotations

import os
from email.parser import HeaderParser
from functools import lru_cache

from miners.code.licenses import spdx_of_classifiers, spdx_of_expression
from miners.code.repository import About


def described(metadata: bytes) -> About | None:
    """A METADATA or PKG-INFO file's content; None where it names no distribution."""
    headers = HeaderParser().parsestr(metadata.decode("utf-8", "replace"))
    name = (headers.get("Name") or "").strip()
    if not name:
        return None
    license_id = (
        spdx_of_expression(headers.get("License-Expression") or "")
        or spdx_of_expression(headers.get("License") or "")
        or spdx_of_classifiers(headers.get_all("Classifier") or [])
    )
    return About(name, (headers.get("Version") or "").strip() or None, license_id)


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
        for line in _read(os.path.join(folder, name, "RECORD")).decode("utf-8", "replace").splitlines():
            top = line.split(",", 1)[0].split("/", 1)[0]
            if top and top != ".." and not top.endswith(".dist-info"):
                found.setdefault(top, about)
    return found


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(8 << 20)
    except OSError:
        return b""
