"""The set that is written: every row of the input in its file and place, with more negatives, and the files beside.

Nothing is visible as a pair set before the manifest is there, which is written last. The folder is this machine's.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.attribution import ATTRIBUTION_NAME
from schemas.card import card
from schemas.finished import file_entry, finished_manifest
from schemas.ledger import Ledger
from schemas.manifest import (
    CARD_NAME,
    FILE_FOLDERS,
    MANIFEST_NAME,
    RUN_NAME,
    UNITS_FOLDER,
    FileEntry,
    Manifest,
    config_hash,
)
from schemas.pair import SCHEMA, in_schema
from schemas.pair_set import open_folder
from schemas.removed import CARRIED_NOTE, REMOVED_PATH
from schemas.side_hash import side_hash
from schemas.writer import PartWriter
from train.negatives.keys import PairKeys, data_files, file_batches
from train.negatives.layout import Layout
from train.negatives.work import Report, Work

JOB = "hard-negatives"
WORK_FOLDER = "_temp"
_ROWS = 4096
_COPIED_AT_ONCE = 1 << 20


@contextmanager
def output_folder(output: Path, config: Mapping[str, Any], *, overwrite: bool, resume: bool) -> Iterator[str]:
    """Takes the folder for a run with these settings, and gives the run's id; no other run can take it meanwhile.

    ValueError, with the mend, for a folder that holds a finished result, an unfinished one without `resume`, one of
    other settings, or files that are no result.
    """
    begun = output / RUN_NAME
    if output.exists() and not output.is_dir():
        raise ValueError(f"--output {output} is a file; name a folder for the result")
    is_ours = begun.is_file() or (output / MANIFEST_NAME).is_file()
    if output.is_dir() and not is_ours and any(output.iterdir()):
        raise ValueError(f"{output} holds files that are no result of pairmill; name an empty folder")
    if (output / MANIFEST_NAME).is_file() and not overwrite:
        raise ValueError(f"{output} holds a finished result; give --overwrite to replace it, or another --output")
    if is_ours and not (overwrite or resume):
        raise ValueError(f"{output} holds an unfinished result; go on with --resume, or start again with --overwrite")
    output.mkdir(parents=True, exist_ok=True)
    with begun.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another run is writing to {output}; wait for it, or name another --output") from None
        file.seek(0)
        run = json.loads(file.read() or "{}")
        wanted = config_hash(config)
        if resume and not overwrite and run and run.get("config_hash") != wanted:
            raise ValueError(f"{output} was begun with other settings, model or data; give the same, or --overwrite")
        if overwrite or not run:
            _clear(output)
            run = {"run_id": uuid.uuid4().hex, "config_hash": wanted}
            file.truncate(0)
            file.write(json.dumps(run))
            file.flush()
        yield run["run_id"]


@dataclass(frozen=True)
class Run:
    """What the manifest says of the run that made it."""

    run_id: str
    config: Mapping[str, Any]


def write_result(
    data: str, parent: Manifest, output: Path, run: Run, work: Work, keys: PairKeys, layout: Layout, report: Report
) -> Manifest:
    """Writes data, the files beside, card and manifest of a search that is done."""
    for folder in FILE_FOLDERS:
        shutil.rmtree(output / folder, ignore_errors=True)
    ledger = Ledger(JOB)
    adder = _Adder(work, keys, layout)
    row, files = 0, []
    for entry in data_files(parent):
        path = output / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            writer = PartWriter(file)
            try:
                for batch in file_batches(data, entry, None, _ROWS):
                    ledger.read("row", len(batch))
                    table = adder.add(in_schema(pa.Table.from_batches([batch])), row)
                    writer.write(table)
                    ledger.keep("row", table.num_rows)
                    row += len(batch)
                    report(row)
            except BaseException:
                writer.abandon()
                raise
            files.append(file_entry(entry.path, entry.split, writer.close()))
    files += [_copy(data, entry, output) for entry in parent.files if entry.folder != "data"]
    for name, n in {**work.done.counts, **adder.counts}.items():
        ledger.note(name, n)
    if removed := sum(entry.rows for entry in parent.files if entry.path == REMOVED_PATH):
        ledger.note(CARRIED_NOTE, removed)
    manifest = finished_manifest(
        job=JOB,
        run_id=run.run_id,
        config=run.config,
        seed=0,
        ledger=ledger,
        files=files,
        parents=[parent.as_parent()],
    )
    (output / CARD_NAME).write_text(card(manifest), encoding="utf-8")
    temporary = output / f"{MANIFEST_NAME}.tmp-{os.getpid()}"
    temporary.write_bytes(manifest.to_bytes())
    temporary.replace(output / MANIFEST_NAME)
    return manifest


class _Adder:
    """Puts the chosen negatives of rows behind those that they have."""

    def __init__(self, work: Work, keys: PairKeys, layout: Layout) -> None:
        self._work, self._keys, self._layout = work, keys, layout
        self._places = layout.row_places
        self.counts = {"negatives_added": 0, "rows_with_fewer": 0, "rows_without": 0}

    def add(self, table: pa.Table, first_row: int) -> pa.Table:
        """The table of rows from `first_row` on, with their negatives."""
        rows = np.arange(first_row, first_row + table.num_rows)
        chosen = self._work.chosen.take(self._places[rows])
        found = chosen >= 0
        counts = found.sum(1)
        self.counts["negatives_added"] += int(counts.sum())
        self.counts["rows_with_fewer"] += int((counts < chosen.shape[1]).sum())
        self.counts["rows_without"] += int((counts == 0).sum())
        candidates = chosen[found]
        texts = self._work.texts.take(candidates)
        hashes = self._hashes(np.repeat(rows, counts), candidates, texts)
        offsets = np.concatenate([[0], np.cumsum(counts)]).tolist()
        for name, values in (("negatives", texts), ("negative_hashes", hashes)):
            given = table[name].to_pylist()
            joined = [[*old, *values[offsets[i] : offsets[i + 1]]] for i, old in enumerate(given)]
            field = SCHEMA.field(name)
            table = table.set_column(SCHEMA.get_field_index(name), field, pa.array(joined, field.type))
        return table

    def _hashes(self, rows: np.ndarray, candidates: np.ndarray, texts: list[str]) -> list[int]:
        """A candidate's own hash, or where text meets code that of the row's side."""
        keys, given_by = self._keys, self._layout.candidate_rows[candidates]
        hashes = self._layout.candidate_hash[candidates].tolist()
        for i in np.flatnonzero(keys.is_code[rows] != keys.is_code[given_by]):
            hashes[i] = side_hash(texts[i], is_code=bool(keys.is_code[rows[i]]))
        return hashes


def _copy(data: str, entry: FileEntry, output: Path) -> FileEntry:
    """The file as it is: evidence, signatures, rejects and attributions of the same rows."""
    system, root = open_folder(data)
    path = output / entry.path
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with system.open_input_stream(f"{root}/{entry.path}") as source, path.open("wb") as target:
        while block := source.read(_COPIED_AT_ONCE):
            digest.update(block)
            target.write(block)
    if digest.hexdigest() != entry.sha256:
        raise OSError(f"{root}/{entry.path} was changed: its sha256 is not the manifest's")
    return entry


def _clear(output: Path) -> None:
    """Deletes what a run makes, and nothing else."""
    for folder in (*FILE_FOLDERS, UNITS_FOLDER, WORK_FOLDER):
        shutil.rmtree(output / folder, ignore_errors=True)
    for name in (MANIFEST_NAME, CARD_NAME, ATTRIBUTION_NAME):
        (output / name).unlink(missing_ok=True)
