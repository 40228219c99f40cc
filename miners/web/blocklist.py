"""Hosts and pages that are not to be mined, from the lists that are kept for web filters.

One entry a line; `#` begins a comment. A host (`example.org`) stands for itself and everything below it; a host with a
path (`example.org/forum`) for the pages at and below that path. The common lists are of these forms: the `domains`
and `urls` files of the UT1 blacklists of the Université Toulouse Capitole, and hosts files (`0.0.0.0 example.org`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import xxhash

from miners.web.domains import is_address
from miners.web.urls import host_of, split_url

_PLAIN_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+\.?\s*")
_SINKS = ("0.0.0.0", "127.0.0.1", "::", "::1")


@dataclass(frozen=True, eq=False)
class Blocklist:
    """The entries as sorted xxh3-64 hashes: 8 bytes each, so that a list of millions fits into every worker."""

    entries: np.ndarray

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Blocklist:
        """Read a list. Raises ValueError, with the line's number, for a line that names no host."""
        hashes = [_hash(entry) for number, line in enumerate(lines, 1) for entry in _entries(line, number)]
        return cls(np.unique(np.array(hashes, dtype=np.uint64)))

    def blocks(self, url: str) -> bool:
        """Whether an entry stands for this URL."""
        keys = np.array([_hash(name) for name in _names(url)], dtype=np.uint64)
        if not len(keys) or not len(self.entries):
            return False
        places = np.searchsorted(self.entries, keys)
        return bool((self.entries[np.minimum(places, len(self.entries) - 1)] == keys).any())


def _entries(line: str, number: int) -> Iterator[str]:
    if _PLAIN_HOST.fullmatch(line):
        yield line.rstrip(". \t\r\n")
        return
    words = line.partition("#")[0].split()
    if len(words) > 1 and words[0] in _SINKS:
        words = words[1:]
    elif len(words) > 1:
        raise ValueError(f"line {number} of the blocklist is no host and no page: {line.strip()[:60]!r}")
    for word in words:
        place = word.split("://", 1)[-1].removeprefix("*.").removeprefix(".")
        url = f"http://{place}"
        host, parts = host_of(url), split_url(url)
        if not host or parts is None or "|" in word:
            raise ValueError(f"line {number} of the blocklist is no host and no page: {line.strip()[:60]!r}")
        rest = parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
        yield host + rest


def _names(url: str) -> Iterator[str]:
    """All entries that would stand for a URL."""
    host, parts = host_of(url), split_url(url)
    if not host or parts is None:
        return
    might_be_address = host[-1].isdigit() or ":" in host
    labels = [host] if might_be_address and is_address(host) else host.split(".")
    yield from (".".join(labels[i:]) for i in range(len(labels)))
    steps = [f"/{step}" for step in parts.path.split("/")[1:] if step]
    for place in {host, host.removeprefix("www.")}:
        yield from accumulate(steps, initial=place)
        if parts.query:
            yield f"{place}{parts.path.rstrip('/')}?{parts.query}"


def _hash(entry: str) -> int:
    return xxhash.xxh3_64_intdigest(entry.encode("utf-8", "surrogatepass"))
