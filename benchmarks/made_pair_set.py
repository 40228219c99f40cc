"""A pair set made of rows at hand, as a mine job leaves it: what the benchmarks feed to dedupe."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from pipelines.finish import Job, finish_pair_set
from pipelines.runs import Run
from schemas.finished import file_entry
from schemas.ledger import STAGES, Ledger
from schemas.manifest import FileEntry
from schemas.writer import PartWriter

JOB = "mine-web"


def write_pair_set(folder: Path, parts: Iterable[pa.Table]) -> Path:
    """Write each table (in `schemas.pair.SCHEMA`) as a part, and the manifest; returns the folder."""
    (folder / "data").mkdir(parents=True)
    files: list[FileEntry] = []
    for number, table in enumerate(parts):
        name = f"data/train-{number:016x}-00000.parquet"
        with open(folder / name, "wb") as file:
            writer = PartWriter(file)
            writer.write(table)
            files.append(file_entry(name, "train", writer.close()))
    ledger = Ledger(JOB)
    rows = sum(entry.rows for entry in files)
    for stage in STAGES[JOB]:
        ledger.read(stage, rows)
        ledger.keep(stage, rows)
        ledger.made(stage, rows)
    finish_pair_set(Job(JOB, str(folder), {}, 0, Run(folder.name, "made")), ledger, files)
    return folder
