"""What a job has planned, in a file beside its run: the graph holds the file's name, and does not grow with the input.

A runner takes a graph of some megabytes only (Dataflow: 10 MB a request), and tens of thousands of units are more. The
file holds a line of JSON an item; its name carries a hash of its contents, so that what a worker reads is what was
planned.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

import apache_beam as beam
import msgspec
import xxhash

from pipelines import storage

T = TypeVar("T")
END = None
"""Travels beside the items, so that a job without input ends too."""
_KEPT = 8
"""So many files' items stay in a process that asked for all of them."""


@dataclass(frozen=True)
class Planned(Generic[T]):
    """Items of one dataclass, in their order; `count` of them."""

    path: str
    kind: type[T]
    count: int

    def __iter__(self) -> Iterator[T]:
        """Read them, some at a time. Raises OSError."""
        with storage.open_read(self.path) as file:
            for line in file:
                yield msgspec.convert(json.loads(line), self.kind)

    def all(self) -> tuple[T, ...]:
        """All items; a process reads them once."""
        return _read(self)

    def only(self) -> T:
        """The one item of a file of one."""
        (item,) = self.all()
        return item


def plan(folder: str, name: str, kind: type[T], items: Iterable[T]) -> Planned[T]:
    """Write the items into `folder`, which goes when the job ends. Raises OSError."""
    # Escaped, since the names of files may hold bytes that are no UTF-8.
    lines = [json.dumps(plain(item)).encode() + b"\n" for item in items]
    data = b"".join(lines)
    path = storage.join(folder, f"{name}-{xxhash.xxh3_64_hexdigest(data)}.jsonl")
    if not storage.exists(path):
        storage.write_atomically(path, data)
    return Planned(path, kind, len(lines))


def plain(item: Any) -> Any:
    """A dataclass, and those in it, as values of JSON."""
    return msgspec.to_builtins(item)


@lru_cache(maxsize=_KEPT)
def _read(planned: Planned) -> tuple:
    return tuple(planned)


def numbers_below(count: int) -> Iterator[int]:
    """The numbers of so many units: a graph holds how many there are, not each."""
    yield from range(count)


class ReadPlanned(beam.DoFn):
    """Gives END and the planned items, whatever comes; it comes once, when the items may be worked on."""

    def __init__(self, *planned: Planned) -> None:
        self.planned = planned

    def process(self, element: Any) -> Iterator[Any]:
        """`element` is END, or the one group of a pass before."""
        yield END
        for one in self.planned:
            yield from one
