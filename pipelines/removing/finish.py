"""The last pass of a removal: ledger, list, attribution and manifest of the set without the rows."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.attribution import AttributionSums
from pipelines.deduping.files import read_table
from pipelines.planned import Planned
from pipelines.removing.removal import Removal, RemovalPlan, load_removal
from pipelines.set_change import copy_files, staged, write_journal
from schemas.attribution import ATTRIBUTION_NAME, Attribution, read_attribution
from schemas.finished import file_entry
from schemas.ledger import Ledger
from schemas.manifest import SPLITS, FileEntry, Manifest
from schemas.removed import REMOVED_PATH, REMOVED_SCHEMA
from schemas.writer import PartWriter


class FinishRemoval(beam.DoFn):
    """("", everything) → the journal: ledger, list, attribution and manifest of the set without the rows."""

    def __init__(self, planned: Planned[RemovalPlan]) -> None:
        self.planned = planned

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[str]:
        """Add up and write; the driver makes the change."""
        told = [json.loads(value) for value in element[1]]
        found, written = (_by_path(told, name) for name in ("found", "written"))
        removal = load_removal(self.planned)
        rewritten = [FileEntry(**entry) for item in written for entry in item["entries"]]
        made = [*_write_list(removal, found), *_write_attribution(removal, found)]
        files = [*rewritten, *_others(removal.manifest), *made]
        changed = set(storage.each(removal.output, partial(_staged_path, removal), rewritten)) - {None}
        if removal.is_copy:
            unchanged = [entry for entry in files if entry not in made and entry.path not in changed]
            copy_files(removal.folder, removal.output, unchanged)
        paths = [entry.path for entry in files] if removal.is_copy else [*changed, *(entry.path for entry in made)]
        said = what_is_said(removal, found, written) | {"files": sum(path.startswith("data/") for path in changed)}
        manifest = changed_manifest(removal, tuple(files), said["reasons"])
        if said["reasons"] or said["rejects"] or removal.is_copy:
            write_journal(removal.output, manifest, paths, said)
        else:
            storage.write_atomically(removal.scratch("said"), json.dumps(said).encode())
        yield manifest.data_id


def what_is_said(
    removal: Removal, found: Sequence[Mapping[str, Any]], written: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Rows removed by reason, what was left out beside them, and the lines of the lists that name nothing."""
    matched = {line for item in found for line in item.get("matched", ())}
    return {
        "reasons": sum((Counter(item.get("reasons", {})) for item in found), Counter()),
        **{name: sum(item[name] for item in written) for name in ("shared", "negatives", "rejects")},
        "unmatched": [asdict(line) for number, line in enumerate(removal.takedown.asked) if number not in matched],
    }


def _by_path(told: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    return sorted((item[name] for item in told if name in item), key=lambda item: item["path"])


def _staged_path(removal: Removal, entry: FileEntry) -> str | None:
    """The file's path, where it was written again."""
    return entry.path if storage.exists(removal.target(entry.path)) else None


def _others(manifest: Manifest) -> list[FileEntry]:
    """Files that no removal changes."""
    made = (REMOVED_PATH, ATTRIBUTION_NAME)
    return [e for e in manifest.files if e.folder not in ("data", "rejects", "signatures") and e.path not in made]


def _write_list(removal: Removal, found: Sequence[Mapping[str, Any]]) -> list[FileEntry]:
    """The list of removed rows: the set's own so far, and these."""
    parts = [REMOVED_SCHEMA.empty_table()]
    if REMOVED_PATH in removal.by_path:
        with storage.open_read(storage.join(removal.folder, REMOVED_PATH)) as file:
            parts.append(pq.read_table(file))
    names = [storage.last_part(item["path"]) for item in found if "reasons" in item]
    scratch = [removal.scratch(f"{name}.removed") for name in names]
    parts += map(read_table, storage.each(removal.output, storage.read_bytes, scratch))
    table = pa.concat_tables([part.cast(REMOVED_SCHEMA) for part in parts]).sort_by("row_id")
    if not table.num_rows:
        return []
    storage.delete([removal.target(REMOVED_PATH)])
    with storage.writing(removal.target(REMOVED_PATH)) as file:
        writer = PartWriter(file, REMOVED_SCHEMA)
        writer.write(table)
        return [file_entry(REMOVED_PATH, None, writer.close())]


def _write_attribution(removal: Removal, found: Sequence[Mapping[str, Any]]) -> list[FileEntry]:
    """The set's own lines, and below 0 what these rows take from them."""
    if ATTRIBUTION_NAME not in removal.by_path:
        return []
    with AttributionSums() as sums:
        with storage.open_read(storage.join(removal.folder, ATTRIBUTION_NAME)) as file:
            sums.add(read_attribution(io.TextIOWrapper(file, "utf-8", newline="\n")))
        sums.add(Attribution(**line) for item in found for line in item.get("attribution", ()))
        entry = sums.write(staged(removal.output))
    return [entry] if entry is not None else []


def changed_manifest(removal: Removal, files: tuple[FileEntry, ...], reasons: Counter[str]) -> Manifest:
    """The manifest of the set without the rows. Raises LedgerError where files and counts disagree."""
    before = removal.manifest
    files = tuple(entry for entry in files if entry.rows or entry.path == ATTRIBUTION_NAME)
    ledger = Ledger.from_json(before.ledger)
    if reasons:
        ledger.remove(reasons, sum(entry.rows for entry in files if entry.folder == "data"))
        for split in SPLITS:
            if f"rows_{split}" in ledger.notes:
                ledger.notes[f"rows_{split}"] = sum(entry.rows for entry in files if entry.split == split)
    ledger.check()
    after = replace(before, files=tuple(sorted(files, key=lambda entry: entry.path)), ledger=ledger.to_json())
    if after.data_id != before.data_id:
        after = replace(after, formerly=(*before.formerly, before.data_id))
    return after if removal.run is None else replace(after, run_id=removal.run.run_id)
