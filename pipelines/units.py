"""Units of input, each mined by one worker alone, and what a miner makes of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import xxhash

from pipelines import storage
from pipelines.http_files import Transfer, is_http
from schemas.attribution import Attribution
from schemas.ids import length_prefixed
from schemas.ledger import Ledger
from schemas.pair import Pair
from schemas.pair_batch import PairBatch
from schemas.rejects import Reject

ASSUMED_BYTES = 256 << 20
"""Of a file behind a URL that was not asked for its size."""


@dataclass(frozen=True)
class Unit:
    """One piece of input that one worker mines alone: a file's byte range, a repository, an archive."""

    unit_id: str
    uri: str
    size: int
    start: int = 0
    end: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Values of JSON: units are written down."""
    listed: storage.FileInfo | None = None
    """The file as it was when the job was planned, where the unit is a part of one file."""


class InputChangedError(Exception):
    """What a unit gave so far must not count: its input is another than the one that was planned.

    `instead` counts the loss in a fresh ledger and gives what is kept of it.
    """

    def __init__(self, instead: Callable[[Ledger], Iterator[Reject]]) -> None:
        super().__init__("the input was changed or deleted while it was read")
        self.instead = instead


def how_it_changed(unit: Unit, transfer: Transfer | None = None) -> str | None:
    """What became of the unit's file since it was planned: a sentence, or None where it is the same, or cannot tell."""
    if unit.listed is None or not unit.listed.version:
        return None
    (now,) = storage.describe([unit.uri], transfer)
    if now == unit.listed or (is_http(unit.uri) and not now.version):
        return None
    if not now.version:
        return "the file vanished while the job ran"
    return f"the file was changed while the job ran: {unit.listed.size:,} bytes then, {now.size:,} bytes now"


@dataclass(frozen=True, slots=True)
class SplitPair:
    """A pair of another split than train, where the input says so."""

    pair: Pair
    split: str


class Miner(Protocol):
    """A job's rules about its input: a small frozen dataclass, picklable, importable from a module."""

    job: str
    """`mine-web`, `mine-code` or `import`: which stages the ledger has."""

    def mine(self, unit: Unit, ledger: Ledger) -> Iterator[Pair | SplitPair | PairBatch | Reject | Attribution]:
        """Read the unit and yield its pairs in order, one by one or all in batches; count what is read in `ledger`.

        Raises InputChangedError.
        """
        ...

    def prepare(self) -> None:
        """Load what mining needs (rules, models, compiled loops): once for all workers of a machine that are copies."""
        ...


def unit_id(*parts: str | int) -> str:
    """xxh3-64 of what identifies a unit (URI, size, etag or modification time, range), 16 hex digits."""
    return xxhash.xxh3_64_hexdigest(length_prefixed(*(str(part).encode() for part in parts)))


def bytes_to_read(units: Sequence[Unit]) -> int:
    """About so many, of all units."""
    return sum(unit.size or (ASSUMED_BYTES if is_http(unit.uri) else 0) for unit in units)
