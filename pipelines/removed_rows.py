"""What was taken out of earlier sets and must not come back: their lists of removed rows, as a job's workers have them.

A row is on a list by its row_id, by its pair_id, or by the hashes of both sides (the same texts, spaced or cased in
another way). A set that is made with such lists in sight keeps them, so that no later run needs all the earlier sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.row_ids import id_bytes
from schemas.finished import file_entry
from schemas.ledger import Ledger
from schemas.manifest import FileEntry, Manifest
from schemas.removed import CARRIED_NOTE, REMOVED_PATH, REMOVED_SCHEMA
from schemas.writer import PartWriter


@dataclass(frozen=True)
class RemovedRows:
    """The lists, each by its path and sha256; a list is read once a process."""

    lists: tuple[tuple[str, str], ...] = ()

    @property
    def identities(self) -> list[str]:
        """What tells these lists from others: a part of a job's settings."""
        return sorted({sha256 for _, sha256 in self.lists})

    def names(self, pairs: pa.Table) -> np.ndarray:
        """Which rows of pairs are on a list (bool)."""
        if not self.lists or not pairs.num_rows:
            return np.zeros(pairs.num_rows, bool)
        known = _load(self.lists)
        found = np.isin(id_bytes(pairs["row_id"]), known[0]) | np.isin(id_bytes(pairs["pair_id"]), known[1])
        return found | np.isin(_sides(pairs), known[2])

    def table(self) -> pa.Table:
        """All lists as one, by row_id, each row once."""
        parts = [REMOVED_SCHEMA.empty_table()]
        for path, _ in self.lists:
            with storage.open_read(path) as file:
                parts.append(pq.read_table(file).cast(REMOVED_SCHEMA))
        table = pa.concat_tables(parts).sort_by([("row_id", "ascending"), ("reason", "ascending")])
        _, first = np.unique(id_bytes(table["row_id"]), return_index=True)
        return table.take(first)

    def carry(self, output: str, ledger: Ledger) -> list[FileEntry]:
        """Write the lists into a set that is being made, and note how long they are; nothing where there are none."""
        table = self.table()
        if not table.num_rows:
            return []
        ledger.note(CARRIED_NOTE, table.num_rows)
        with storage.writing(storage.join(output, REMOVED_PATH)) as file:
            writer = PartWriter(file, REMOVED_SCHEMA)
            writer.write(table)
            return [file_entry(REMOVED_PATH, None, writer.close())]


NOTHING_REMOVED = RemovedRows()


def find_removed(manifests: Mapping[str, Manifest]) -> RemovedRows:
    """The lists of the sets, given by their folders."""
    lists = {
        (storage.join(folder, REMOVED_PATH), entry.sha256)
        for folder, manifest in manifests.items()
        for entry in manifest.files
        if entry.path == REMOVED_PATH
    }
    return RemovedRows(tuple(sorted(lists)))


@lru_cache(maxsize=1)
def _load(lists: tuple[tuple[str, str], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted row_ids, pair_ids and hashes of both sides: 16 bytes each."""
    table = RemovedRows(lists).table()
    return np.unique(id_bytes(table["row_id"])), np.unique(id_bytes(table["pair_id"])), np.unique(_sides(table))


def _sides(pairs: pa.Table) -> np.ndarray:
    hashes = np.stack([pairs["anchor_hash"].to_numpy(), pairs["positive_hash"].to_numpy()], 1)
    return np.frombuffer(np.ascontiguousarray(hashes).tobytes(), "S16")
