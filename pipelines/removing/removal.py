"""What every pass of a removal must know; its workers are told by a file beside the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from miners.takedown import Asked, Takedown
from pipelines import storage
from pipelines.live_progress import PathWatch
from pipelines.planned import Planned, plan
from pipelines.runs import Run
from pipelines.set_change import staged
from schemas.manifest import FileEntry, Manifest

_SCRATCH = "scratch"


@dataclass(frozen=True)
class Removal:
    """What every pass must know: the set, where the changed one is to be, and what is asked for."""

    folder: str
    output: str
    manifest: Manifest
    takedown: Takedown
    run: Run | None = None
    """Of a copy; the set itself keeps its own."""

    @property
    def is_copy(self) -> bool:
        """Whether the set stays as it is, and all files are written elsewhere."""
        return self.run is not None

    @property
    def bytes(self) -> int:
        """Of all files of the set."""
        return sum(entry.bytes for entry in self.manifest.files)

    @property
    def searched(self) -> list[FileEntry]:
        """The files that hold text."""
        return [entry for entry in self.manifest.files if entry.folder in ("data", "rejects")]

    @cached_property
    def by_path(self) -> dict[str, FileEntry]:
        """The lines of the manifest."""
        return {entry.path: entry for entry in self.manifest.files}

    @cached_property
    def has_rejects(self) -> bool:
        """Whether the set keeps rejects, which may hold the text of a removed row."""
        return any(entry.folder == "rejects" for entry in self.manifest.files)

    def target(self, path: str) -> str:
        """Where a file of the changed set is written."""
        return staged(self.output, path)

    def scratch(self, name: str) -> str:
        """A temporary file."""
        return staged(self.output, _SCRATCH, name)

    def written_mark(self, path: str) -> str:
        """An empty file: this one was looked through, and written again where that was needed."""
        return self.scratch(f"{path.replace('/', '.')}.written")

    def watch(self) -> PathWatch:
        """How far the work is, by what its passes leave."""
        data = {
            self.scratch(f"{storage.last_part(entry.path)}.rows"): entry.rows for entry in self.manifest.data_files()
        }
        return PathWatch(
            {"find": data, "write": {self.written_mark(entry.path): entry.rows for entry in self.searched}}
        )


@dataclass(frozen=True)
class RemovalPlan:
    """A removal in plain values."""

    folder: str
    output: str
    manifest: Manifest
    asked: Sequence[Asked]
    keys: Sequence[tuple[str, str, int]]
    run: Run | None


def plan_removal(removal: Removal) -> Planned[RemovalPlan]:
    """Write it down: manifest and lists may be long, and a graph must not be."""
    takedown = removal.takedown
    keys = [(kind, value, place) for (kind, value), place in takedown.keys.items()]
    values = RemovalPlan(removal.folder, removal.output, removal.manifest, takedown.asked, keys, removal.run)
    return plan(removal.scratch("plan"), "removal", RemovalPlan, [values])


@lru_cache(maxsize=1)
def load_removal(planned: Planned[RemovalPlan]) -> Removal:
    """The removal that was written down; a process reads it once."""
    given = planned.only()
    keys = {(kind, value): place for kind, value, place in given.keys}
    return Removal(given.folder, given.output, given.manifest, Takedown(tuple(given.asked), keys), given.run)
