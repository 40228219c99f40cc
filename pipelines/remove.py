"""`pairmill remove`: takedown after publication: rows leave a finished set by URL, repository, licence or id.

One Beam graph of two passes over the set's files, then the change is made in one go (`pipelines.set_change`):

    Create([END] + files) | Reshuffle | find | GroupByKey | tell each file | GroupByKey | write | GroupByKey | finish

Only files that hold a removed row, or repeat its text, are written again. What stays of a removed row are ids and
hashes, in `removed/list.parquet`.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from miners.takedown import Takedown, read_takedown
from pipelines import log_json, storage
from pipelines.attribution import AttributionSums
from pipelines.deduping.files import read_arrays, read_table, table_bytes, write_arrays
from pipelines.dry_runs.set_rows import print_rewriting_plan
from pipelines.failures import report_errors
from pipelines.finish import Job
from pipelines.live_progress import PathWatch
from pipelines.options import Command, JobParser, UsageError, parse, pipeline_options
from pipelines.progress import Progress, print_ledger
from pipelines.removal import (
    Found,
    Gone,
    Rewritten,
    find_rows,
    followers,
    rewrite_beside,
    rewrite_data,
    rewrite_rejects,
)
from pipelines.row_ids import id_bytes
from pipelines.running import run_pipeline
from pipelines.runs import Run, heartbeat, refuse_living_run, start_run
from pipelines.set_change import (
    copy_files,
    discard_change,
    finish_change,
    has_journal,
    read_said,
    staged,
    write_journal,
)
from pipelines.set_files import check_files, load_manifest
from schemas.attribution import ATTRIBUTION_NAME, Attribution, read_attribution
from schemas.finished import file_entry
from schemas.ledger import Ledger
from schemas.manifest import SPLITS, FileEntry, Manifest
from schemas.removed import REMOVED_PATH, REMOVED_SCHEMA
from schemas.writer import PartWriter

END = None
LISTS = {"urls": "url", "repos": "repo", "licenses": "license", "ids": "id"}
"""Flag → the kind of what its lists name."""
UNMATCHED_SHOWN = 20
_FOUND_KINDS = ("<i8", "<u8")
_GONE_KINDS = ("<i8", "<u8", "S16")
_SCRATCH = "scratch"


@dataclass(frozen=True)
class Removal:
    """What every pass must know: the set, where the changed one is to be, and what is asked for."""

    folder: str
    output: str
    manifest: Manifest
    takedown: Takedown
    run: Run | None = None
    """Of a copy; the set itself keeps its own."""

    @property
    def is_copy(self) -> bool:
        """Whether the set stays as it is, and all files are written elsewhere."""
        return self.run is not None

    @property
    def searched(self) -> list[FileEntry]:
        """The files that hold text."""
        return [entry for entry in self.manifest.files if entry.folder in ("data", "rejects")]

    def target(self, path: str) -> str:
        """Where a file of the changed set is written."""
        return staged(self.output, path)

    def scratch(self, name: str) -> str:
        """A temporary file."""
        return staged(self.output, _SCRATCH, name)

    def written_mark(self, path: str) -> str:
        """An empty file: this one was looked through, and written again where that was needed."""
        return self.scratch(f"{path.replace('/', '.')}.written")

    def watch(self) -> PathWatch:
        """How far the work is, by what its passes leave."""
        data = {
            self.scratch(f"{storage.last_part(entry.path)}.rows"): entry.rows for entry in self.manifest.data_files()
        }
        return PathWatch(
            {"find": data, "write": {self.written_mark(entry.path): entry.rows for entry in self.searched}}
        )


class FindRows(beam.DoFn):
    """Path of a file → ("", what a takedown names in it); rows and hashes go by way of a scratch file."""

    def __init__(self, removal: Removal) -> None:
        self.removal = removal

    def process(self, path: str | None) -> Iterator[tuple[str, str]]:
        """Search a data file; END and rejects, which are told by what is found, pass."""
        if path is None or not path.startswith("data/"):
            yield "", json.dumps({"path": path or ""})
            return
        found = search(self.removal, path)
        name = storage.last_part(path)
        with storage.writing(self.removal.scratch(f"{name}.rows")) as file:
            write_arrays(file, [found.rows, found.texts], _FOUND_KINDS)
        with storage.writing(self.removal.scratch(f"{name}.removed")) as file:
            file.write(table_bytes(found.removed))
        told = {"path": path, "reasons": found.reasons(), "matched": sorted(found.matched)}
        yield "", json.dumps({**told, "attribution": list(map(asdict, found.attribution))})


class TellFiles(beam.DoFn):
    """("", what was found in all files) → (path, "") for each, and ("", the sums)."""

    def __init__(self, removal: Removal) -> None:
        self.removal = removal

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
        """Gather what must be found nowhere any more, before any file is written."""
        told = sorted((json.loads(value) for value in element[1]), key=lambda item: item["path"])
        sides, texts, ids = [], [], []
        for item in told:
            if "reasons" in item:
                name = storage.last_part(item["path"])
                removed = read_table(storage.read_bytes(self.removal.scratch(f"{name}.removed")))
                sides += [removed[side].to_numpy() for side in ("anchor_hash", "positive_hash")]
                ids.append(id_bytes(removed["row_id"]))
                texts.append(read_arrays(storage.read_bytes(self.removal.scratch(f"{name}.rows")), _FOUND_KINDS)[1])
        gone = [
            np.unique(np.concatenate([np.zeros(0, kind), *parts]))
            for kind, parts in zip(_GONE_KINDS, (sides, texts, ids), strict=True)
        ]
        if any(entry.folder == "rejects" for entry in self.removal.manifest.files):
            evidence = [entry for entry in self.removal.manifest.files if entry.folder == "evidence"]
            gone[2] = followers(self.removal.folder, evidence, gone[2])
        with storage.writing(self.removal.scratch("gone")) as file:
            write_arrays(file, gone, _GONE_KINDS)
        for item in told:
            if item["path"]:
                yield item["path"], ""
            yield "", json.dumps({"found": item})


class WriteFile(beam.DoFn):
    """(path, "") → ("", the file's lines of the manifest, and what was left out of it)."""

    def __init__(self, removal: Removal) -> None:
        self.removal = removal

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
        """Write one file and what lies beside it; the sums pass."""
        path, values = element
        if not path:
            for value in values:
                yield path, value
            return
        done = self._rewrite(path)
        value = {"path": path, **asdict(done), "entries": list(map(asdict, done.entries))}
        storage.write_atomically(self.removal.written_mark(path), b"")
        yield "", json.dumps({"written": value})

    def _rewrite(self, path: str) -> Rewritten:
        removal = self.removal
        entries = {entry.path: entry for entry in removal.manifest.files}
        gone = Gone(*read_arrays(storage.read_bytes(removal.scratch("gone")), _GONE_KINDS))
        if path.startswith("rejects/"):
            evidence = entries.get(path.replace("rejects/", "evidence/", 1))
            if evidence is not None and evidence.rows != entries[path].rows:
                evidence = None
            takedown, target = removal.takedown, removal.target
            done = rewrite_rejects(removal.folder, entries[path], evidence, gone, takedown, target)
        else:
            scratch = removal.scratch(f"{storage.last_part(path)}.rows")
            rows = read_arrays(storage.read_bytes(scratch), _FOUND_KINDS)[0]
            done = rewrite_data(removal.folder, entries[path], gone, rows, removal.target)
            beside = entries.get(path.replace("data/", "signatures/", 1))
            if beside is not None:
                changed = len(rows) > 0
                done.entries += rewrite_beside(removal.folder, beside, rows, removal.target) if changed else [beside]
        return done


class FinishRemoval(beam.DoFn):
    """("", everything) → the journal: ledger, list, attribution and manifest of the set without the rows."""

    def __init__(self, removal: Removal) -> None:
        self.removal = removal

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[str]:
        """Add up and write; the driver makes the change."""
        told = [json.loads(value) for value in element[1]]
        found = sorted((item["found"] for item in told if "found" in item), key=lambda item: item["path"])
        written = sorted((item["written"] for item in told if "written" in item), key=lambda item: item["path"])
        removal = self.removal
        reasons = sum((Counter(item.get("reasons", {})) for item in found), Counter())
        counts = {name: sum(item[name] for item in written) for name in ("shared", "negatives", "rejects")}
        matched = {line for item in found for line in item.get("matched", ())}
        unmatched = [asdict(line) for number, line in enumerate(removal.takedown.asked) if number not in matched]
        said = {"reasons": reasons, **counts, "unmatched": unmatched}
        entries = [FileEntry(**entry) for item in written for entry in item["entries"]]
        rewritten = {path for path in {entry.path for entry in entries} if storage.exists(removal.target(path))}
        known = {entry.path for entry in removal.manifest.files if entry.folder in ("data", "rejects", "signatures")}
        others = [entry for entry in removal.manifest.files if entry.path not in known]
        others = [entry for entry in others if entry.path not in (REMOVED_PATH, ATTRIBUTION_NAME)]
        made = [*self._list(found), *self._attribution(found)]
        files = [*entries, *others, *made]
        if removal.is_copy:
            unchanged = [entry for entry in files if not storage.exists(removal.target(entry.path))]
            copy_files(removal.folder, removal.output, unchanged)
        paths = [entry.path for entry in files] if removal.is_copy else [*rewritten, *(entry.path for entry in made)]
        manifest = changed_manifest(removal, tuple(files), reasons)
        said["files"] = sum(path.startswith("data/") for path in rewritten)
        if reasons or counts["rejects"] or removal.is_copy:
            write_journal(removal.output, manifest, paths, said)
        else:
            storage.write_atomically(removal.scratch("said"), json.dumps(said).encode())
        yield manifest.data_id

    def _list(self, found: Sequence[dict[str, Any]]) -> list[FileEntry]:
        """The list of removed rows: the set's own so far, and these."""
        parts = [REMOVED_SCHEMA.empty_table()]
        if any(entry.path == REMOVED_PATH for entry in self.removal.manifest.files):
            with storage.open_read(storage.join(self.removal.folder, REMOVED_PATH)) as file:
                parts.append(pq.read_table(file))
        for item in found:
            if "reasons" in item:
                scratch = self.removal.scratch(f"{storage.last_part(item['path'])}.removed")
                parts.append(read_table(storage.read_bytes(scratch)))
        table = pa.concat_tables([part.cast(REMOVED_SCHEMA) for part in parts]).sort_by("row_id")
        if not table.num_rows:
            return []
        storage.delete([self.removal.target(REMOVED_PATH)])
        with storage.writing(self.removal.target(REMOVED_PATH)) as file:
            writer = PartWriter(file, REMOVED_SCHEMA)
            writer.write(table)
            return [file_entry(REMOVED_PATH, None, writer.close())]

    def _attribution(self, found: Sequence[dict[str, Any]]) -> list[FileEntry]:
        if not any(entry.path == ATTRIBUTION_NAME for entry in self.removal.manifest.files):
            return []
        with AttributionSums() as sums:
            with storage.open_read(storage.join(self.removal.folder, ATTRIBUTION_NAME)) as file:
                sums.add(read_attribution(io.TextIOWrapper(file, "utf-8", newline="\n")))
            sums.add(Attribution(**line) for item in found for line in item.get("attribution", ()))
            entry = sums.write(staged(self.removal.output))
        return [entry] if entry is not None else []


def search(removal: Removal, path: str) -> Found:
    """The rows of a data file of the set that are named."""
    has_rejects = any(entry.folder == "rejects" for entry in removal.manifest.files)
    return find_rows(storage.join(removal.folder, path), removal.takedown, with_texts=has_rejects)


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
        refuse_living_run(folder)
        with heartbeat(folder):
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
        return 0
    options = pipeline_options(command, sum(entry.bytes for entry in manifest.files))
    if is_copy:
        settings = {**manifest.config, "removed": sorted(map("/".join, takedown.keys))}
        removal = replace(removal, run=start_run(removal.output, settings, overwrite=args.overwrite))
    else:
        refuse_living_run(folder)
        discard_change(folder)
    job = Job("remove", removal.output, {}, manifest.seed, removal.run or Run(manifest.run_id, ""))
    with heartbeat(removal.output), Progress(job, removal.watch(), quiet=args.quiet):
        with run_pipeline(options) as pipeline:
            build_graph(pipeline, removal)
        _close(removal, quiet=args.quiet)
    return 0


def build_graph(pipeline: beam.Pipeline, removal: Removal) -> None:
    """Wire the passes."""
    text = beam.typehints.Tuple[str, str]

    def step(name: str, work: beam.DoFn) -> beam.PTransform:
        return name >> beam.ParDo(work).with_output_types(text)

    (
        pipeline
        | "files" >> beam.Create([END, *(entry.path for entry in removal.searched)])
        | "spread" >> beam.Reshuffle()
        | step("find", FindRows(removal))
        | "all found" >> beam.GroupByKey()
        | step("tell", TellFiles(removal))
        | "by file" >> beam.GroupByKey()
        | step("write", WriteFile(removal))
        | "all written" >> beam.GroupByKey()
        | "finish" >> beam.ParDo(FinishRemoval(removal))
    )


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
