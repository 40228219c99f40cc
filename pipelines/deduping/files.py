"""Temporary files of the dedupe job: fixed names under one folder, arrays in blocks that are read by range.

Every pass writes one file a unit of its work, and hands on where a block lies, never what is in it. Contents are the
same on every attempt, so that an attempt that runs twice does no harm.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from pipelines import storage

_BLOCK = struct.Struct("<IQQII")
_GAP = 1 << 16
"""Ranges that are closer than this are read in one go: a seek costs more than 64 KB of a sequential read."""


@dataclass(frozen=True, slots=True)
class Block:
    """Where a block lies: in the file of which unit or partition, at which bytes; how many rows, of which part."""

    number: int
    offset: int
    length: int
    rows: int
    part: int = 0

    def pack(self) -> bytes:
        """28 bytes for a GroupByKey."""
        return _BLOCK.pack(self.number, self.offset, self.length, self.rows, self.part)


def unpack_blocks(values: Iterable[bytes]) -> list[Block]:
    """The blocks, ordered by file, part and offset: whatever order a runner groups them in, the work is the same."""
    return sorted((Block(*_BLOCK.unpack(value)) for value in values), key=lambda b: (b.number, b.part, b.offset))


@dataclass(frozen=True, slots=True)
class TemporaryFiles:
    """The names of the job's temporary files."""

    folder: str

    def path(self, kind: str, number: int) -> str:
        """The file of a kind that a unit or partition wrote."""
        return storage.join(self.folder, f"{kind}-{number:06d}")


def write_arrays(file: BinaryIO, arrays: Sequence[np.ndarray], kinds: Sequence[str]) -> int:
    """Write arrays, each in its dtype, as one block: their byte lengths, then their bytes. Returns its length."""
    arrays = [np.ascontiguousarray(array, kind) for array, kind in zip(arrays, kinds, strict=True)]
    header = np.array([len(arrays), *(array.nbytes for array in arrays)], "<u8").tobytes()
    file.write(header)
    for array in arrays:
        file.write(array_bytes(array))
    return len(header) + sum(array.nbytes for array in arrays)


def array_bytes(array: np.ndarray) -> memoryview:
    """The bytes of a contiguous array, without a copy."""
    return memoryview(array.reshape(-1).view(np.uint8))


def read_arrays(data: bytes, kinds: Sequence[str]) -> list[np.ndarray]:
    """The arrays of a block, given their dtypes."""
    sizes = np.frombuffer(data, "<u8", 1 + len(kinds))
    ends = np.cumsum(sizes[1:]) + sizes.nbytes
    return [
        np.frombuffer(data[int(end - size) : int(end)], kind)
        for kind, size, end in zip(kinds, sizes[1:], ends, strict=True)
    ]


def read_block(path: str, block: Block) -> bytes:
    """The bytes of one block."""
    with storage.open_read(path) as file:
        file.seek(block.offset)
        return file.read(block.length)


def read_runs(path: str, starts: np.ndarray, ends: np.ndarray, kind: str) -> np.ndarray:
    """The items [start, end) of each run of a file of one dtype, run after run; runs ascend and do not overlap."""
    width = np.dtype(kind).itemsize
    wanted = np.flatnonzero(ends > starts)
    if not len(wanted):
        return np.zeros(0, kind)
    first, last = starts[wanted] * width, ends[wanted] * width
    breaks = np.flatnonzero(first[1:] - last[:-1] > _GAP) + 1
    pieces: list[np.ndarray] = []
    with storage.open_read(path) as file:
        for group in np.split(np.arange(len(wanted)), breaks):
            begin = int(first[group[0]])
            file.seek(begin)
            data = file.read(int(last[group[-1]]) - begin)
            pieces += [
                np.frombuffer(data[a:b], kind)
                for a, b in zip((first[group] - begin).tolist(), (last[group] - begin).tolist(), strict=True)
            ]
    return np.concatenate(pieces)


def write_table(path: str, table: pa.Table) -> None:
    """A small table as an Arrow stream."""
    storage.write_atomically(path, table_bytes(table))


def stream_table(file: BinaryIO, table: pa.Table) -> int:
    """Write the table as an Arrow stream, without gathering its bytes first; returns how many there were."""
    sink = pa.PythonFile(file, "w")
    before = file.tell()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return file.tell() - before


def table_bytes(table: pa.Table) -> memoryview:
    """The table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def read_table(data: bytes) -> pa.Table:
    """The table of an Arrow stream."""
    return pa.ipc.open_stream(data).read_all()
