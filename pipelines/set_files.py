"""A pair set's manifest and files, on any file system that Beam knows.

`schemas.pair_set` does the same through Arrow's file systems, for readers without Beam.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelines import storage
from schemas.manifest import (
    CHANGE_FOLDER,
    JOURNAL_NAME,
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    PairSetError,
    no_manifest,
    parse_manifest,
)


def load_manifest(folder: str) -> Manifest:
    """The manifest of a finished pair set; PairSetError with the mend where there is none or it is damaged."""
    path = storage.join(folder, MANIFEST_NAME)
    if not storage.exists(path):
        journal = storage.join(folder, CHANGE_FOLDER, JOURNAL_NAME)
        raise no_manifest(folder, is_changing=storage.exists(journal))
    return parse_manifest(storage.read_bytes(path), path)


def load_result(output: str) -> Manifest | None:
    """The manifest that a job has left in its output; None while there is none, as after a hand-over to a cluster."""
    return load_manifest(output) if storage.exists(storage.join(output, MANIFEST_NAME)) else None


def check_files(folder: str, entries: Iterable[FileEntry]) -> None:
    """Every one of these files of a set must be there with its size, before any work is done. Raises PairSetError."""
    sizes: dict[str, int] = {}
    entries = list(entries)
    for below in sorted({entry.folder for entry in entries}):
        infos = storage.list_files(storage.join(folder, below))
        sizes |= {f"{below}/{storage.last_part(info.path)}": info.size for info in infos}
    for entry in entries:
        if sizes.get(entry.path) != entry.bytes:
            raise PairSetError(
                f"{folder}: {entry.path} is missing or not {entry.bytes:,} bytes long; "
                "run `pairmill verify` on the folder, and write the set again"
            )
