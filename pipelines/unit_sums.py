"""What the units of a job have left, summed in the graph, some hundred to a file: the last step reads few files.

    (batch, unit ids) | GroupByKey | SumUnits | GroupByKey | the last step

A batch is units that stand beside each other in the job's order, so that the sums of the batches in their order are
those of all units in theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pipelines import storage
from pipelines.deduping.passing import PASSING, Pass
from pipelines.finish import check_footers
from pipelines.unit_markers import read_markers
from schemas.attribution import Attribution
from schemas.ledger import Ledger, LedgerError
from schemas.manifest import FileEntry

BATCH_UNITS = 512


def batch_of(place: int) -> str:
    """The batch of the unit that has this place in its job's order: the key of its id."""
    return f"{place // BATCH_UNITS:05d}"


@dataclass(frozen=True)
class UnitSums:
    """Where the sums of one pass over units lie, and how many units there are."""

    folder: str
    job: str
    units: int
    name: str = ""
    """Of the pass, where a job has several."""

    def path(self, batch: str) -> str:
        """The file of one batch."""
        return storage.join(self.folder, f"sums-{self.name}{batch}.json")

    def read(self) -> Iterator[tuple[Ledger, list[FileEntry], list[Attribution]]]:
        """The sums of each batch in order. Raises LedgerError where units are missing."""
        counted = 0
        for first in range(0, self.units, BATCH_UNITS):
            value = json.loads(storage.read_bytes(self.path(batch_of(first))))
            counted += value["units"]
            yield (
                Ledger.from_json(value["ledger"]),
                [FileEntry(**entry) for entry in value["files"]],
                [Attribution(**line) for line in value["attribution"]],
            )
        if counted != self.units:
            raise LedgerError(f"{self.units:,} units were to be done but {counted:,} are; the result is not published")


class SumUnits(Pass):
    """(batch, ids of its units) → (PASSING, nothing): their sums lie in one file, and their files are whole."""

    def __init__(self, output: str, sums: UnitSums) -> None:
        self.output, self.sums = output, sums

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Sum one batch. Raises LedgerError."""
        units = sorted({value.decode() for value in values})
        ledger = Ledger(self.sums.job)
        files: list[FileEntry] = []
        attribution: list[Any] = []
        for marker in read_markers(self.output, units):
            ledger.add(Ledger.from_json(marker["ledger"]))
            files += [FileEntry(**entry) for entry in marker["files"]]
            attribution += marker.get("attribution", ())
        check_footers(self.output, files)
        value = {
            "units": len(units),
            "ledger": ledger.to_json(),
            "files": list(map(asdict, files)),
            "attribution": attribution,
        }
        storage.write_atomically(self.sums.path(key), json.dumps(value).encode())
        yield PASSING, b"{}"
