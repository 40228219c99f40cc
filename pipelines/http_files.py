"""Files behind http(s) URLs, read as if they were local: by range, retried with back-off, resumed where they broke off.

A server that does not serve ranges gives the whole file, into a temporary file. What cannot be had after all attempts
is an OSError with a sentence; what came before it stays readable.
"""

from __future__ import annotations

import io
import logging
import random
import re
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from schemas.manifest import CODE_VERSION

MOST_REDIRECTS = 5
RETRIED_STATUSES = (408, 429, 500, 502, 503, 504)
_MOST_WAIT = 60.0
_CONNECT_SECONDS = 10.0
_FIRST_SPAN, _LAST_SPAN = 1 << 20, 64 << 20
_PROGRESS = 256 << 10
_ASKED_AT_ONCE = 16
_BROKEN = (HTTPError, requests.RequestException, ConnectionError, TimeoutError)
"""What reading a body raises when the connection breaks; anything else that is an OSError is final."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)$|bytes \*/(\d+)$")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Transfer:
    """How patient reading over HTTP is."""

    attempts: int = 6
    """Requests that may fail one after another, without 256 kB gained between them, before the file is given up."""
    timeout: float = 60.0
    """Seconds without a byte after which a transfer counts as broken; connecting may take 10 at most."""
    backoff: float = 0.5
    """Seconds before the second attempt, doubled at each further one up to 60, plus up to as much again by chance."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.timeout <= 0:
            raise ValueError(f"reading over HTTP takes 1 attempt or more and a time-out above 0 seconds, not {self}")

    def wait(self, failures: int) -> None:
        """Sleep before the attempt that follows `failures` failed ones."""
        time.sleep(min(_MOST_WAIT, self.backoff * 2 ** (failures - 1)) + random.uniform(0, self.backoff))


def is_http(path: str) -> bool:
    """Whether the path is an http(s) URL."""
    return path[:8].lower().startswith(("http://", "https://"))


def open_url(url: str, transfer: Transfer) -> BinaryIO:
    """The file as a seekable stream. Raises OSError, at once where the server refuses it, or later while reading."""
    response = _get(url, transfer, _range(0, _FIRST_SPAN))
    if _Found.of(response).size is not None:
        return _RangedFile(url, transfer, response)
    response.close()
    return _WholeFile(url, transfer)


def size_and_version(urls: Iterable[str], transfer: Transfer) -> list[tuple[int | None, str]]:
    """For each URL its bytes, and the server's mark of its version (ETag, else Last-Modified); 16 are asked at a time.

    The size is None where the server serves no ranges, or does not answer well: reading it will tell.
    """

    def ask(url: str) -> tuple[int | None, str]:
        try:
            with _get(url, transfer, _range(0, 1)) as response:
                found = _Found.of(response)
        except OSError:
            return None, ""
        return found.size, found.version

    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        return list(pool.map(ask, urls))


@dataclass(frozen=True, slots=True)
class _Found:
    """What a server's answer says about a file."""

    start: int
    size: int | None
    """None where the server sent the file from its beginning, without regard to the range."""
    version: str

    @classmethod
    def of(cls, response: requests.Response) -> _Found:
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        said = _CONTENT_RANGE.match(response.headers.get("Content-Range", "").strip())
        if response.status_code == requests.codes.ok or not said:
            return cls(0, None, version)
        start, size, size_of_empty = said.groups()
        return cls(int(start or 0), int(size or size_of_empty), version)


class _HttpFile(io.RawIOBase):
    """What both kinds of file share: a position in a file of a known size. A read may give less than was asked for."""

    _position = 0
    _size = 0

    def readable(self) -> bool:
        """See io.IOBase."""
        return True

    def seekable(self) -> bool:
        """See io.IOBase."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See io.IOBase."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """See io.IOBase."""
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """See io.RawIOBase. Raises OSError where the file cannot be had from the position on."""
        if size is None or size < 0:
            return self.readall()
        most = min(size, self._size - self._position)
        piece = self._piece(most) if most > 0 else b""
        self._position += len(piece)
        return piece

    def _piece(self, most: int) -> bytes:
        """Up to `most` bytes from the position on, at least one; `most` are there if the server tells the truth."""
        raise NotImplementedError


class _RangedFile(_HttpFile):
    """A file of a server that serves ranges. Requests grow from 1 to 64 MB while reading goes on in one direction."""

    def __init__(self, url: str, transfer: Transfer, response: requests.Response) -> None:
        """`response` answers the request for the file's first span."""
        found = _Found.of(response)
        self._url, self._transfer, self._version = url, transfer, found.version
        self._size = found.size or 0
        self._response: requests.Response | None = response
        self._next, self._stop = 0, min(_FIRST_SPAN, self._size)
        """The response's next byte, and the end of the range that it gives."""
        self._span = _FIRST_SPAN
        self._failures = self._gained = 0

    def close(self) -> None:
        """See io.IOBase."""
        self._hang_up()
        super().close()

    def _piece(self, most: int) -> bytes:
        while self._failures < self._transfer.attempts:
            try:
                if self._next != self._position or self._response is None or self._next >= self._stop:
                    self._request()
                piece = self._response.raw.read1(min(most, self._stop - self._next))
                why = "the connection was closed early"
            except _BROKEN as error:
                piece, why = b"", str(error)
            if piece:
                self._next += len(piece)
                self._gained += len(piece)
                return piece
            self._fail(why)
        raise OSError(f"{self._url}: the transfer breaks off at byte {self._position:,} of {self._size:,}")

    def _request(self) -> None:
        goes_on = self._next == self._position and self._response is not None
        self._span = min(self._span * 2, _LAST_SPAN) if goes_on else _FIRST_SPAN
        self._hang_up()
        stop = min(self._position + self._span, self._size)
        response = _get(self._url, self._transfer, _range(self._position, stop))
        found = _Found.of(response)
        if (found.start, found.size, found.version) != (self._position, self._size, self._version):
            response.close()
            why = "was written anew while it was read" if found.size is not None else "is no longer served by range"
            raise OSError(f"{self._url} {why}")
        self._response, self._next, self._stop = response, self._position, stop

    def _fail(self, why: str) -> None:
        """Give up the connection; wait, if another attempt is left."""
        _log.info("%s: %s at byte %d", self._url, why, self._position)
        self._hang_up()
        self._failures = 1 if self._gained >= _PROGRESS else self._failures + 1
        self._gained = 0
        if self._failures < self._transfer.attempts:
            self._transfer.wait(self._failures)

    def _hang_up(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


class _WholeFile(_HttpFile):
    """A file of a server that serves no ranges, fetched into a temporary file; each attempt begins anew."""

    def __init__(self, url: str, transfer: Transfer) -> None:
        self._url = url
        self._copy = tempfile.TemporaryFile()  # noqa: SIM115 -- closed with this file
        for failures in range(transfer.attempts):
            if failures:
                transfer.wait(failures)
            if self._fetch(transfer):
                break

    def close(self) -> None:
        """See io.IOBase."""
        self._copy.close()
        super().close()

    def _fetch(self, transfer: Transfer) -> bool:
        """Whether all of it came; what did come stays in the copy either way."""
        self._copy.seek(0)
        self._copy.truncate()
        with _get(self._url, transfer, None) as response:
            said, broke = response.headers.get("Content-Length", ""), False
            try:
                while piece := response.raw.read1(_FIRST_SPAN):
                    self._copy.write(piece)
            except _BROKEN as error:
                _log.info("%s: %s at byte %d", self._url, error, self._copy.tell())
                broke = True
        came = self._copy.tell()
        self._size = int(said) if said.isdigit() else came + broke  # one more than came: reading on is an error
        return came >= self._size

    def _piece(self, most: int) -> bytes:
        self._copy.seek(self._position)
        piece = self._copy.read(most)
        if not piece:
            raise OSError(f"{self._url}: the transfer breaks off at byte {self._position:,} of {self._size:,}")
        return piece


def _range(start: int, stop: int) -> str:
    return f"bytes={start}-{stop - 1}"


def _get(url: str, transfer: Transfer, byte_range: str | None) -> requests.Response:
    """The answer, its body not read yet. Raises OSError for any other than the file or a part of it."""
    headers = {"Range": byte_range} if byte_range else {}
    try:
        response = _session(transfer).get(
            url, headers=headers, stream=True, timeout=(min(_CONNECT_SECONDS, transfer.timeout), transfer.timeout)
        )
    except requests.RequestException as error:
        raise OSError(f"{url} cannot be read: {error}") from None
    is_empty = response.status_code == 416 and response.headers.get("Content-Range", "").endswith("*/0")
    if response.status_code not in (200, 206) and not is_empty:
        response.close()
        raise OSError(f"{url}: the server answered {response.status_code} {response.reason}")
    return response


@lru_cache(maxsize=8)
def _session(transfer: Transfer) -> requests.Session:
    """One a process: its connections are used again. Proxies and certificates are as the environment says."""
    retries = Retry(
        total=transfer.attempts - 1,
        status_forcelist=RETRIED_STATUSES,
        backoff_factor=transfer.backoff,
        backoff_jitter=transfer.backoff,
        backoff_max=_MOST_WAIT,
        retry_after_max=int(_MOST_WAIT),
        raise_on_status=False,
    )
    session = requests.Session()
    session.max_redirects = MOST_REDIRECTS
    session.headers.update({"User-Agent": f"pairmill/{CODE_VERSION}", "Accept-Encoding": "identity"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retries, pool_maxsize=_ASKED_AT_ONCE))
    return session
