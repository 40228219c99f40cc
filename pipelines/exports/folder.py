"""The folder of an export: whole, or not to be seen.

On this machine the files are written in a folder beside it, which gets its name when all is done. Elsewhere, where
folders have no names of their own, each file gets its name then. `_export.json` is written last: of which set it is,
which rows, and every file with its sha256.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pipelines import storage
from pipelines.options import UsageError

MARK_NAME = "_export.json"
FORMAT = "pairmill export"


class HashedFile:
    """A file that counts and hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        """Write all of it."""
        self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        """Of all that was written."""
        return self._digest.hexdigest()


@dataclass
class ExportFolder:
    """Where an export's files are written until it is done."""

    staging: str
    files: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def open(self, name: str) -> Iterator[HashedFile]:
        """A new file of the export, by its name relative to the folder, with forward slashes."""
        with storage.open_write(storage.join(self.staging, name)) as file:
            hashed = HashedFile(file)
            yield hashed
        self.files.append({"path": name, "bytes": hashed.bytes, "sha256": hashed.sha256})

    def write(self, name: str, text: str) -> None:
        """A small file."""
        with self.open(name) as file:
            file.write(text.encode())


@contextmanager
def export_folder(output: str, settings: Mapping[str, Any], *, overwrite: bool) -> Iterator[ExportFolder]:
    """Publishes what the block writes when it ends well, and deletes it when not.

    `settings` go into `_export.json`. UsageError for a folder that holds something, and for one that is no export even
    with `overwrite`.
    """
    _refuse(output, overwrite)
    local = storage.is_local(output)
    staging = (
        f"{output.rstrip('/')}{storage.TEMPORARY_MARK}{uuid.uuid4().hex}" if local else storage.join(output, "_temp")
    )
    folder = ExportFolder(staging)
    try:
        yield folder
        folder.files.sort(key=lambda entry: entry["path"])
        mark = json.dumps({"format": FORMAT, **settings, "files": folder.files}, indent=1, ensure_ascii=False) + "\n"
        if local:
            storage.write_atomically(storage.join(staging, MARK_NAME), mark.encode())
            storage.delete([output])
            os.replace(staging, output)
        else:
            storage.delete(info.path for info in storage.walk(output) if not info.path.startswith(f"{staging}/"))
            for entry in folder.files:
                storage.publish(storage.join(staging, entry["path"]), storage.join(output, entry["path"]))
            storage.write_atomically(storage.join(output, MARK_NAME), mark.encode())
    finally:
        storage.delete([staging])


def _refuse(output: str, overwrite: bool) -> None:
    there = storage.walk(output)
    if storage.is_local(output) and os.path.exists(output) and not os.path.isdir(output):
        raise UsageError(f"{output} is a file; name a folder for the export")
    if not there:
        return
    is_export = any(info.path == storage.join(output, MARK_NAME) for info in there)
    if not is_export:
        raise UsageError(f"{output} holds files that are no export of pairmill; name an empty folder")
    if not overwrite:
        raise UsageError(f"{output} holds an export; give --overwrite to replace it, or another --output")
