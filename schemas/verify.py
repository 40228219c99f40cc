"""Is this folder a whole, undamaged pair set? `python -m schemas.verify FOLDER` names every fault; exit 1 if any.

Checked: the manifest (its own checksum, its version, its ledger), every file that it names (size, sha256, rows, Arrow
schema, the sum of row hashes), every row (ids and side hashes follow from its text; no row_id twice), the data_id, and
that nothing else lies where a reader would take it for part of the set.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from schemas.attribution import ATTRIBUTION_NAME, read_attribution
from schemas.data_id import MODULUS, row_sums
from schemas.ids import pair_id
from schemas.ledger import REMOVAL, Ledger, LedgerError
from schemas.manifest import CARD_NAME, FILE_FOLDERS, FileEntry, Manifest, PairSetError
from schemas.pair import schema_of_version
from schemas.pair_set import open_folder, read_manifest
from schemas.removed import CARRIED_NOTE, REMOVED_PATH
from schemas.side_hash import anchor_is_code, positive_is_code, side_hash

EVIDENCED = ("dedupe", "merge")
"""The jobs that remove a row for another one, and show that one."""
_BLOCK = 1 << 20
_ROWS = 8192


def faults(folder: str) -> Iterator[str]:
    """Every fault found, one sentence each; none for a whole, undamaged pair set."""
    try:
        manifest = read_manifest(folder)
    except PairSetError as error:
        yield str(error)
        return
    system, root = open_folder(folder)
    yield from _ledger_faults(manifest)
    yield from _stray_files(system, root, manifest)
    yield from _attribution_faults(system, root, manifest)
    row_ids: list[np.ndarray] = []
    for entry in sorted(manifest.files, key=lambda entry: entry.path):
        found = list(_file_faults(system, f"{root}/{entry.path}", entry, schema_of_version(manifest.schema_version)))
        yield from found
        if not found and entry.folder == "data":
            yield from _row_faults(system, f"{root}/{entry.path}", entry, row_ids)
    yield from _repeated_row_ids(row_ids)


def _ledger_faults(manifest: Manifest) -> Iterator[str]:
    try:
        ledger = Ledger.from_json(manifest.ledger)
        ledger.check()
    except (LedgerError, ValueError, KeyError, TypeError) as error:
        yield f"the ledger is wrong: {error}"
        return
    rows = sum(manifest.splits.values())
    if ledger.kept_last() != rows:
        yield f"the ledger's last stage kept {ledger.kept_last():,} rows but the files are said to hold {rows:,}"
    taken_out = sum(ledger.stages[REMOVAL].dropped.values()) if REMOVAL in ledger.stages else 0
    listed = sum(entry.rows for entry in manifest.files if entry.path == REMOVED_PATH)
    if listed != taken_out + ledger.notes.get(CARRIED_NOTE, 0):
        yield f"{taken_out:,} rows were taken out of the set, but its list of them has {listed:,}"
    if manifest.job in EVIDENCED:
        removed = sum(sum(stage.dropped.values()) for stage in ledger.stages.values()) - taken_out
        evidence = sum(entry.rows for entry in manifest.files if entry.folder == "evidence")
        if removed != evidence:
            yield f"{removed:,} rows were removed but {evidence:,} rows of evidence are named"


def _stray_files(system: fs.FileSystem, root: str, manifest: Manifest) -> Iterator[str]:
    named = {f"{root}/{entry.path}" for entry in manifest.files}
    for folder in FILE_FOLDERS:
        selector = fs.FileSelector(f"{root}/{folder}", allow_not_found=True, recursive=True)
        for info in system.get_file_info(selector):
            if info.type == fs.FileType.File and info.path not in named:
                yield f"{folder}/{info.base_name} is not named in the manifest, but readers would find it"
    if system.get_file_info(f"{root}/{CARD_NAME}").type != fs.FileType.File:
        yield f"the data card {CARD_NAME} is missing, so load_dataset does not find the splits"


def _file_faults(system: fs.FileSystem, path: str, entry: FileEntry, of_pairs: pa.Schema) -> Iterator[str]:
    info = system.get_file_info(path)
    if info.type != fs.FileType.File:
        yield f"{entry.path} is missing"
        return
    if info.size != entry.bytes:
        yield f"{entry.path} has {info.size:,} bytes where {entry.bytes:,} were written"
        return
    with system.open_input_stream(path) as stream:
        if _sha256(stream) != entry.sha256:
            yield f"{entry.path} was changed: its sha256 is not the manifest's"
            return
    if entry.path == ATTRIBUTION_NAME:
        return
    with system.open_input_file(path) as file:
        parquet = pq.ParquetFile(file)
        rows, schema = parquet.metadata.num_rows, parquet.schema_arrow
    if rows != entry.rows:
        yield f"{entry.path} holds {rows:,} rows where the manifest says {entry.rows:,}"
    if not rows:
        yield f"{entry.path} has no rows, and load_dataset fails on such a file"
    if entry.folder == "data" and not schema.equals(of_pairs):
        yield f"{entry.path} does not have the schema of pairs"


def _attribution_faults(system: fs.FileSystem, root: str, manifest: Manifest) -> Iterator[str]:
    """Its lines are as many as the manifest says, and their rows are those of code in the data files."""
    entry = next((entry for entry in manifest.files if entry.path == ATTRIBUTION_NAME), None)
    path = f"{root}/{ATTRIBUTION_NAME}"
    if entry is None:
        if system.get_file_info(path).type == fs.FileType.File:
            yield f"{ATTRIBUTION_NAME} is not named in the manifest"
        return
    lines = rows = 0
    try:
        with system.open_input_stream(path) as stream, io.TextIOWrapper(stream, "utf-8", newline="\n") as text:
            for line in read_attribution(text):
                lines += 1
                rows += line.rows
    except (OSError, ValueError) as error:
        yield str(error)
        return
    if lines != entry.rows:
        yield f"{ATTRIBUTION_NAME} has {lines:,} lines where the manifest says {entry.rows:,}"
    total = sum(manifest.splits.values())
    if rows > total or (manifest.job == "mine-code" and rows != total):
        yield f"{ATTRIBUTION_NAME} speaks of {rows:,} rows, and the set has {total:,}"


def _sha256(stream: BinaryIO | pa.NativeFile) -> str:
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _row_faults(system: fs.FileSystem, path: str, entry: FileEntry, row_ids: list[np.ndarray]) -> Iterator[str]:
    total, wrong = 0, 0
    with system.open_input_file(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=_ROWS):
            table = pa.Table.from_batches([batch])
            total = (total + row_sums(table)) % MODULUS
            wrong += _wrong_rows(table)
            row_ids.append(_as_numbers(table.column("row_id").to_pylist()))
    if wrong:
        yield f"{entry.path}: {wrong:,} rows whose pair_id or side hashes do not follow from their text"
    if f"{total:032x}" != entry.data_sum:
        yield f"{entry.path}: the sum of its row hashes is not the manifest's"


def _wrong_rows(table: pa.Table) -> int:
    columns = ("kind", "anchor", "positive", "pair_id", "anchor_hash", "positive_hash", "negatives", "negative_hashes")
    wrong = 0
    for kind, anchor, positive, stated, *hashes in zip(*(table.column(c).to_pylist() for c in columns), strict=True):
        is_code = positive_is_code(kind)
        anchor_hash, positive_hash, negatives, negative_hashes = hashes
        wrong += (
            stated != pair_id(kind, anchor, positive)
            or anchor_hash != side_hash(anchor, is_code=anchor_is_code(kind))
            or positive_hash != side_hash(positive, is_code=is_code)
            or negative_hashes != [side_hash(text, is_code=is_code) for text in negatives]
        )
    return wrong


def _as_numbers(row_ids: Sequence[str]) -> np.ndarray:
    """Ids of 32 hex digits as rows of two unsigned 64-bit numbers: 16 bytes each, whatever the set's size."""
    return np.frombuffer(bytes.fromhex("".join(row_ids)), dtype=">u8").reshape(-1, 2)


def _repeated_row_ids(row_ids: Sequence[np.ndarray]) -> Iterator[str]:
    if not row_ids:
        return
    every = np.concatenate(row_ids).astype(np.uint64)
    ordered = every[np.lexsort((every[:, 1], every[:, 0]))]
    repeated = int((ordered[1:] == ordered[:-1]).all(axis=1).sum())
    if repeated:
        yield f"{repeated:,} rows have the row_id of another row"


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill verify`: 0 for a whole set, 1 and every fault by name if not, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(
        prog="pairmill verify",
        description="Is a folder a whole, undamaged pair set?",
        allow_abbrev=False,
    )
    parser.add_argument("folder", help="a pair set's folder (local, or a URI that Arrow knows)")
    parser.add_argument("--quiet", action="store_true", help="print faults only")
    args = parser.parse_args(argv)
    found = 0
    try:
        for fault in faults(args.folder):
            found += 1
            print(f"{args.folder}: {fault}", file=sys.stderr)
    except (OSError, pa.ArrowException) as error:
        found += 1
        print(f"{args.folder}: cannot be read: {' '.join(str(error).split())}", file=sys.stderr)
    if found:
        return 1
    if not args.quiet:
        manifest = read_manifest(args.folder)
        rows = ", ".join(f"{split} {n:,}" for split, n in manifest.splits.items()) or "no rows"
        print(f"{args.folder}: whole and undamaged; {rows}; data_id {manifest.data_id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
