"""Changing a finished pair set where it lies: at any kill it is the old whole set, or the new one, or refused by name.

What is to come is written under `_change/` in the set, and last `_change/journal.json`, atomically: up to there the set
is the old one. Then the manifest goes, files take their places, and the new manifest comes: whoever reads in between is
told that a change is to be finished, and `finish_change` does, as often as need be.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pipelines import storage
from pipelines.finish import delete_unnamed
from schemas.attribution import ATTRIBUTION_NAME
from schemas.card import card
from schemas.manifest import (
    CARD_NAME,
    CHANGE_FOLDER,
    JOURNAL_NAME,
    MANIFEST_NAME,
    UNITS_FOLDER,
    FileEntry,
    Manifest,
    PairSetError,
    is_inside,
    parse_manifest,
)

_BLOCK = 1 << 20


def staged(folder: str, *path: str) -> str:
    """Where a file of the set is written before the change."""
    return storage.join(folder, CHANGE_FOLDER, *path)


def discard_change(folder: str) -> None:
    """Delete what an attempt has left that never came to its journal, or a change that is over."""
    storage.delete([staged(folder)])


def write_journal(folder: str, manifest: Manifest, paths: Iterable[str], said: Mapping[str, Any]) -> None:
    """The change is whole: `paths` are the staged files that the new manifest names, `said` what the job says of it."""
    journal = {"paths": sorted(paths), "manifest": manifest.to_bytes().decode(), "said": said}
    path = staged(folder, JOURNAL_NAME)
    storage.delete([path])
    storage.write_atomically(path, json.dumps(journal, ensure_ascii=False).encode())


def copy_files(folder: str, output: str, entries: Iterable[FileEntry]) -> None:
    """Stage files of a set as they are, for a changed copy of it."""
    for entry in entries:
        storage.delete([staged(output, entry.path)])
        with (
            storage.open_read(storage.join(folder, entry.path)) as source,
            storage.writing(staged(output, entry.path)) as file,
        ):
            shutil.copyfileobj(source, file, _BLOCK)


def has_journal(folder: str) -> bool:
    """Whether a change waits to be finished."""
    return storage.exists(staged(folder, JOURNAL_NAME))


def read_said(folder: str) -> dict[str, Any]:
    """What the job told of a change that waits to be finished."""
    return _read_journal(folder).said


def finish_change(folder: str) -> Manifest:
    """Make the change whose journal there is; running it again, from wherever it stopped, is no error.

    Raises PairSetError, with nothing done, where the journal is damaged or names a file outside of the set.
    """
    journal = _read_journal(folder)
    manifest = parse_manifest(journal.manifest, staged(folder, JOURNAL_NAME))
    final = storage.join(folder, MANIFEST_NAME)
    storage.delete([final])
    for path in journal.paths:
        if storage.exists(staged(folder, path)):
            storage.replace(staged(folder, path), storage.join(folder, path))
    delete_unnamed(folder, manifest.files)
    is_attributed = any(entry.path == ATTRIBUTION_NAME for entry in manifest.files)
    # What units say of their parts is of the old files.
    beside = [UNITS_FOLDER, CARD_NAME, *(() if is_attributed else (ATTRIBUTION_NAME,))]
    storage.delete(storage.join(folder, name) for name in beside)
    storage.write_atomically(storage.join(folder, CARD_NAME), card(manifest).encode())
    storage.write_atomically(final, journal.manifest)
    discard_change(folder)
    return manifest


class _Journal(NamedTuple):
    paths: list[str]
    """The staged files, relative to the set's folder."""
    manifest: bytes
    said: dict[str, Any]


def _read_journal(folder: str) -> _Journal:
    place = staged(folder, JOURNAL_NAME)
    try:
        value = json.loads(storage.read_bytes(place))
        journal = _Journal(list(value["paths"]), value["manifest"].encode(), dict(value["said"]))
        if not all(is_inside(path) for path in journal.paths):
            raise ValueError("it names a path that leads out of the set")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PairSetError(f"{place} is damaged: {error}; write the set again") from None
    return journal
