"""What one pass of import leaves for the next: texts on disk, where each lies, and what is said of them.

Reading a unit leaves its *segment*: its texts one after another (`.bytes`), where each of them lies (`.texts`), and
what is said of texts (`.statements`), both by partition: the top bits of the text's key, or of the key of the query.
Indexing a partition leaves where the text of each key lies, whatever its segment (`index-`). A text takes its own bytes
and 48 more on disk, a statement 29; in memory are, at any time, one unit's arrays or one partition's.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from array import array
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from types import TracebackType

import numpy as np

from miners.supervised.statements import Statement, Text
from pipelines import storage
from pipelines.deduping.files import array_bytes

TEXT = np.dtype([("key", "<u8"), ("offset", "<u8"), ("length", "<u4"), ("number", "<u4")])
STATEMENT = np.dtype([("left", "<u8"), ("right", "<u8"), ("other", "<u8"), ("number", "<u4"), ("role", "u1")])
PLACE = np.dtype([("offset", "<u8"), ("length", "<u4"), ("segment", "<u4")])
_KEY = np.dtype("<u8")


@dataclass(frozen=True)
class Segment:
    """One unit of lines, as later passes must know it."""

    unit: str
    uri: str
    name: str
    """The file's in row ids."""
    split: str
    kind: str
    language: str | None
    holds_ids: bool
    has_many_a_line: bool
    """Whether a line may make several pairs."""


@dataclass(frozen=True)
class Segments:
    """All segments, in the order of their files and lines, and the partitions that they are cut into."""

    folder: str
    all: tuple[Segment, ...]
    bits: int
    """There are ``2 ** bits`` partitions."""

    def partition_of(self, keys: np.ndarray) -> np.ndarray:
        """The partition of each key."""
        return (keys >> np.uint64(1)) >> np.uint64(63 - self.bits)

    def write(self, unit: str) -> SegmentWriter:
        """The writer of a unit's segment."""
        return SegmentWriter(self, unit)

    def texts(self, partition: int) -> tuple[np.ndarray, np.ndarray]:
        """The texts of a partition in `TEXT`, segment after segment, and the segment of each."""
        return self._read(partition, TEXT, "texts")

    def statements(self, partition: int) -> tuple[np.ndarray, np.ndarray]:
        """The statements of a partition in `STATEMENT`, in the order of files and lines, and the segment of each."""
        return self._read(partition, STATEMENT, "statements")

    def write_index(self, partition: int, keys: np.ndarray, places: np.ndarray) -> None:
        """`keys` ascend; `places` in PLACE."""
        with storage.writing(self.path(f"index-{partition}")) as file:
            file.write(array_bytes(np.ascontiguousarray(keys, _KEY)))
            file.write(array_bytes(np.ascontiguousarray(places)))

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the ascending, distinct `keys` those that have a text, and where it lies, in PLACE."""
        partitions = self.partition_of(keys)
        found = [self._find(int(number), keys[partitions == number]) for number in np.unique(partitions)]
        if not found:
            return keys, np.zeros(0, PLACE)
        return np.concatenate([own for own, _ in found]), np.concatenate([places for _, places in found])

    def path(self, name: str) -> str:
        """A file of the passes."""
        return storage.join(self.folder, name)

    def _find(self, partition: int, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        there, places = _index(self.path(f"index-{partition}"))
        at = np.minimum(np.searchsorted(there, keys), max(len(there) - 1, 0))
        is_there = there[at] == keys if len(there) else np.zeros(len(keys), bool)
        return keys[is_there], places[at[is_there]]

    def _read(self, partition: int, kind: np.dtype, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The items of one partition of each segment: they stand together in its file."""
        parts = [np.zeros(0, kind)]
        for segment in self.all:
            bounds = json.loads(storage.read_bytes(self.path(f"{segment.unit}.json")))[name]
            begin, end = bounds[partition], bounds[partition + 1]
            if begin == end:
                parts.append(np.zeros(0, kind))
                continue
            with storage.open_read(self.path(f"{segment.unit}.{name}")) as file:
                file.seek(begin * kind.itemsize)
                parts.append(np.frombuffer(file.read((end - begin) * kind.itemsize), kind))
        of_segment = np.repeat(np.arange(len(self.all), dtype=np.uint32), [len(part) for part in parts[1:]])
        return np.concatenate(parts), of_segment


class SegmentWriter:
    """Writes one segment. Texts go to disk as they come; their places and the statements are held until the end."""

    def __init__(self, segments: Segments, unit: str) -> None:
        self._segments, self._unit = segments, unit
        self._texts = {"key": array("Q"), "offset": array("Q"), "length": array("I"), "number": array("I")}
        self._keys, self._numbers, self._roles = array("Q"), array("I"), array("B")
        self._own: set[int] = set()
        self._offset = 0
        self._stack = ExitStack()

    def __enter__(self) -> SegmentWriter:
        path = self._segments.path(f"{self._unit}.bytes")
        self._file = self._stack.enter_context(storage.writing(path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if kind is None:
            self._write_arrays()

    def add_text(self, text: Text, number: int) -> None:
        """A text that has an id, of line `number`."""
        self._texts["key"].append(text.key)
        self._texts["offset"].append(self._offset)
        self._texts["length"].append(len(text.text))
        self._texts["number"].append(number)
        self._file.write(text.text)
        self._offset += len(text.text)

    def add_statement(self, said: Statement, number: int) -> None:
        """A statement of line `number`, with the texts that it brings, each once a segment."""
        for text in said.texts:
            if text.key not in self._own:
                self._own.add(text.key)
                self.add_text(text, number)
        self._keys.extend((said.left, said.right, said.other))
        self._numbers.append(number)
        self._roles.append(said.role)

    def _write_arrays(self) -> None:
        """By partition, and in the order of lines within one; a partition's items begin at its bound."""
        keys = np.frombuffer(self._keys, np.uint64).reshape(-1, 3)
        said = {name: keys[:, place] for place, name in enumerate(("left", "right", "other"))}
        said |= {"number": np.frombuffer(self._numbers, np.uint32), "role": np.frombuffer(self._roles, np.uint8)}
        bounds: dict[str, list[int]] = {}
        for name, columns, kind, key in (
            ("texts", self._texts, TEXT, "key"),
            ("statements", said, STATEMENT, "left"),
        ):
            items = np.zeros(len(columns[key]), kind)
            for column, values in columns.items():
                items[column] = values
            partitions = self._segments.partition_of(items[key])
            order = np.argsort(partitions, kind="stable")
            edges = np.searchsorted(partitions[order], np.arange((1 << self._segments.bits) + 1, dtype=np.uint64))
            bounds[name] = edges.tolist()
            with storage.writing(self._segments.path(f"{self._unit}.{name}")) as file:
                file.write(array_bytes(items[order]))
        storage.write_atomically(self._segments.path(f"{self._unit}.json"), json.dumps(bounds).encode())


class TextReader:
    """Reads texts where the index says that they lie; what does not lie on this machine is copied here once."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments

    def read(self, places: np.ndarray) -> list[str]:
        """The texts at these places (in PLACE), in their order; the disk is read in its own order."""
        texts = [""] * len(places)
        order = np.lexsort((places["offset"], places["segment"]))
        edges = np.flatnonzero(np.diff(places["segment"][order].astype(np.int64), prepend=-1))
        for own in np.split(order, edges[1:]) if len(order) else ():
            segment = self._segments.all[int(places["segment"][own[0]])]
            with open(_local_copy(self._segments.path(f"{segment.unit}.bytes")), "rb", buffering=0) as file:
                offsets, lengths = places["offset"][own].tolist(), places["length"][own].tolist()
                for i, offset, length in zip(own.tolist(), offsets, lengths, strict=True):
                    texts[i] = os.pread(file.fileno(), length, offset).decode()
        return texts


def _index(path: str) -> tuple[np.ndarray, np.ndarray]:
    """The keys of a partition and their places: of a local file as much in memory as is looked at."""
    if storage.is_local(path):
        size = os.path.getsize(path)
        data = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
    else:
        data = np.frombuffer(storage.read_bytes(path), np.uint8)
    count = len(data) // (_KEY.itemsize + PLACE.itemsize)
    return data[: count * _KEY.itemsize].view(_KEY), data[count * _KEY.itemsize :].view(PLACE)


@cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="pairmill-import-")


@cache
def _local_copy(path: str) -> str:
    if storage.is_local(path):
        return path
    copy = os.path.join(_copies().name, storage.last_part(path))
    with storage.open_read(path) as source, open(copy, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return copy
