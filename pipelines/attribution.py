"""Summing what units say of licences into `ATTRIBUTION.tsv`: through a table on disk, so that memory stays flat."""

from __future__ import annotations

import io
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import storage
from schemas.attribution import (
    ATTRIBUTION_NAME,
    COLUMNS,
    UNKNOWN,
    Attribution,
    plain,
    read_attribution,
    write_attribution,
)
from schemas.manifest import FileEntry

_FOUND_IN = ("file", "metadata", "notice", "tag")
_PLACE = ("provenance.repo", "provenance.revision", "provenance.license")


def _counted(path: str) -> pa.Table:
    """The rows of a data file counted by repository, revision and licence; rows of no repository are not."""
    names = ["repo", "revision", "license"]
    counts = [pa.schema([*((name, pa.string()) for name in names), ("rows", pa.int64())]).empty_table()]
    with storage.open_read(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(columns=list(_PLACE)):
            place = batch.column("provenance")
            columns = {name: pc.struct_field(place, name).cast(pa.string()) for name in names}
            found = pa.table(columns).group_by(names).aggregate([([], "count_all")])
            counts.append(found.select([*names, "count_all"]).rename_columns([*names, "rows"]))
    summed = pa.concat_tables(counts).group_by(names).aggregate([("rows", "sum")])
    return summed.filter(pc.is_valid(summed["repo"]))


def _lines(counts: pa.Table) -> Iterator[Attribution]:
    """A line for each, with nothing of where it is stated."""
    for line in counts.to_pylist():
        yield Attribution(
            line["repo"], line["revision"] or "", line["license"] or UNKNOWN, "", "", "", line["rows_sum"]
        )


class AttributionSums:
    """Lines go in as they come, in any order and as often as they like; `lines` gives one a key, in order."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pairmill-attribution-")
        self._table = sqlite3.connect(os.path.join(self._folder.name, "lines"), isolation_level=None)
        self._table.execute("PRAGMA journal_mode = OFF")
        self._table.execute("PRAGMA synchronous = OFF")
        self._table.execute(f"CREATE TABLE lines ({', '.join(f'{name} NOT NULL' for name in COLUMNS)})")

    def add(self, lines: Iterable[Attribution]) -> None:
        """Take lines in."""
        self._table.execute("BEGIN")
        rows = ([plain(value) if isinstance(value, str) else value for value in astuple(line)] for line in lines)
        self._table.executemany(f"INSERT INTO lines VALUES ({', '.join('?' * len(COLUMNS))})", rows)
        self._table.execute("COMMIT")

    def lines(self) -> Iterator[Attribution]:
        """One line for each repository, revision and licence: where it is stated, the first file of these, its rows."""
        places = ", ".join(f"max(instr(found_in, '{place}') > 0)" for place in _FOUND_IN)
        # Of several files the one whose path is first; its link stands in the same row of the table.
        file = "min(CASE WHEN license_file = '' THEN NULL ELSE license_file || char(10) || license_url END)"
        found = self._table.execute(
            f"SELECT repo, revision, license, {places}, {file}, sum(rows) FROM lines "
            "GROUP BY repo, revision, license HAVING sum(rows) > 0 ORDER BY repo, revision, license"
        )
        for repo, revision, license, *stated, place, rows in found:
            path, _, url = (place or "").partition("\n")
            found_in = ",".join(name for name, there in zip(_FOUND_IN, stated, strict=True) if there)
            yield Attribution(repo, revision, license, found_in, path, url, rows)

    def write(self, output: str) -> FileEntry | None:
        """Write the file beside the pair set; its line of the manifest, or None where there is no line to write."""
        if self._table.execute("SELECT count(*) FROM lines").fetchone() == (0,):
            return None
        path = storage.join(output, ATTRIBUTION_NAME)
        storage.delete([path])
        with storage.writing(path) as file:
            count, size, sha256 = write_attribution(file, self.lines())
        return FileEntry(path=ATTRIBUTION_NAME, split=None, rows=count, bytes=size, sha256=sha256, data_sum=None)

    def add_again(self, folders: Iterable[str], output: str, files: Iterable[FileEntry]) -> None:
        """What the pair sets in `folders` say, of the rows that the data files in `output` hold.

        Nothing where no set says anything. Rows of no repository are counted nowhere.
        """
        known = [
            path for path in (storage.join(folder, ATTRIBUTION_NAME) for folder in folders) if storage.exists(path)
        ]
        if not known:
            return
        for path in known:
            with storage.open_read(path) as file, io.TextIOWrapper(file, "utf-8", newline="\n") as text:
                self.add(replace(line, rows=0) for line in read_attribution(text))
        data = [storage.join(output, entry.path) for entry in files if entry.folder == "data"]
        for counts in storage.each(output, _counted, data):
            self.add(_lines(counts))

    def close(self) -> None:
        """Delete the table."""
        self._table.close()
        self._folder.cleanup()

    def __enter__(self) -> AttributionSums:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
