"""A blocklist as a job's workers have it: by its path and checksum, read once a process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from miners.web.blocklist import Blocklist
from pipelines import storage
from pipelines.options import UsageError


@dataclass(frozen=True)
class BlocklistFile:
    """Where a blocklist lies, and what it held when the job began; the workers must reach it under the same path."""

    path: str
    sha256: str

    def load(self) -> Blocklist:
        """The list. Raises OSError where it cannot be read, and UsageError where it is another than before."""
        return _load(self)


def find_blocklist(path: str | None) -> BlocklistFile | None:
    """The file behind `--blocklist`, read and checked. Raises UsageError."""
    if path is None:
        return None
    try:
        data = storage.read_bytes(path)
        Blocklist.parse(data.decode("utf-8-sig").splitlines())
    except (OSError, ValueError) as error:
        raise UsageError(f"the blocklist {path} cannot be read: {error}") from None
    return BlocklistFile(path, hashlib.sha256(data).hexdigest())


@lru_cache(maxsize=2)
def _load(file: BlocklistFile) -> Blocklist:
    data = storage.read_bytes(file.path)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise UsageError(f"the blocklist {file.path} was changed while the job ran")
    return Blocklist.parse(data.decode("utf-8-sig").splitlines())
