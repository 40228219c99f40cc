"""The passes of the jobs that make a pair set of pair sets (`pipelines.set_job`): a unit is one data file.

The columns by which a job decides are read first; all columns of a row group only where a row of it stays. A job that
must know of all rows before it can decide about one surveys the files, and settles in one place. Rows of a file are
written to one file, beside the signatures that they had; memory is a batch of rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.attribution import AttributionSums
from pipelines.counters import count
from pipelines.deduping.passing import PASSING, Pass
from pipelines.finish import Job, finish_pair_set
from pipelines.input_sets import BATCH_ROWS, SetFile, reading
from pipelines.last_step import LastStep
from pipelines.planned import END, Planned, ReadPlanned
from pipelines.removed_rows import RemovedRows
from pipelines.set_rules import FileRules, SetRules, Survey
from pipelines.table_file import TableFile
from pipelines.unit_markers import has_marker, read_marker, write_marker
from pipelines.unit_sums import UnitSums, batch_of
from pipelines.verdicts import count_verdicts, rejected_rows
from schemas.evidence import EVIDENCE_SCHEMA
from schemas.ledger import STAGES, Ledger, LedgerError
from schemas.manifest import FileEntry, Manifest, PairSetError
from schemas.pair import SCHEMA
from schemas.rejects import REJECTS_SCHEMA

SURVEYED = "surveyed"


@dataclass(frozen=True)
class SetJob:
    """A job on sets: what it reads, by which rules, and what is carried on beside the rows."""

    rules: SetRules
    survey: Survey | None
    files: Planned[SetFile]
    folders: tuple[str, ...]
    """Of the sets."""
    rows: int
    """Of all sets."""
    removed: RemovedRows
    """The lists of what was removed from the sets: the result keeps them."""
    output: str
    temporary: str
    keep_rejects: bool
    source: str | None = None
    """What batches are to be drawn from, in place of what the rows say."""

    @property
    def sums(self) -> UnitSums:
        """Where the files' ledgers are summed."""
        return UnitSums(self.temporary, self.rules.job, self.files.count)

    def file(self, unit: str) -> SetFile:
        """The file of this name."""
        return self.files.all()[int(unit)]


class ListFiles(ReadPlanned):
    """Gives (file, nothing) of each, and (PASSING, nothing), in the shape of a group."""

    def process(self, element: object) -> Iterator[tuple[str, list[bytes]]]:
        """`element` is END."""
        for file in super().process(element):
            yield (PASSING, [b"{}"]) if file is END else (file.unit, [])


class SurveyFile(Pass):
    """(file, …) → (SURVEYED, nothing): what is needed of it lies under its name in the temporary folder."""

    def __init__(self, job: SetJob, survey: Survey) -> None:
        self.job, self.survey = job, survey

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Survey one file."""
        file = self.job.file(key)
        with reading(file) as opened:
            self.survey.survey(file, opened.columns(opened.groups, self.job.rules.columns), self.job.temporary)
        yield SURVEYED, b""


class SettleRows(Pass):
    """(SURVEYED, …) → (file, nothing) of each, once everything about them is decided, and (PASSING, notes)."""

    def __init__(self, job: SetJob, survey: Survey) -> None:
        self.job, self.survey = job, survey

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Decide; `key` is SURVEYED."""
        for _ in values:
            pass
        files = self.job.files.all()
        notes = self.survey.settle(files, self.job.temporary)
        yield PASSING, json.dumps({"notes": notes}).encode()
        for file in files:
            yield file.unit, b""


class WriteFile(Pass):
    """(file, …) → (its batch, the file): its rows that stay are written, and its marker says so."""

    def __init__(self, job: SetJob) -> None:
        self.job = job

    def work(self, key: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
        """Write one file, unless another attempt has."""
        file = self.job.file(key)
        if not has_marker(self.job.output, key):
            codes, entries = self._write(file)
            ledger = count_verdicts(self.job.rules.job, self.job.rules.verdicts, codes)
            marker = {"uri": file.path, "ledger": ledger.to_json(), "files": list(map(asdict, entries))}
            write_marker(self.job.output, key, marker)
        count(Ledger.from_json(read_marker(self.job.output, key)["ledger"]))
        yield batch_of(file.number), key.encode()

    def _write(self, file: SetFile) -> tuple[np.ndarray, list[FileEntry]]:
        """The verdict of each row, and the files that were written."""
        rules = self.job.rules.begin(file, self.job.temporary)
        output, codes = self.job.output, [np.zeros(0, np.uint8)]
        with ExitStack() as stack:
            opened = stack.enter_context(reading(file))
            data = stack.enter_context(TableFile(output, file.result, SCHEMA, file.split))
            rejects = stack.enter_context(TableFile(output, f"rejects/{file.unit}.parquet", REJECTS_SCHEMA))
            evidence = stack.enter_context(TableFile(output, f"evidence/{file.unit}.parquet", EVIDENCE_SCHEMA))
            for group in opened.groups:
                narrow = opened.columns([group], self.job.rules.columns)
                codes += (found := [rules.codes(table) for table in narrow])
                self._write_group(opened.rows(group), np.concatenate(found), rules, data, rejects)
            evidence.add(rules.evidence())
        entries = [*data.entries, *rejects.entries, *evidence.entries]
        every = np.concatenate(codes)
        if file.signatures:
            entries += copy_signatures(file, every == 0, output)
        return every, entries

    def _write_group(
        self, tables: Iterable[pa.Table], codes: np.ndarray, rules: FileRules, data: TableFile, rejects: TableFile
    ) -> None:
        wanted = codes == 0
        if not wanted.any() and not self.job.keep_rejects:
            return
        first = 0
        for table in tables:
            own = codes[first : first + table.num_rows]
            data.add(self._named(rules.changed(table.filter(pa.array(own == 0)))))
            if self.job.keep_rejects:
                rejects.add(rejected_rows(table, self.job.rules.verdicts, own))
            first += table.num_rows

    def _named(self, table: pa.Table) -> pa.Table:
        if self.job.source is None:
            return table
        names = pa.DictionaryArray.from_arrays(pa.array(np.zeros(table.num_rows, np.int32)), [self.job.source])
        return table.set_column(table.schema.get_field_index("source"), SCHEMA.field("source"), names)


def copy_signatures(file: SetFile, kept: np.ndarray, output: str) -> list[FileEntry]:
    """Write the signatures of the rows that are kept (bool, of all rows of the data file). Raises PairSetError."""
    below = file.path.split("/", 1)[1]
    path = storage.join(file.folder, "signatures", below)
    with storage.open_read(path) as stream:
        parquet = pq.ParquetFile(stream)
        if parquet.metadata.num_rows != len(kept):
            raise PairSetError(f"{path} has not the rows of its data file; run `pairmill verify {file.folder}`")
        name = f"signatures/{file.result.split('/', 1)[1]}"
        with TableFile(output, name, parquet.schema_arrow.remove_metadata()) as beside:
            first = 0
            for batch in parquet.iter_batches(BATCH_ROWS):
                beside.add(pa.Table.from_batches([batch]).filter(pa.array(kept[first : first + batch.num_rows])))
                first += batch.num_rows
    return beside.entries


class FinishSet(LastStep):
    """Adds up the files' ledgers, carries on what goes with the rows, and writes the manifest."""

    def __init__(self, set_job: SetJob, job: Job, planned: Planned[Job]) -> None:
        super().__init__(job, planned, set_job.temporary)
        self.set_job = set_job

    def finish(self, job: Job, told: Iterable[bytes]) -> Manifest:
        """See `LastStep`; `told` are notes for the ledger. Raises LedgerError."""
        ledger, written = Ledger(job.name), []
        for done, files, _ in self.set_job.sums.read():
            ledger.add(done)
            written += files
        for name, n in (item for value in told for item in json.loads(value).get("notes", {}).items()):
            ledger.note(name, n)
        read, rows = ledger.stages[STAGES[job.name][0]].read, self.set_job.rows
        if read != rows:
            raise LedgerError(f"the input has {rows:,} rows but {read:,} were read")
        written += self.set_job.removed.carry(job.output, ledger)
        warnings = self.set_job.rules.warnings(ledger)
        with AttributionSums() as attribution:
            attribution.add_again(self.set_job.folders, job.output, written)
            return finish_pair_set(job, ledger, written, warnings, attribution, are_footers_checked=True)
