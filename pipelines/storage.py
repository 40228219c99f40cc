"""Files on any file system that Beam knows: reading, and writing that is whole or not there at all.

Local paths go straight to the operating system (Beam's local `delete` and `match` read `[` in a name as a pattern);
all others through Beam's FileSystems. Everything that a job leaves behind is written under a temporary name and
then goes through `publish`.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.http_files import Transfer, is_http, open_url, size_and_version
from pipelines.options import UsageError

TEMPORARY_MARK = ".tmp-"
_BLOCK = 1 << 20
_AT_ONCE = 32
"""Requests for files that are not on this machine."""
MOST_ASKED = 1000
"""More URLs than this are not asked for their size: that takes minutes, and crawls' servers bound their clients."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file: where it is, its bytes, and a mark that changes when it is written again (mtime or etag).

    Of an http(s) URL the size is 0 and the mark is empty where the server was not asked, or did not say.
    """

    path: str
    size: int
    version: str


def is_local(path: str) -> bool:
    """Whether the path is of this machine's own file system."""
    return "://" not in path


def join(folder: str, *parts: str) -> str:
    """The path of a file in a folder, on either kind of file system."""
    return "/".join((folder.rstrip("/"), *parts)) if folder != "/" else "/" + "/".join(parts)


def last_part(path: str) -> str:
    """A file's own name, without its folders."""
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def open_read(path: str, transfer: Transfer | None = None) -> BinaryIO:
    """Open for reading as it is, without guessing at a compression; `transfer` is for http(s) URLs. Raises OSError."""
    if is_local(path):
        return open(path, "rb")
    if is_http(path):
        return open_url(path, transfer or Transfer())
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def open_write(path: str) -> BinaryIO:
    """Open for writing; folders that miss are made."""
    if is_local(path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        return open(path, "wb")
    return FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)


def read_bytes(path: str, transfer: Transfer | None = None) -> bytes:
    """The whole file."""
    with open_read(path, transfer) as file:
        return file.read()


def exists(path: str) -> bool:
    """Whether there is a file or folder of this name."""
    return os.path.exists(path) if is_local(path) else FileSystems.exists(path)


def each(folder: str, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The work's result for each item, in their order, where the work is to ask for a file in the folder.

    Several are at work at once where the folder is not on this machine: there each is a request, whose answer takes
    longer than the work. Raises what the work raises.
    """
    if is_local(folder):
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for item in items:
            if len(waiting) == _AT_ONCE:
                yield waiting.popleft().result()
            waiting.append(pool.submit(work, item))
        while waiting:
            yield waiting.popleft().result()


def delete(paths: Iterable[str]) -> None:
    """Delete files and whole folders; what is not there is no error."""
    for path in paths:
        if is_local(path):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            elif os.path.lexists(path):
                os.remove(path)
        else:
            for pattern in (path, join(path, "**")):
                found = [metadata.path for metadata in FileSystems.match([pattern])[0].metadata_list]
                for _ in each(path, lambda name: FileSystems.delete([name]), found):
                    pass


def list_files(folder: str) -> list[FileInfo]:
    """The files directly in a folder, by name; none where there is no such folder."""
    if is_local(folder):
        if not os.path.isdir(folder):
            return []
        paths = [entry.path for entry in os.scandir(folder) if entry.is_file()]
        return [_local_info(path) for path in sorted(paths)]
    matched = FileSystems.match([join(folder, "*")])[0].metadata_list
    infos = [FileInfo(m.path, m.size_in_bytes, str(m.last_updated_in_seconds)) for m in matched]
    return sorted(infos, key=lambda info: info.path)


def walk(folder: str) -> list[FileInfo]:
    """All files below a folder, by name; none where there is no such folder."""
    if is_local(folder):
        paths = (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names)
        return [_local_info(path) for path in sorted(paths) if os.path.isfile(path)]
    return sorted(_match_remote(join(folder, "**")), key=lambda info: info.path)


def expand(patterns: Sequence[str], transfer: Transfer | None = None) -> list[FileInfo]:
    """The files that the patterns name, once each (by real path), by name; an http(s) URL is one file, as it is.

    Raises UsageError for a pattern that matches nothing: an input that is misspelt must not pass for an empty one.
    """
    found = {info.path: info for info in describe(list(filter(is_http, patterns)), transfer)}
    for pattern in patterns:
        if is_http(pattern):
            continue
        infos = _match_local(pattern) if is_local(pattern) else _match_remote(pattern)
        if not infos:
            raise UsageError(
                f"no file matches {pattern!r}; check the path, and quote a pattern so that it arrives whole"
            )
        for info in infos:
            found.setdefault(os.path.realpath(info.path) if is_local(info.path) else info.path, info)
    return sorted(found.values(), key=lambda info: info.path)


def describe(paths: Sequence[str], transfer: Transfer | None = None) -> list[FileInfo]:
    """The files of these exact names, in order. One that is not there, or does not answer, is of size 0.

    Of more than 1,000 that are not local nothing is asked.
    """
    remote = [path for path in paths if not is_local(path)]
    infos = {path: FileInfo(path, 0, "") for path in paths}
    if len(remote) <= MOST_ASKED:
        urls = list(filter(is_http, remote))
        for url, (size, version) in zip(urls, size_and_version(urls, transfer or Transfer()), strict=True):
            infos[url] = FileInfo(url, size or 0, version)
        infos |= {info.path: info for path in remote if not is_http(path) for info in _match_remote(path)}
    infos |= {path: _local_info(path) for path in paths if is_local(path) and os.path.isfile(path)}
    return [infos[path] for path in paths]


def publish(temporary: str, final: str) -> None:
    """Give a finished file its name, once.

    Where the final name exists already with the same bytes (an attempt that ran twice), that is success; with others
    it is an error, and neither is touched. Raises FileExistsError and FileNotFoundError.
    """
    if not exists(final):
        try:
            _rename_new(temporary, final) if is_local(temporary) else FileSystems.rename([temporary], [final])
            return
        except FileExistsError:
            pass  # another attempt was faster
    if exists(temporary):
        if checksum(temporary) != checksum(final):
            raise FileExistsError(f"{final} exists with other contents; another job writes to the same folder")
        delete([temporary])


def _rename_new(temporary: str, final: str) -> None:
    """Rename without overwriting, where the file system has hard links; a plain rename elsewhere."""
    try:
        os.link(temporary, final)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        os.rename(temporary, final)
    else:
        os.remove(temporary)


def replace(temporary: str, final: str) -> None:
    """Give a finished file a name that another one may have; at once on this machine, in two steps elsewhere."""
    if is_local(temporary):
        os.makedirs(os.path.dirname(final) or ".", exist_ok=True)
        os.replace(temporary, final)
    else:
        delete([final])
        publish(temporary, final)


@contextmanager
def writing(final: str) -> Iterator[BinaryIO]:
    """Open a file under a temporary name beside `final`, and publish it when the block ends well."""
    temporary = f"{final}{TEMPORARY_MARK}{uuid.uuid4().hex}"
    file = open_write(temporary)
    try:
        yield file
        file.close()
        publish(temporary, final)
    except BaseException:
        with suppress(OSError):  # closing writes what is left; on a full disk that fails again
            file.close()
        delete([temporary])
        raise


def write_atomically(path: str, data: bytes) -> None:
    """Write a small file whole or not at all."""
    with writing(path) as file:
        file.write(data)


def write_over(path: str, data: bytes) -> None:
    """Replace a small file that changes all the time; a reader sees the old one or the new one."""
    temporary = f"{path}{TEMPORARY_MARK}{os.getpid()}"
    try:
        with open_write(temporary) as file:
            file.write(data)
        replace(temporary, path)
    except BaseException:
        delete([temporary])
        raise


def checksum(path: str) -> tuple[int, str]:
    """Bytes and sha256 of a file."""
    digest, size = hashlib.sha256(), 0
    with open_read(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _local_info(path: str) -> FileInfo:
    status = os.stat(path)
    return FileInfo(path, status.st_size, str(status.st_mtime_ns))


def _match_local(pattern: str) -> list[FileInfo]:
    paths = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern, recursive=True))
    return [_local_info(path) for path in paths if os.path.isfile(path)]


def _match_remote(pattern: str) -> list[FileInfo]:
    matched = FileSystems.match([pattern])[0].metadata_list
    return [FileInfo(m.path, m.size_in_bytes, str(m.last_updated_in_seconds)) for m in matched]
