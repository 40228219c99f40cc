"""The members of a tar that may be damaged or made to do harm: all that can be found, at a bounded cost.

Python's `tarfile` reads the headers. Here is what it does not hold out against: a damaged header ends its listing (and,
from the second on, without a word), numbers and extended headers of no sense make it turn in circles or fill the
memory. Reading goes on at the next block that is a header, as GNU tar's does; also behind an end mark that is none.
"""

from __future__ import annotations

import os
import re
import struct
import tarfile
from tarfile import BLOCKSIZE
from typing import BinaryIO, Self

DAMAGE = (OSError, ValueError, LookupError, ArithmeticError, RuntimeError, MemoryError, struct.error, tarfile.TarError)
"""What `tarfile` raises at bytes that make no sense; RecursionError is a RuntimeError."""
MAX_HEADER_BYTES = 1 << 20
"""A long name or an extended header is read into memory whole."""
MAX_EXTENSIONS = 16
"""Extended headers in front of one member; each is read by a call within the call for the one before."""
MAX_DAMAGES = 1000
"""Damaged places after which the rest of an archive is given up."""
_READ = 128 * BLOCKSIZE
_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_PAX_LENGTH = re.compile(rb"(\d{1,20}) ")
_MANY_DIGITS = re.compile(rb"\d{200}")
"""`tarfile` looks for keywords behind digits, in the square of the digits' number."""


class TarMembers(tarfile.TarFile):
    """An uncompressed tar, open for reading. `damage` gets a sentence for each place that may have cost members.

    Raises tarfile.TarError where there is no header at all.
    """

    def __init__(self, file: BinaryIO, damage: list[str]) -> None:
        self._damage = damage
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self.extensions = 0
        begun = len(damage)
        super().__init__(fileobj=file, errors="surrogateescape", tarinfo=_Member)
        if self.firstmember is None and len(damage) > begun:
            raise tarfile.ReadError(damage.pop())

    def next(self) -> tarfile.TarInfo | None:
        """The next member, behind damage if need be; None at the end."""
        if self.firstmember is not None:
            return super().next()
        is_scanning = False
        while True:
            begun, self.extensions = self.offset, 0
            try:
                member = super().next()
            except DAMAGE as error:
                if not is_scanning:
                    self._damage.append(f"at byte {begun:,}: {type(error).__name__}: {error}")
            else:
                if member is not None or not self._skip_zeros():
                    return member
                if not is_scanning:
                    self._damage.append(f"at byte {begun:,}: zeros, as at the end, and then more")
                is_scanning = True
                continue
            if begun < self._size and len(self._damage) < MAX_DAMAGES:
                is_chain = self.extensions > MAX_EXTENSIONS
                self.offset = self.fileobj.tell() if is_chain else begun + BLOCKSIZE
            elif begun > self._size and self.members and not is_scanning:
                self.offset = self.members[-1].offset_data  # a size that leads past the end may be one header's lie
            else:
                return None
            is_scanning = True

    def _skip_zeros(self) -> bool:
        """Go on behind an end mark to the first block that is not zeros; False where there is none."""
        self.fileobj.seek(self.offset)
        while data := self.fileobj.read(_READ):
            zeros = len(data) - len(data.lstrip(b"\0"))
            self.offset += zeros // BLOCKSIZE * BLOCKSIZE
            if zeros < len(data):
                self._loaded = False
                return True
        return False


class _Member(tarfile.TarInfo):
    """A header that is believed only where it makes sense. What is overridden is called by `tarfile` by these names."""

    @classmethod
    def fromtarfile(cls, tarfile_: TarMembers) -> Self:  # type: ignore[override]
        """Errors of another class than those at which `TarFile.next` quietly ends: only the end mark is the end."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
            raise tarfile.ReadError("the file ends without an end mark") from None
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from None

    def _proc_member(self, tar: TarMembers) -> tarfile.TarInfo:
        if self.type in (*_LONG_NAMES, *_PAX):
            tar.extensions += 1
            if tar.extensions > MAX_EXTENSIONS:
                raise tarfile.ReadError(f"more than {MAX_EXTENSIONS} extended headers of one member")
            if self.size > MAX_HEADER_BYTES:
                raise tarfile.ReadError(f"an extended header of {self.size:,} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]

    def _block(self, count: int) -> int:
        if count < 0:
            raise tarfile.ReadError(f"a member of {count:,} bytes")
        return super()._block(count)  # type: ignore[misc]

    def _proc_pax(self, tar: TarMembers) -> tarfile.TarInfo:
        begun = tar.fileobj.tell()
        _check_pax(tar.fileobj.read(self.size))
        tar.fileobj.seek(begun)
        return super()._proc_pax(tar)  # type: ignore[misc]

    def _proc_sparse(self, tar: TarMembers) -> tarfile.TarInfo:
        _, goes_on, size = self._sparse_structs  # type: ignore[has-type]
        del self._sparse_structs
        while goes_on:
            block = tar.fileobj.read(BLOCKSIZE)
            if len(block) < BLOCKSIZE:
                raise tarfile.ReadError("the file ends within the map of a sparse file")
            goes_on = bool(block[504])
        self.offset_data = tar.fileobj.tell()
        tar.offset = self.offset_data + self._block(self.size)
        self.size = size
        self.sparse = []
        return self

    def _proc_gnusparse_00(self, member: tarfile.TarInfo, *_: object) -> None:
        member.sparse = []  # a sparse file is not read, so its map, as long as it likes to be, is not either

    _proc_gnusparse_01 = _proc_gnusparse_10 = _proc_gnusparse_00


def read_member(tar: TarMembers, member: tarfile.TarInfo, limit: int) -> bytes:
    """At most `limit` bytes of a member. Raises one of DAMAGE, also for a sparse file: no source is one."""
    if member.issparse():
        raise ValueError("is a sparse file")
    file = tar.extractfile(member)
    if file is None:
        raise ValueError("is no file")
    return file.read(limit)


def _check_pax(header: bytes) -> None:
    """Raise ReadError unless all of it is records `LENGTH KEYWORD=VALUE\\n` (POSIX.1-2017, pax, "Extended Header")."""
    if _MANY_DIGITS.search(header):
        raise tarfile.ReadError("an extended header with a number of more than 200 digits")
    position = 0
    while position < len(header) and header[position]:
        match = _PAX_LENGTH.match(header, position)
        end = position + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(header) or header[end - 1] != ord("\n"):
            raise tarfile.ReadError("an extended header that is no list of records")
        if header.find(b"=", match.end() + 1, end) < 0:
            raise tarfile.ReadError("an extended header with a record without a keyword")
        position = end
