"""Second pass of dedupe: what of train's rows may leak into validation or test, as match keys.

In: a unit, scanned, and what all units marked: the band hashes of their rows beyond train. Out: the match keys of the
unit's rows of train that share a band with one of those, as far as a filter tells. Nine rows in ten are of train, and
nearly all of their 96 bands are shared with nothing: they are never written, sorted or read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from miners.near_duplicates import band_hashes
from miners.near_duplicates.hash_filter import HashFilter
from miners.near_duplicates.resolve import ANCHOR, JOINT, KEPT, POSITIVE, TAG_BITS
from pipelines import storage
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.files import Block, TemporaryFiles, read_table, unpack_blocks
from pipelines.deduping.keys import Contents, KeySegments, unit_contents
from pipelines.deduping.passing import Pass

BATCH_ROWS = 2048
LEAK_PART = 1
"""The part of a match block that lies in a file of this pass; of the scan's it is 0."""


def marked(rows: int, config: DedupeConfig) -> int:
    """About so many band hashes are marked in `rows` rows."""
    shares = config.shares()
    bands = sum(comparison.banding.bands for comparison in config.comparisons() if comparison.across_splits)
    return round(rows * (1.0 - shares["train"]) * bands)


class FindLeakKeys(Pass):
    """(unit, where its match keys lie) → (partition, where they lie, and those of this pass)."""

    def __init__(self, config: DedupeConfig, files: TemporaryFiles, partitions: int, units: int, marks: int) -> None:
        self.config, self.files, self.partitions, self.units, self.marks = config, files, partitions, units, marks

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Look at one unit."""
        for block in unpack_blocks(values):
            yield f"{block.part:06d}", replace(block, part=0).pack()
        if self.config.has_splits():
            for partition, block in self._write(int(key)):
                yield f"{partition:06d}", block.pack()

    def _write(self, unit: int) -> list[tuple[int, Block]]:
        table = read_table(storage.read_bytes(self.files.path("rows", unit)))
        known = {name: table[name].to_numpy() for name in table.column_names if name != "group"}
        rows = np.flatnonzero((known["barred"] == KEPT) & (known["split"] == 0))
        offsets = np.frombuffer(storage.read_bytes(self.files.path("offsets", unit)), "<i8").reshape(2, -1)
        contents = unit_contents(known, rows, *np.diff(offsets, axis=1)[:, rows])
        fresh = {side: _first_places(content) for side, content in contents.items()}
        comparisons = self.config.comparisons()
        with storage.writing(self.files.path("leaks", unit)) as file:
            segments = KeySegments(len(comparisons), self.partitions, unit, file, LEAK_PART)
            for first, signatures in self._signatures(unit, len(known["split"])):
                for i, comparison in enumerate(comparisons):
                    if not comparison.across_splits:
                        continue
                    places = fresh[comparison.side]
                    places = places[slice(*np.searchsorted(rows[places], [first, first + BATCH_ROWS]))]
                    hashes = band_hashes(signatures[comparison.side][rows[places] - first], comparison.banding, salt=i)
                    held, _ = np.nonzero(found := self._filter().may_hold(hashes))
                    tags = contents[comparison.side].tags(places)
                    references = (rows[places] << 3 | 1).astype("<u4")
                    segments.put(2 + i, hashes[found], tags[held], references[held])
                segments.flush_if_full()
            return segments.close()

    def _signatures(self, unit: int, rows: int) -> Iterator[tuple[int, dict[int, np.ndarray]]]:
        """The first row of each batch, and the batch's signatures by side."""
        permutations = self.config.permutations
        with storage.open_read(self.files.path("signatures", unit)) as file:
            for first in range(0, rows, BATCH_ROWS):
                data = file.read(min(BATCH_ROWS, rows - first) * 2 * permutations * 4)
                both = np.frombuffer(data, "<u4").reshape(-1, 2, permutations)
                yield first, {ANCHOR: both[:, 0], POSITIVE: both[:, 1], JOINT: np.minimum(both[:, 0], both[:, 1])}

    def _filter(self) -> HashFilter:
        return marked_hashes(self.files, self.units, self.marks)


@lru_cache(maxsize=1)
def marked_hashes(files: TemporaryFiles, units: int, marks: int) -> HashFilter:
    """What all units marked; a process reads it once."""
    found = HashFilter(marks)
    for unit in range(units):
        found.add(np.frombuffer(storage.read_bytes(files.path("marks", unit)), "<u4"))
    return found


def _first_places(content: Contents) -> np.ndarray:
    """Where each content stands first."""
    return np.sort(np.unique(content.names & TAG_BITS, return_index=True)[1])
