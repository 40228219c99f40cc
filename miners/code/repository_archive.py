"""An archive as a repository: tar (plain, gzip, bzip2, xz), zip, and the packages that are one of these.

Members are read one by one by their place; nothing is unpacked under a name. A compressed tar is unpacked into one
nameless temporary file, up to a limit, so that members can be read in the order of their paths.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from typing import BinaryIO, cast

from miners.code.package_metadata import described_package, is_package_metadata
from miners.code.repository import (
    ARCHIVE_SUFFIXES,
    MAX_FILE_BYTES,
    MAX_FILES,
    About,
    Entry,
    UnreadableError,
    in_order,
    safe_path,
    strip_suffix,
)
from miners.code.tar_members import DAMAGE as TAR_DAMAGE
from miners.code.tar_members import TarMembers, read_member

SMALLEST_LIMIT = 1 << 30
MAX_RATIO = 100
"""What is read of an archive may be a gibibyte or 100 times its size, the larger; source compresses 4 to 10 times."""
MAX_DIRECTORY_BYTES = 128 << 20
"""A zip's list of members is read into memory whole, and takes 20 times its size there."""
_ZIPS = (".zip", ".whl", ".jar")
_IN_MEMORY = 32 << 20
_BLOCK = 1 << 20
_VERSION = re.compile(r"^(?P<name>.+?)-v?(?P<version>\d[\w.+!]*)(-.*)?$")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_DAMAGE = (*TAR_DAMAGE, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def is_archive(path: str) -> bool:
    """Whether the name ends like an archive's."""
    return path.lower().endswith(ARCHIVE_SUFFIXES)


class ArchiveRepository:
    """The members of an archive that is open for reading. Raises UnreadableError where nothing of it can be read.

    One top folder that bears the archive's name, or that a source distribution or `git archive` made, is left off the
    paths.
    """

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file = file
        self.broken: list[str] = []
        stem = strip_suffix(os.path.basename(path))
        self._limit = self._left = _limit(file)
        self._reader = _Zip(file, self.broken) if path.lower().endswith(_ZIPS) else _Tar(file, self.broken)
        entries = self._reader.entries
        commit = self._reader.commit
        metadata = None if commit else self._metadata(entries)
        top = _sole_top(entries)
        if top and (top == stem or commit or metadata is not None):
            entries = [_below(entry, top) for entry in entries]
        named = _VERSION.match(stem)
        if metadata is not None:
            self.about: About = metadata
        elif commit or not named:
            self.about = About(top if commit and top else stem, commit)
        else:
            self.about = About(named["name"], named["version"])
        self.entries: list[Entry] = in_order(entries)

    def read(self, entry: Entry) -> bytes:
        """A member's bytes; a member that is longer than it says is unreadable, and so is all beyond the limit."""
        if self._left < 0:
            raise UnreadableError(f"the archive unpacks to more than {self._limit:,} bytes")
        try:
            data = self._reader.read(entry.key, MAX_FILE_BYTES + 1)
        except _DAMAGE as error:
            raise UnreadableError(f"{type(error).__name__}: {error}") from None
        self._left -= len(data)
        if len(data) != entry.size:
            raise UnreadableError(f"has {len(data)} bytes where the archive says {entry.size}")
        return data

    def close(self) -> None:
        """Close the archive."""
        self._reader.close()
        self._file.close()

    def _metadata(self, entries: list[Entry]) -> About | None:
        for entry in entries:
            if entry.refusal is None and is_package_metadata(entry.path):
                try:
                    about = described_package(entry.path, self.read(entry))
                except UnreadableError:
                    continue
                if about is not None:
                    return about
        return None


class _Zip:
    def __init__(self, file: BinaryIO, broken: list[str]) -> None:
        try:
            _check_directory(file)
            self._zip = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise UnreadableError(f"{type(error).__name__}: {error}") from None
        comment = self._zip.comment.decode("ascii", "replace")
        self.commit = comment if _COMMIT.fullmatch(comment) else None
        listed = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
        if len(listed) > MAX_FILES:
            broken.append(f"lists more than {MAX_FILES:,} files; the rest was not read")
        self.entries = [_zip_entry(info) for info in listed[:MAX_FILES]]

    def read(self, key: zipfile.ZipInfo, limit: int) -> bytes:
        with self._zip.open(key) as member:
            return member.read(limit)

    def close(self) -> None:
        self._zip.close()


class _Tar:
    def __init__(self, file: BinaryIO, broken: list[str]) -> None:
        plain = _unpacked(file, broken)
        self.entries: list[Entry] = []
        try:
            self._tar = TarMembers(plain, broken)
        except _DAMAGE as error:
            raise UnreadableError(f"{type(error).__name__}: {error}") from None
        for member in self._tar:
            if len(self.entries) >= MAX_FILES:
                broken.append(f"lists more than {MAX_FILES:,} files; the rest was not read")
                break
            if not member.isdir():
                self.entries.append(_tar_entry(member))
        comment = self._tar.pax_headers.get("comment", "")
        self.commit = comment if _COMMIT.fullmatch(comment) else None

    def read(self, key: tarfile.TarInfo, limit: int) -> bytes:
        return read_member(self._tar, key, limit)

    def close(self) -> None:
        self._tar.close()


def _limit(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return max(SMALLEST_LIMIT, MAX_RATIO * size)


def _unpacked(file: BinaryIO, broken: list[str]) -> BinaryIO:
    """The tar itself, seekable; of a damaged or boundless one as much as there is, with the cause in `broken`."""
    head = file.read(6)
    file.seek(0)
    openers = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
    opener = openers.get(head[:2])
    if opener is None:
        return file
    limit = _limit(file)
    plain = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed with the archive
    total = 0
    try:
        # read1, because read would lose what it had unpacked before the damage.
        with opener(file) as packed:
            while block := packed.read1(_BLOCK):
                total += len(block)
                if total > limit:
                    broken.append(f"unpacks to more than {limit:,} bytes; the rest was not read")
                    break
                plain.write(block)
    except _DAMAGE as error:
        broken.append(f"{type(error).__name__}: {error}")
    plain.seek(0)
    return cast(BinaryIO, plain)


def _check_directory(file: BinaryIO) -> None:
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    size = end[zipfile._ECD_SIZE] if end else 0  # type: ignore[attr-defined]
    if size > MAX_DIRECTORY_BYTES:
        raise zipfile.BadZipFile(f"a list of members of {size:,} bytes; at most {MAX_DIRECTORY_BYTES:,} are read")


def _zip_entry(info: zipfile.ZipInfo) -> Entry:
    # The name as the archive spells it: ZipInfo.filename is already cut at a NUL.
    path = safe_path(info.orig_filename)
    mode = info.external_attr >> 16
    if path is None:
        return Entry(info.filename.encode("utf-8", "replace").decode(), info.file_size, "unsafe_name")
    if stat.S_ISLNK(mode):
        return Entry(path, info.file_size, "link")
    return Entry(path, info.file_size, None, info)


def _tar_entry(member: tarfile.TarInfo) -> Entry:
    path = safe_path(member.name)
    if path is None:
        return Entry(member.name.encode("utf-8", "replace").decode(), member.size, "unsafe_name")
    if member.issym() or member.islnk():
        return Entry(path, member.size, "link")
    return Entry(path, member.size, None if member.isfile() else "not_a_file", member)


def _sole_top(entries: list[Entry]) -> str | None:
    tops = {entry.path.split("/", 1)[0] if "/" in entry.path else "" for entry in entries if entry.refusal is None}
    return tops.pop() or None if len(tops) == 1 else None


def _below(entry: Entry, top: str) -> Entry:
    path = entry.path.removeprefix(top + "/")
    if entry.refusal is None and safe_path(path) is None:  # as c:/ is harmless only within a folder
        return Entry(entry.path, entry.size, "unsafe_name")
    return Entry(path, entry.size, entry.refusal, entry.key)
