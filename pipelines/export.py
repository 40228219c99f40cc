"""`pairmill export`: the rows of a pair set as other tools read them.

In: a pair set. Out: a folder in one of four layouts, each described in its file of `pipelines.exports`. What can be
lost: rows that a layout has no place for, counted and said. The same rows give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from pipelines import log_json, storage
from pipelines.dry_runs.set_rows import in_small_set, print_rows_plan
from pipelines.exports.beir import export_beir
from pipelines.exports.folder import ExportFolder, export_folder
from pipelines.exports.lines import export_lines
from pipelines.exports.rows import Rows, RowsWatch
from pipelines.exports.triplets import export_triplets
from pipelines.exports.webdataset import export_webdataset
from pipelines.failures import report_errors
from pipelines.finish import Job
from pipelines.live_progress import progress_beside
from pipelines.options import Command, JobParser, UsageError
from pipelines.progress import Progress
from pipelines.runs import Run
from schemas.manifest import Manifest
from schemas.pair import SPLITS
from schemas.pair_set import read_manifest
from schemas.where import parse_where

FORMATS = {
    "sentence-transformers": "Parquet with the columns anchor, positive, negative_1, …",
    "beir": "corpus.jsonl, queries.jsonl, qrels/",
    "jsonl": "one object a row",
    "webdataset": "tar files",
}


def export(
    folder: str,
    output: str,
    kind: str,
    *,
    splits: Sequence[str] = (),
    where: str | None = None,
    shards: int = 1,
    negatives: int | None = None,
    without_comments: bool = False,
    overwrite: bool = False,
    shown: Callable[[RowsWatch], AbstractContextManager[object]] = nullcontext,
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Writes the export; gives, by split, the rows read, written and left out by reason, and what must be said of it.

    `shown` says how far it is for as long as it writes.
    Raises UsageError and WhereError (ValueErrors) for what cannot be done, PairSetError for a folder that is no set.
    """
    manifest = read_manifest(folder)
    rows = Rows(folder, _splits(manifest, folder, splits), parse_where(where) if where else None)
    wanted = {split: rows.count(split) for split in rows.splits}
    if not any(wanted.values()):
        raise UsageError(f"no row of {folder} is of the split and the expression given; there is nothing to export")
    settings: dict[str, Any] = {
        "layout": kind,
        "data_id": manifest.data_id,
        "splits": list(rows.splits),
        "where": where,
        "strip_comments": without_comments,
    }
    with export_folder(output, settings, overwrite=overwrite) as target, shown(RowsWatch(rows, wanted)):
        counts, notes = _write(rows, target, kind, shards, negatives, without_comments)
        settings["rows"] = counts
    return counts, notes


def _write(
    rows: Rows, target: ExportFolder, kind: str, shards: int, negatives: int | None, without_comments: bool
) -> tuple[dict[str, dict[str, int]], list[str]]:
    if kind == "beir":
        return export_beir(rows, target, without_comments=without_comments)
    if kind == "sentence-transformers":
        return export_triplets(rows, target, shards, negatives), []
    return (export_lines if kind == "jsonl" else export_webdataset)(rows, target, shards), []


def _print_dry_run(args: argparse.Namespace) -> None:
    """What would be read, and by some row groups that are exported to a folder that goes what that takes and gives."""
    manifest = read_manifest(args.input)
    splits = _splits(manifest, args.input, args.split or ())
    files = [
        (storage.join(args.input.rstrip("/"), entry.path), entry.rows, entry.bytes)
        for split in splits
        for entry in manifest.data_files(split)
    ]

    def export_rows(tables: Iterator[pa.Table]) -> tuple[int, int]:
        with TemporaryDirectory(prefix="pairmill-dry-run-") as folder:
            small, out = Path(folder, "set"), Path(folder, "out")
            in_small_set(str(small), manifest, tables)
            options = {"where": args.where, "negatives": args.negatives, "without_comments": args.strip_comments}
            try:
                counts, _ = export(str(small), str(out), args.format, **options)
            except UsageError:  # none of so few rows is of the expression
                return 0, 0
            size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
            return sum(found["written"] for found in counts.values()), size

    print_rows_plan(Command(args, ()), files, 0, export_rows)


def _splits(manifest: Manifest, folder: str, asked: Sequence[str]) -> tuple[str, ...]:
    there = manifest.splits
    for split in asked:
        if not there.get(split):
            have = ", ".join(f"{name} ({n:,})" for name, n in there.items()) or "none"
            raise UsageError(f"{folder} has no rows of split {split}; it has {have}")
    return tuple(split for split in SPLITS if split in (asked or there))


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill export`; 0 when the export is written, 1 when that failed, 2 for wrong arguments."""

    def run() -> int:
        args = _parse(argv)
        if args.dry_run:
            _print_dry_run(args)
            return 0
        job = Job("export", args.output, {}, 0, Run(uuid.uuid4().hex, ""))
        counts, notes = export(
            args.input,
            args.output,
            args.format,
            splits=args.split or (),
            where=args.where,
            shards=args.shards,
            negatives=args.negatives,
            without_comments=args.strip_comments,
            overwrite=args.overwrite,
            shown=partial(Progress, job, quiet=args.quiet, path=progress_beside(args.output)),
        )
        for line in notes:
            log_json.warn(f"note: {line}")
        for split, found in counts.items():
            rest = ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in found.items() if n)
            print(f"{args.output}: {split}: {rest}")
        return 0

    return report_errors("export", run)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = JobParser(
        prog="pairmill export", description="Write the rows of a pair set as other tools read them.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--input", required=True, metavar="SET", help="a pair set's folder")
    add("--output", required=True, metavar="FOLDER", help="folder for the export")
    layouts = "; ".join(f"{name}: {about}" for name, about in FORMATS.items())
    add("--format", required=True, choices=FORMATS, help=layouts)
    add("--split", action="append", choices=SPLITS, help="only these; may be repeated (default: all)")
    add("--where", metavar="EXPRESSION", help="only rows of which it is true, such as 'language = \"go\"'")
    add("--shards", type=int, default=1, metavar="N", help="files a split, as even as can be (default: 1)")
    add(
        "--negatives",
        type=int,
        metavar="N",
        help="sentence-transformers: negative columns; rows with fewer are left out",
    )
    add("--strip-comments", action="store_true", help="beir: take comments and docstrings out of code")
    add("--overwrite", action="store_true", help="replace an export that is in the way")
    add(
        "--dry-run",
        action="store_true",
        help="say what would be read and, by a small sample, what that takes and gives",
    )
    add("--quiet", action="store_true", help="no progress, only the closing lines")
    args = parser.parse_own(argv)
    if args.shards < 1:
        raise UsageError(f"--shards {args.shards} is no number of files; give 1 or more")
    if args.shards > 1 and args.format == "beir":
        raise UsageError("the layout of BEIR has one file of each kind; leave --shards out")
    if args.negatives is not None and args.format != "sentence-transformers":
        raise UsageError("--negatives is for --format sentence-transformers; the others write all that a row has")
    if args.strip_comments and args.format != "beir":
        raise UsageError("--strip-comments is for --format beir: code to be searched, not trained on")
    return args


if __name__ == "__main__":
    sys.exit(main())
