"""What a finished pair set must fulfil, and its manifest, whatever wrote its files and on whatever file system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.ledger import Ledger, LedgerError
from schemas.manifest import CODE_VERSION, FileEntry, Manifest
from schemas.writer import Written


def file_entry(path: str, split: str | None, written: Written) -> FileEntry:
    """The manifest's line for a file that `PartWriter` wrote at `path`, relative to the set's folder."""
    is_data = path.startswith("data/")
    return FileEntry(
        path=path,
        split=split,
        rows=written.rows,
        bytes=written.bytes,
        sha256=written.sha256,
        data_sum=f"{written.data_sum:032x}" if is_data else None,
    )


def finished_manifest(
    *,
    job: str,
    run_id: str,
    config: Mapping[str, Any],
    seed: int,
    ledger: Ledger,
    files: Sequence[FileEntry],
    warnings: Sequence[str] = (),
    parents: Sequence[Mapping[str, Any]] = (),
) -> Manifest:
    """The manifest of a job's files, with a warning where no row was kept.

    Raises LedgerError when a count does not add up, or the data files hold other rows than the last stage kept.
    """
    ledger.check()
    rows = sum(entry.rows for entry in files if entry.folder == "data")
    if rows != ledger.kept_last():
        raise LedgerError(f"the files hold {rows:,} rows but the last stage kept {ledger.kept_last():,}")
    empty = [] if rows else ["no row was kept; the ledger says what became of the input"]
    return Manifest(
        job=job,
        run_id=run_id,
        config=config,
        seed=seed,
        code_version=CODE_VERSION,
        ledger=ledger.to_json(),
        files=tuple(sorted(files, key=lambda entry: entry.path)),
        warnings=(*warnings, *empty),
        parents=tuple(parents),
    )
