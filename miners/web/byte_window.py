"""Random access to a seekable binary file through one buffer, so that scanning and reading share what was fetched."""

from __future__ import annotations

from typing import BinaryIO

BLOCK = 1 << 20
"""The least that is asked of the file at once, in bytes."""


class ByteWindow:
    """Bytes of a file at any position; memory holds one block, or one request if that is larger."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._base = 0
        self._data = b""
        self._ended = False
        self._size: int | None = None

    @property
    def reached(self) -> int:
        """How far the file has been read."""
        return self._base + len(self._data)

    def size(self) -> int:
        """The file's bytes."""
        if self._size is None:
            self._size = self._file.seek(0, 2) or self._file.tell()
        return self._size

    def at(self, position: int, size: int) -> bytes:
        """`size` bytes from `position` on; fewer only where the file ends, or can be read no further.

        Raises OSError where not even the first of them can be read.
        """
        index = position - self._base
        short = index + size > len(self._data)
        if index < 0 or (short and not (self._ended and index <= len(self._data))):
            self._load(position, max(size, BLOCK))
            index = 0
        return self._data[index : index + size]

    def _load(self, position: int, size: int) -> None:
        kept = self._data[position - self._base :] if self._base <= position < self.reached else b""
        pieces, left = [kept], size - len(kept)
        self._ended = False
        try:
            self._file.seek(position + len(kept))
            while left and (piece := self._file.read(left)):
                pieces.append(piece)
                left -= len(piece)
            self._ended = left > 0
        except OSError:
            if not any(pieces):
                raise
        self._base, self._data = position, b"".join(pieces)
