"""What a package's own metadata says of it: Python's METADATA and PKG-INFO, npm's package.json, Rust's Cargo.toml."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from miners.code.distribution import described
from miners.code.license_metadata import license_of_metadata
from miners.code.repository import About
from miners.code.repository_git import name_of_remote


def is_package_metadata(path: str) -> bool:
    """Whether a file of an archive, one folder deep, describes the package that the archive is."""
    folder, _, name = path.rpartition("/")
    if "/" in folder or not folder:
        return False
    return name in ("PKG-INFO", "package.json", "Cargo.toml") or (name == "METADATA" and folder.endswith(".dist-info"))


def described_package(path: str, data: bytes) -> About | None:
    """Name, version and licence; None where the file names no package."""
    name = path.rpartition("/")[2]
    if name in ("METADATA", "PKG-INFO"):
        return described(data)
    try:
        stated = json.loads(data) if name == "package.json" else tomllib.loads(data.decode("utf-8")).get("package")
    except (ValueError, RecursionError):
        return None
    if not isinstance(stated, dict) or not isinstance(stated.get("name"), str) or not stated["name"]:
        return None
    version = stated.get("version")
    return About(
        _repository(stated) or stated["name"],
        version if isinstance(version, str) and version else None,
        license_of_metadata(name, data),
    )


def _repository(stated: dict[str, Any]) -> str | None:
    """The repository's `owner/name`, where it holds this package alone.

    A repository of many packages would give several files one path, so these keep the package's own name.
    """
    given = stated.get("repository")
    url = given.get("url") if isinstance(given, dict) else given
    if not isinstance(url, str) or (isinstance(given, dict) and given.get("directory")):
        return None
    name = url if url.count("/") == 1 and ":" not in url else name_of_remote(url)
    alone = name is not None and name.rpartition("/")[2].lower() == stated["name"].rpartition("/")[2].lower()
    return name if alone else None
