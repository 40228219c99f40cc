"""Arrays and texts on disk, an entry a place.

They are read and written by plain file calls: a process holds only what it asks for, however large the files are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np


class RowFile:
    """A file of fixed-width rows. It grows with zeros as places are written."""

    def __init__(self, path: Path, dtype: str, width: int) -> None:
        self._dtype, self._width = np.dtype(dtype), width
        self._bytes = self._dtype.itemsize * width
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def put(self, places: np.ndarray, values: np.ndarray) -> None:
        """Write a row at each place."""
        order = np.argsort(places, kind="stable")
        values = np.ascontiguousarray(values[order], self._dtype)
        for first, start, stop in _runs(places[order]):
            _write(self._file, values[first : first + stop - start].tobytes(), start * self._bytes)

    def read(self, start: int, stop: int) -> np.ndarray:
        """The rows of the places from `start` to `stop`."""
        values = np.empty((stop - start, self._width), self._dtype)
        _read(self._file, memoryview(values.reshape(-1).view(np.uint8)), start * self._bytes)
        return values

    def take(self, places: np.ndarray) -> np.ndarray:
        """The row of each place, in the order asked for."""
        order = np.argsort(places, kind="stable")
        found = np.empty((len(places), self._width), self._dtype)
        for first, start, stop in _runs(places[order]):
            found[order[first : first + stop - start]] = self.read(start, stop)
        return found

    def flush(self) -> None:
        """What was written is on the disk when this returns."""
        os.fsync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


class TextFile:
    """Texts by place, one after the other in the order of writing."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._spans = RowFile(path.with_suffix(".spans"), "<i8", 2)
        self.size = 0
        """Bytes of text so far; to go on writing after an interruption, set it to what it was."""

    def put(self, places: np.ndarray, texts: Sequence[str]) -> None:
        """Add the text of each place."""
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        lengths = np.array([len(part) for part in parts], np.int64)
        starts = self.size + np.cumsum(lengths) - lengths
        _write(self._file, b"".join(parts), self.size)
        self._spans.put(places, np.column_stack([starts, lengths]))
        self.size += int(lengths.sum())

    def read(self, start: int, stop: int) -> list[str]:
        """The texts of the places from `start` to `stop`."""
        return self._texts(self._spans.read(start, stop))

    def take(self, places: np.ndarray) -> list[str]:
        """The text of each place, in the order asked for."""
        return self._texts(self._spans.take(places))

    def flush(self) -> None:
        """What was written is on the disk when this returns."""
        os.fsync(self._file)
        self._spans.flush()

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._file)
        self._spans.close()

    def _texts(self, spans: np.ndarray) -> list[str]:
        return [os.pread(self._file, n, start).decode("utf-8", "surrogatepass") for start, n in spans.tolist()]


def _runs(places: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(index of its first, first place, last place + 1) of each run of consecutive places in a sorted array."""
    cuts = np.flatnonzero(np.diff(places) != 1) + 1
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(places)], strict=True):
        if last > first:
            yield first, int(places[first]), int(places[last - 1]) + 1


def _write(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, offset)
        view, offset = view[done:], offset + done


def _read(file: int, into: memoryview, offset: int) -> None:
    while into:
        done = os.preadv(file, [into], offset)
        if not done:
            raise EOFError("a temporary file of the search ends too early; run again with --overwrite")
        into, offset = into[done:], offset + done
