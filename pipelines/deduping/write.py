"""Last passes of dedupe: the rows that stay go, by way of partition files, to their shard; shards are written in order.

`RouteUnit` reads the text of a unit again, drops what its verdicts say with evidence, and writes the rest in segments
sorted by shard. `WriteShard` gathers one shard, a slice at a time, in the order of a keyed hash of row_id. Rows never
go through a GroupByKey.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.near_duplicates.resolve import RULES
from pipelines import storage
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.files import Block, TemporaryFiles, read_block, read_table, stream_table, unpack_blocks
from pipelines.deduping.inputs import InputUnit, read_pair_sets
from pipelines.deduping.keys import SEGMENT_BYTES
from pipelines.deduping.passing import PASSING, Pass
from pipelines.deduping.resolve import VERDICT_SCHEMA
from pipelines.deduping.source_loss import Loss, count_losses, losses_to_json
from pipelines.planned import Planned
from pipelines.row_ids import hex_ids, row_order
from pipelines.table_file import TableFile
from pipelines.verdicts import count_verdicts, rejected_rows
from schemas.evidence import EVIDENCE_SCHEMA, signatures_schema
from schemas.manifest import FileEntry
from schemas.pair import SCHEMA, SPLITS
from schemas.rejects import REJECTS_SCHEMA

JOB = "dedupe"
ORDER = "order"
"""The temporary column that rows are sorted by."""
STEP_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Sharding:
    """How a split is cut: `shards` files, each gathered in `slices` so that one slice fits in memory."""

    shards: int
    slices: int

    def slice_of(self, order: np.ndarray) -> np.ndarray:
        """floor(order * shards * slices / 2^64) of uint64 hashes; shard is this // slices."""
        count = np.uint64(self.shards * self.slices)
        low = ((order & np.uint64(0xFFFFFFFF)) * count) >> np.uint64(32)
        return (((order >> np.uint64(32)) * count + low) >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True)
class Layout:
    """What the two passes that write need to know."""

    config: DedupeConfig
    files: TemporaryFiles
    output: str
    shardings: dict[str, Sharding]
    seed: int
    source: str | None = None
    keep_rejects: bool = False


class RouteUnit(Pass):
    """(unit, …) → (split/shard, where its rows lie), and (PASSING, the unit's ledger and files)."""

    def __init__(self, layout: Layout, units: Planned[InputUnit]) -> None:
        self.layout, self.units = layout, units

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Route one unit."""
        unit = self.units.all()[int(key)]
        known, verdicts = self._known(unit), self._verdicts(unit)
        codes, clusters, splits = decided(known, verdicts)
        ledger = count_verdicts(JOB, RULES, codes)
        with ExitStack() as stack:
            out = stack.enter_context(storage.writing(self.layout.files.path("routed", unit.number)))
            segments = Segments(self.layout.shardings, unit.number, out)
            rejects = stack.enter_context(
                TableFile(self.layout.output, f"rejects/{unit.number:06d}.parquet", REJECTS_SCHEMA)
            )
            signatures = stack.enter_context(storage.open_read(self.layout.files.path("signatures", unit.number)))
            first = 0
            losses: dict[str, Loss] = {}
            for table in self._read(unit, stack):
                rows = slice(first, first + table.num_rows)
                for name, loss in count_losses(table["source"], codes[rows]).items():
                    losses.setdefault(name, Loss()).add(loss.rows, loss.codes)
                both = self._signatures(signatures, table.num_rows)
                kept = codes[rows] == 0
                segments.add(self._kept(table, kept, clusters[rows], both), splits[rows][kept])
                if self.layout.keep_rejects:
                    rejects.add(rejected_rows(table, RULES, codes[rows]))
                first = rows.stop
            blocks = segments.close()
        files = [*rejects.entries, *self._evidence(unit, verdicts)]
        for split, shard, block in blocks:
            yield f"{split}/{shard:05d}", block.pack()
        told = {"ledger": ledger.to_json(), "files": list(map(asdict, files)), "losses": losses_to_json(losses)}
        yield PASSING, json.dumps(told).encode()

    def _read(self, unit: InputUnit, stack: ExitStack) -> Iterator[pa.Table]:
        """The unit's rows as the scan saw them, all columns."""
        if not unit.is_plain:
            yield from read_pair_sets(unit)
            return
        file = stack.enter_context(storage.open_read(self.layout.files.path("converted", unit.number)))
        for batch in pa.ipc.open_stream(file):
            yield pa.Table.from_batches([batch])

    def _known(self, unit: InputUnit) -> pa.Table | None:
        """What the scan knew of each row; None where the unit has none."""
        path = self.layout.files.path("rows", unit.number)
        return read_table(storage.read_bytes(path)) if storage.exists(path) else None

    def _verdicts(self, unit: InputUnit) -> pa.Table:
        path = self.layout.files.path("verdicts", unit.number)
        return read_table(storage.read_bytes(path)) if storage.exists(path) else VERDICT_SCHEMA.empty_table()

    def _signatures(self, file: BinaryIO, rows: int) -> np.ndarray:
        permutations = self.layout.config.permutations
        data = file.read(rows * 2 * permutations * 4)
        return np.frombuffer(data, "<u4").reshape(rows, 2, permutations)

    def _kept(self, table: pa.Table, kept: np.ndarray, clusters: np.ndarray, both: np.ndarray) -> pa.Table:
        """The rows that stay, with their order and signatures."""
        place = table.schema.get_field_index("cluster")
        table = table.set_column(place, SCHEMA.field("cluster"), pa.array(clusters))
        if self.layout.source:
            names = pa.array([self.layout.source] * table.num_rows)
            table = table.set_column(table.schema.get_field_index("source"), "source", names)
        table = table.select(SCHEMA.names).cast(SCHEMA).filter(pa.array(kept))
        order = row_order(table["row_id"].to_pylist(), self.layout.seed)
        table = table.append_column(ORDER, pa.array(order))
        kind = signatures_schema(self.layout.config.permutations).field("anchor").type
        for i, side in enumerate(("anchor", "positive")):
            flat = pa.array(np.ascontiguousarray(both[kept, i]).reshape(-1))
            table = table.append_column(f"{side}_signature", pa.FixedSizeListArray.from_arrays(flat, type=kind))
        return table

    def _evidence(self, unit: InputUnit, verdicts: pa.Table) -> list[FileEntry]:
        removed = verdicts.filter(pc.greater(verdicts["code"], 0)).select(EVIDENCE_SCHEMA.names)
        with TableFile(self.layout.output, f"evidence/{unit.number:06d}.parquet", EVIDENCE_SCHEMA) as table:
            table.add(removed)
        return table.entries


class Segments:
    """Gathers rows and writes them sorted by split and slice, a segment at a time."""

    def __init__(self, shardings: dict[str, Sharding], unit: int, file: BinaryIO) -> None:
        self.shardings, self.unit, self.file = shardings, unit, file
        self.waiting: list[pa.Table] = []
        self.splits: list[np.ndarray] = []
        self.bytes = 0
        self.offset = 0
        self.blocks: list[tuple[str, int, Block]] = []

    def add(self, table: pa.Table, splits: np.ndarray) -> None:
        """Take rows in, with the number of the split of each."""
        if table.num_rows:
            self.waiting.append(table)
            self.splits.append(splits)
            self.bytes += table.nbytes
        if self.bytes > SEGMENT_BYTES:
            self._flush()

    def close(self) -> list[tuple[str, int, Block]]:
        """Write what waits; returns (split, shard, block) of all that was written."""
        self._flush()
        return self.blocks

    def _flush(self) -> None:
        if not self.waiting:
            return
        table = pa.concat_tables(self.waiting).unify_dictionaries().combine_chunks()
        splits = np.concatenate(self.splits)
        order = table[ORDER].to_numpy()
        for number, split in enumerate(SPLITS):
            mine = np.flatnonzero(splits == number)
            if not len(mine):
                continue
            sharding = self.shardings[split]
            slices = sharding.slice_of(order[mine])
            by_slice = np.argsort(slices, kind="stable")
            mine, slices = mine[by_slice], slices[by_slice]
            cuts = np.flatnonzero(np.diff(slices, prepend=-1))
            for part in np.split(np.arange(len(mine)), cuts[1:]):
                length = stream_table(self.file, table.take(mine[part]))
                number_of_slice = int(slices[part[0]])
                block = Block(self.unit, self.offset, length, len(part), number_of_slice)
                self.blocks.append((split, number_of_slice // sharding.slices, block))
                self.offset += length
        self.waiting, self.splits, self.bytes = [], [], 0


class WriteShard(Pass):
    """(split/shard, its blocks) → (PASSING, its files)."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Write one shard and its signatures."""
        split, shard = key.split("/")
        sharding = self.layout.shardings[split]
        name = f"{split}-{shard}-of-{sharding.shards:05d}.parquet"
        by_slice: dict[int, list[Block]] = {}
        for block in unpack_blocks(values):
            by_slice.setdefault(block.part, []).append(block)
        signatures = signatures_schema(self.layout.config.permutations)
        with (
            TableFile(self.layout.output, f"data/{name}", SCHEMA, split) as data,
            TableFile(self.layout.output, f"signatures/{name}", signatures) as beside,
        ):
            for _, blocks in sorted(by_slice.items()):
                for table in self._in_order(blocks):
                    data.add(table.select(SCHEMA.names))
                    columns = [table[column] for column in ("row_id", "anchor_signature", "positive_signature")]
                    beside.add(pa.Table.from_arrays(columns, schema=signatures))
        entries = list(map(asdict, [*data.entries, *beside.entries]))
        yield PASSING, json.dumps({"files": entries}).encode()

    def _in_order(self, blocks: list[Block]) -> Iterator[pa.Table]:
        tables = [read_table(read_block(self.layout.files.path("routed", block.number), block)) for block in blocks]
        table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        ids = hex_ids(table["row_id"])
        order = np.lexsort((ids[:, 1], ids[:, 0], table[ORDER].to_numpy()))
        for first in range(0, len(order), STEP_ROWS):
            yield table.take(order[first : first + STEP_ROWS]).unify_dictionaries()


def decided(known: pa.Table | None, verdicts: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Verdict code, cluster and number of the split of every row of a unit."""
    if known is None:
        return np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.uint8)
    codes = np.zeros(known.num_rows, np.uint8)
    clusters = known["pair_low"].to_numpy().view(np.int64).copy()
    codes[verdicts["row"].to_numpy()] = verdicts["code"].to_numpy()
    clusters[verdicts["row"].to_numpy()] = verdicts["cluster"].to_numpy()
    return codes, clusters, known["split"].to_numpy()
