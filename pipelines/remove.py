"""`pairmill remove`: takedown after publication: rows leave a finished set by URL, repository, licence or id.

Two passes over the set's files (`pipelines.removing.passes`), then the change is made in one go
(`pipelines.set_change`). What stays of a removed row are ids and hashes, in `removed/list.parquet`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from miners.takedown import read_takedown
from pipelines import log_json, storage
from pipelines.dry_runs.set_rows import print_rewriting_plan
from pipelines.failures import report_errors
from pipelines.finish import Job
from pipelines.options import Command, JobParser, UsageError, parse, pipeline_options
from pipelines.progress import Progress, print_ledger
from pipelines.removing.passes import build_graph, search
from pipelines.removing.removal import Removal
from pipelines.running import run_pipeline
from pipelines.runs import Run, folder_taken, heartbeat, start_run
from pipelines.set_change import discard_change, finish_change, has_journal, read_said
from pipelines.set_files import check_files, load_manifest
from schemas.attribution import ATTRIBUTION_NAME

LISTS = {"urls": "url", "repos": "repo", "licenses": "license", "ids": "id"}
"""Flag → the kind of what its lists name."""
UNMATCHED_SHOWN = 20


def make_parser() -> JobParser:
    """The command's flags."""
    parser = JobParser(
        prog="pairmill remove",
        description="Take rows out of a finished pair set: takedown after publication.",
        allow_abbrev=False,
        epilog="Lists have one value a line; # begins a comment. Flags of Beam's own are passed on.",
    )
    add = parser.add_argument
    add("--input", required=True, metavar="SET", help="the pair set's folder")
    add("--output", metavar="FOLDER", help="write the changed set here and leave SET alone (default: change SET)")
    add("--overwrite", action="store_true", help="replace a result that is in the way of --output")
    many = {"action": "extend", "nargs": "+", "default": [], "metavar": "FILE"}
    add("--urls", **many, help="pages, and whole hosts as `domain example.org`")
    add("--repos", **many, help="repositories, as owner/name or URL")
    add("--licenses", **many, help="SPDX licences: rows that cannot be had without one of them; NOASSERTION: unknown")
    add("--ids", **many, help="row_ids or pair_ids")
    add("--workers", type=int, metavar="N", help="processes (default: the cores; 1 for small sets)")
    add("--dry-run", action="store_true", help="say what would go, and stop")
    add("--quiet", action="store_true", help="only the closing line")
    return parser


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, search, write and change; returns the exit status. Raises UsageError and JobFailedError."""
    command = parse(make_parser(), argv)
    args = command.args
    folder = args.input.rstrip("/")
    lists = [(kind, path) for flag, kind in LISTS.items() for path in getattr(args, flag)]
    is_copy = args.output is not None
    if is_copy and os.path.realpath(args.output) == os.path.realpath(folder):
        raise UsageError(f"{args.output} is the input; leave --output out to change the set where it lies")
    if not args.dry_run and has_journal(folder):
        with folder_taken(folder):
            _print_said(read_said(folder), args.quiet)
            finish_change(folder)
        print(f"{folder}: a change that had been stopped is finished")
        if not lists:
            return 0
    if not lists:
        raise UsageError("name what is to go: --urls, --repos, --licenses or --ids with a file")
    takedown = read_takedown([(kind, path, _read_list(path)) for kind, path in lists])
    manifest = load_manifest(folder)
    check_files(folder, [entry for entry in manifest.files if entry.path != ATTRIBUTION_NAME])
    removal = Removal(folder, args.output.rstrip("/") if is_copy else folder, manifest, takedown)
    if args.dry_run:
        _print_dry_run(command, removal)
    elif is_copy:
        _write_copy(command, removal)
    else:
        _change(command, removal)
    return 0


def _write_copy(command: Command, removal: Removal) -> None:
    """The set without the rows goes to `--output`."""
    options = pipeline_options(command, removal.bytes)
    settings = {**removal.manifest.config, "removed": sorted(map("/".join, removal.takedown.keys))}
    removal = replace(removal, run=start_run(removal.output, settings, overwrite=command.args.overwrite))
    with heartbeat(removal.output):
        _work(options, removal, quiet=command.args.quiet)


def _change(command: Command, removal: Removal) -> None:
    """The set changes where it lies. Raises UsageError where another job changes it, or just has."""
    options = pipeline_options(command, removal.bytes)
    with folder_taken(removal.folder):
        if load_manifest(removal.folder) != removal.manifest:
            raise UsageError(f"{removal.folder} was changed by another job just now; start again")
        discard_change(removal.folder)
        _work(options, removal, quiet=command.args.quiet)


def _work(options: PipelineOptions, removal: Removal, *, quiet: bool) -> None:
    """Run both passes, then make the change."""
    manifest = removal.manifest
    job = Job("remove", removal.output, {}, manifest.seed, removal.run or Run(manifest.run_id, ""))
    with Progress(job, removal.watch(), quiet=quiet):
        with run_pipeline(options) as pipeline:
            build_graph(pipeline, removal)
        _close(removal, quiet=quiet)


def _close(removal: Removal, *, quiet: bool) -> None:
    """Make the change, where there is one, and say what happened."""
    if has_journal(removal.output):
        _print_said(read_said(removal.output), quiet)
        finish_change(removal.output)
        print_ledger(removal.output, quiet=quiet)
        return
    _print_said(json.loads(storage.read_bytes(removal.scratch("said"))), quiet)
    discard_change(removal.output)
    print(f"{removal.output}: no row is named, so nothing was changed")


def _print_said(said: dict[str, Any], quiet: bool) -> None:
    """What a removal found; nothing of a change of another kind."""
    if not said:
        return
    for line in said["unmatched"][:UNMATCHED_SHOWN]:
        log_json.warn(f"warning: {line['where']}: nothing in the set is of {line['value']}")
    if len(said["unmatched"]) > UNMATCHED_SHOWN:
        log_json.warn(f"warning: {len(said['unmatched']) - UNMATCHED_SHOWN:,} more lines name nothing")
    if quiet:
        return
    rows = ", ".join(f"{n:,} by {reason}" for reason, n in sorted(said["reasons"].items())) or "none"
    print(f"rows removed: {rows}; data files written again: {said['files']:,}")
    for name, about in (
        ("negatives", "negatives with their text left out of other rows"),
        ("rejects", "rejects of the same place or text left out"),
        ("shared", "rows that stay have the same text on a side, from a place that is not named"),
    ):
        if said[name]:
            print(f"{said[name]:,} {about}")


def _print_dry_run(command: Command, removal: Removal) -> None:
    """What would go: all files are searched; and what writing again those that hold it would take."""
    reasons: Counter[str] = Counter()
    matched: set[int] = set()
    touched = []
    begun = time.monotonic()
    for entry in removal.manifest.data_files():
        found = search(removal, entry.path)
        reasons += found.reasons()
        matched |= found.matched
        touched += [entry] if len(found.rows) else []
    seconds = time.monotonic() - begun
    unmatched = [asdict(line) for number, line in enumerate(removal.takedown.asked) if number not in matched]
    nothing = {"negatives": 0, "rejects": 0, "shared": 0}
    _print_said({"reasons": reasons, "unmatched": unmatched, "files": len(touched), **nothing}, quiet=False)
    rows = sum(removal.manifest.splits.values())
    print(f"{reasons.total():,} of {rows:,} rows would go; searching all took {seconds:,.1f} s of one core")
    print_rewriting_plan(
        command, [(storage.join(removal.folder, entry.path), entry.rows, entry.bytes) for entry in touched]
    )


def _read_list(path: str) -> str:
    try:
        return storage.read_bytes(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the list {path} cannot be read: {' '.join(str(error).split())}") from None


def main(argv: Sequence[str] | None = None) -> int:
    """`pairmill remove`; 0 done (also when no row was named), 1 the work failed, 2 the arguments are wrong."""
    return report_errors("remove", lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
