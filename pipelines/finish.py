"""The last step of every job that writes a pair set: the ledger adds up, the files are there, then the manifest.

Nothing of a job is visible as a pair set before this step ends, and what it deletes is only what no manifest names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from pipelines import storage
from pipelines.attribution import AttributionSums
from pipelines.runs import BEAT_NAME, PROGRESS_NAME, TEMPORARY_FOLDER, Run, delete_temporary, read_run
from pipelines.set_files import load_result
from schemas.card import card
from schemas.finished import finished_manifest
from schemas.ledger import Ledger, LedgerError
from schemas.manifest import CARD_NAME, FILE_FOLDERS, MANIFEST_NAME, FileEntry, Manifest


@dataclass(frozen=True)
class Job:
    """What the last step must know of the job: its name, its settings as plain values, and its run."""

    name: str
    output: str
    config: Mapping[str, Any]
    seed: int
    run: Run
    parents: tuple[Mapping[str, Any], ...] = ()
    """Of a job on pair sets: `Manifest.as_parent` of each."""


def finish_pair_set(
    job: Job,
    ledger: Ledger,
    files: Sequence[FileEntry],
    warnings: Sequence[str] = (),
    attribution: AttributionSums | None = None,
    *,
    are_footers_checked: bool = False,
) -> Manifest:
    """Check, clean, and write attribution, card and manifest. Running it twice for one run is no error.

    `are_footers_checked`: an earlier step has called `check_footers`, file by file where that was parallel.
    Raises LedgerError when a count does not add up or a footer disagrees, and FileExistsError when the folder's
    manifest is another run's, or another run has taken the folder over.
    """
    there = load_result(job.output)
    if there is not None:
        if there.run_id != job.run.run_id:
            raise FileExistsError(f"{job.output} holds the result of another run; nothing was written over it")
        return there
    begun = read_run(job.output)
    if begun is not None and begun.run_id != job.run.run_id:
        raise FileExistsError(f"another job has taken {job.output} over; this one's work is given up")
    ledger.check()
    if not are_footers_checked:
        check_footers(job.output, files)
    delete_unnamed(job.output, files)
    attributed = attribution.write(job.output) if attribution is not None else None
    manifest = finished_manifest(
        job=job.name,
        run_id=job.run.run_id,
        config=job.config,
        seed=job.seed,
        ledger=ledger,
        files=[*files, attributed] if attributed is not None else files,
        warnings=warnings,
        parents=job.parents,
    )
    storage.delete([storage.join(job.output, CARD_NAME)])
    storage.write_atomically(storage.join(job.output, CARD_NAME), card(manifest).encode())
    storage.write_atomically(storage.join(job.output, MANIFEST_NAME), manifest.to_bytes())
    return manifest


def clean_after(output: str, temp: str | None = None) -> None:
    """Delete temporary files; only after the manifest is written, since an attempt may still read them.

    Of a job that was handed over (a template, say) they stay: its last step deletes them.
    """
    if load_result(output) is None:
        return
    storage.delete([storage.join(output, name) for name in (BEAT_NAME, PROGRESS_NAME, TEMPORARY_FOLDER)])
    delete_temporary(output)
    if temp is not None:
        storage.delete([temp])


def check_footers(output: str, files: Sequence[FileEntry]) -> None:
    """The rows that Parquet's footers state must be the rows that were written. Raises LedgerError."""

    def rows_of(entry: FileEntry) -> int:
        with storage.open_read(storage.join(output, entry.path)) as file:
            return pq.read_metadata(file).num_rows

    for entry, footer in zip(files, storage.each(output, rows_of, files), strict=True):
        if footer != entry.rows or not footer:
            raise LedgerError(f"{entry.path} holds {footer:,} rows where {entry.rows:,} were written")


def delete_unnamed(output: str, files: Sequence[FileEntry]) -> None:
    """Delete what lies in the folders of a set and is not one of these files."""
    named = {storage.join(output, entry.path) for entry in files}
    for folder in FILE_FOLDERS:
        there = storage.list_files(storage.join(output, folder))
        storage.delete(info.path for info in there if info.path not in named)
