"""Which rows of a set are exported, read in canonical order a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.live_progress import Seen, Step
from schemas.pair_set import read_pair_set
from schemas.where import Where

ROWS_AT_ONCE = 4096
_LITTLE_AHEAD = {"batch_size": ROWS_AT_ONCE, "batch_readahead": 2, "fragment_readahead": 1}
"""Arrow reads sixteen batches of four files ahead unless it is told: memory for nothing."""


@dataclass(frozen=True)
class Rows:
    """Rows of some splits of a set of which an expression is true."""

    folder: str
    splits: tuple[str, ...]
    where: Where | None = None
    done: Counter[str] = field(default_factory=Counter, compare=False)
    """The rows of each split that were given to be written, and are."""

    def batches(self, split: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows of one split, at most `ROWS_AT_ONCE` at a time, none empty."""
        for batch in self._scanner(split, {name: ds.field(name) for name in columns}).to_batches():
            if batch.num_rows:
                yield batch
                self.done[split] += batch.num_rows

    def negatives(self, split: str) -> np.ndarray:
        """How many negatives each row of the split has."""
        counts = [np.zeros(0, np.int32)]
        columns = {"negatives": pc.list_value_length(ds.field("negatives"))}
        counts += [batch.column(0).to_numpy() for batch in self._scanner(split, columns).to_batches()]
        return np.concatenate(counts)

    def count(self, split: str) -> int:
        """Rows of the split."""
        return read_pair_set(self.folder, split).count_rows(filter=self.where and self.where.expression)

    def _scanner(self, split: str, columns: dict[str, pc.Expression]) -> ds.Scanner:
        chosen = self.where and self.where.expression
        return read_pair_set(self.folder, split).scanner(columns=columns, filter=chosen, **_LITTLE_AHEAD)


@dataclass(frozen=True)
class RowsWatch:
    """How far an export is: a step a split, whose units are its rows."""

    rows: Rows
    wanted: Mapping[str, int]

    def look(self) -> Seen:
        """See `Watch`."""
        done = {split: self.rows.done[split] for split in self.wanted}
        return Seen(tuple(Step(split, done[split], of, done[split]) for split, of in self.wanted.items()))


def shard_sizes(rows: int, shards: int) -> list[int]:
    """The rows of each file: as even as can be, in order, none of them empty."""
    shards = min(shards, rows)
    return [rows * (i + 1) // shards - rows * i // shards for i in range(shards)]


def sharded(batches: Iterator[pa.RecordBatch], sizes: Sequence[int]) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """(number, rows) of each file in turn, for a stream of as many rows as the sizes say."""
    for number, parts in groupby(_cut(batches, sizes), key=itemgetter(0)):
        yield number, (part for _, part in parts)


def _cut(batches: Iterator[pa.RecordBatch], sizes: Sequence[int]) -> Iterator[tuple[int, pa.RecordBatch]]:
    ends = np.cumsum(sizes)
    row = 0
    for batch in batches:
        while batch.num_rows:
            number = int(np.searchsorted(ends, row, side="right"))
            part = batch.slice(0, int(ends[number]) - row)
            yield number, part
            batch, row = batch.slice(part.num_rows), row + part.num_rows
