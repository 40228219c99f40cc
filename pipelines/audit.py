"""`pairmill audit`: a pair set in, `report.html` and `audit.json` out; exit 1 when a gate fails.

    Create([END] + data files) | ParDo(summarise) | GroupByKey | ParDo(merge and write)

The summaries hold numbers only and are bounded in size, so that memory is flat; the last step reads again the few rows
that the report shows. The rules about what is measured stand in `miners/audit`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from rich.console import Console

from miners.audit import (
    SUMMARY_COLUMNS,
    AuditConfig,
    Gates,
    Summary,
    audit_figures,
    parse_gates,
    render_report,
)
from miners.audit.check_figures import Measured
from miners.audit.checks import CHECKED_COLUMNS, CheckConfig
from miners.audit.evidence import EVIDENCE_COLUMNS
from miners.audit.extra_figures import Asked
from miners.audit.figures import wanted_places, wanted_row_ids
from miners.audit.gates import check_flags
from miners.audit.place import Place
from miners.audit.samples import SHOWN_COLUMNS, shown_row
from miners.audit.shown_text import number
from miners.code.license_expressions import license_policy
from pipelines import log_json, storage
from pipelines.auditing.contamination import FindContamination, contamination_figures, find_decontamination
from pipelines.auditing.drops import SummariseRejects, load_made_of, named_rows, rejects_files
from pipelines.auditing.extras import find_extras
from pipelines.auditing.files import DataFile, open_parquet, rows_at
from pipelines.auditing.near import near_thresholds, search_near
from pipelines.auditing.signatures import SignatureSearch, find_search, leaked_rows
from pipelines.deduping.contamination import Decontamination
from pipelines.dry_runs.set_rows import print_rows_plan
from pipelines.failures import report_errors
from pipelines.options import Command, JobParser, UsageError, parse, pipeline_options
from pipelines.removed_rows import find_removed
from pipelines.running import run_pipeline
from pipelines.set_files import check_files, load_manifest
from schemas.manifest import Manifest, PairSetError
from schemas.pair import schema_of_version

REPORT_NAME = "report.html"
FIGURES_NAME = "audit.json"
GATE_FAILED = 1
END = None
"""Travels beside the files, so that the audit of an empty set ends too."""


@dataclass(frozen=True, slots=True)
class SetFile:
    """One file of the set to summarise: its place among the data files, and what the manifest says of it."""

    index: int
    path: str
    split: str | None
    """None for a file of evidence."""
    rows: int


@dataclass(frozen=True)
class SetSearch:
    """What every row of the set is compared with: the set itself and, where they are given, evaluation texts."""

    files: tuple[DataFile, ...]
    signatures: SignatureSearch | None
    wanted: Decontamination | None

    def measured(self, summary: Summary) -> Measured:
        """What the figures need that the summaries do not say by themselves."""
        leaked = leaked_rows(self.signatures, summary.checks.near) if self.signatures else 0
        contamination = contamination_figures(summary.checks.contamination, self.wanted, summary.rows)
        return Measured(near_thresholds(), leaked, contamination)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return report_errors("audit", lambda: _run(parse(_parser(), argv)))


class SummariseFile(beam.DoFn):
    """Summarises one file of rows or of evidence, a row group at a time; gives ("", the summary as bytes)."""

    def __init__(self, set_path: str, config: AuditConfig) -> None:
        self.set_path = set_path
        self.config = config

    def process(self, file: SetFile | None) -> Iterator[tuple[str, bytes]]:
        """Read and summarise, unless it is END. Raises PairSetError for a file that is not what the manifest says."""
        if file is None:
            yield "", b""
            return
        summary, rows = Summary(self.config), 0
        columns = EVIDENCE_COLUMNS if file.split is None else SUMMARY_COLUMNS
        manifest = load_manifest(self.set_path)
        removed = find_removed({self.set_path: manifest})
        with storage.open_read(storage.join(self.set_path, file.path)) as stream:
            parquet = open_parquet(stream, file.path)
            if file.split is not None:
                expected = schema_of_version(manifest.schema_version)
                summary.checks.schema.add_types(parquet.schema_arrow, expected, file.rows, file.path)
            for group in range(parquet.num_row_groups):
                table = parquet.read_row_group(group, columns=list(columns))
                if file.split is None:
                    summary.add_evidence(table)
                else:
                    summary.add(table, file.split, file.index, rows)
                    places = summary.checks.add(table)
                    if len(places):
                        summary.checks.add_texts(rows_at(parquet, group, CHECKED_COLUMNS, places))
                    if removed.lists:
                        summary.checks.add_removed(table, removed.names(table))
                rows += table.num_rows
        if rows != file.rows:
            raise PairSetError(
                f"{file.path} holds {rows:,} rows where the manifest says {file.rows:,}; "
                "run `pairmill verify` on the set"
            )
        yield "", summary.to_bytes()
        pa.default_memory_pool().release_unused()


class WriteAudit(beam.DoFn):
    """Merges the summaries, reads the rows that are shown, and writes the two files; gives the data id."""

    def __init__(
        self,
        set_path: str,
        output: str,
        config: AuditConfig,
        gates: Gates | None,
        job: SetSearch,
        made_of: Sequence[str] = (),
        asked: Asked | None = None,
    ) -> None:
        self.set_path = set_path
        self.job = job
        self.made_of = made_of
        self.asked = asked
        self.output = output
        self.config = config
        self.gates = gates

    def process(self, element: tuple[str, Iterable[bytes]]) -> Iterator[str]:
        """`element` is the one group of all summaries."""
        summary = Summary(self.config)
        for data in element[1]:
            if data:
                summary.merge(Summary.from_bytes(data))
        manifest = load_manifest(self.set_path)
        shown = _read_shown(self.set_path, data_files(manifest), wanted_places(summary))
        sets = {self.set_path: manifest, **{folder: load_manifest(folder) for folder in self.made_of}}
        named = named_rows(sets, wanted_row_ids(summary))
        figures = audit_figures(
            summary, manifest, self.set_path, shown, self.gates, self.job.measured(summary), named, self.asked
        )
        text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
        storage.write_atomically(storage.join(self.output, REPORT_NAME), render_report(figures).encode())
        storage.write_atomically(storage.join(self.output, FIGURES_NAME), text.encode())
        yield manifest.data_id


def data_files(manifest: Manifest) -> list[SetFile]:
    """The set's data files, in the order of their names."""
    return [SetFile(i, f.path, f.split or "train", f.rows) for i, f in enumerate(manifest.data_files())]


def evidence_files(manifest: Manifest) -> list[SetFile]:
    """The set's files of evidence: none before dedupe."""
    return [SetFile(-1, f.path, None, f.rows) for f in manifest.files if f.folder == "evidence"]


def _parser() -> JobParser:
    parser = JobParser(
        prog="pairmill audit",
        description="Say what is in a pair set, and whether it is worth training on.",
        allow_abbrev=False,
        epilog="Flags of Beam's own (--runner, --project, --region, …) are passed on.",
    )
    parser.add_argument("--input", required=True, metavar="SET", help="the pair set's folder")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder for report.html and audit.json")
    parser.add_argument("--overwrite", action="store_true", help="replace a report that is in the way")
    parser.add_argument("--gates", metavar="FILE", help="thresholds as YAML; exit 1 when one is broken")
    parser.add_argument(
        "--licenses",
        default="any",
        metavar="POLICY",
        help="licences that are allowed: any, permissive, or a file of names; others are counted (default: any)",
    )
    parser.add_argument(
        "--decontaminate",
        action="append",
        default=[],
        metavar="FILES",
        help="evaluation texts that rows must not hold, as in dedupe; repeatable",
    )
    parser.add_argument(
        "--made-of",
        nargs="+",
        default=[],
        metavar="SET",
        help="sets that this one was made of: to show what their jobs dropped, where they kept rejects",
    )
    parser.add_argument("--compare", metavar="OTHER", help="another pair set: what changed from it to this one")
    parser.add_argument(
        "--scores", nargs="+", default=[], metavar="FILE", help="of `pairmill evaluate --score-pairs` on this set"
    )
    parser.add_argument("--tokenizer", metavar="PATH", help="tokenizer.json, or its folder: lengths in its tokens too")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples (default: 0)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: the cores; 1 for small sets)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be read and what that takes")
    parser.add_argument("--quiet", action="store_true", help="only the closing line, and gates that failed")
    return parser


def _run(command: Command) -> int:
    args = command.args
    if args.workers is not None and args.workers < 1:
        raise UsageError(f"--workers must be 1 or more, not {args.workers}")
    gates = _read_gates(args.gates)
    if gates is not None:
        flags = {"--decontaminate": bool(args.decontaminate), "--licenses": args.licenses != "any"}
        check_flags(gates, [flag for flag, is_given in flags.items() if is_given])
    set_path = args.input.rstrip("/") or "/"
    manifest = load_manifest(set_path)
    entries = [f for f in manifest.files if f.folder in ("data", "evidence")]
    check_files(set_path, entries)
    rows, size = sum(manifest.splits.values()), sum(f.bytes for f in entries)
    if args.dry_run:
        _print_dry_run(command, set_path, manifest)
        return 0
    checks = CheckConfig(license_policy=args.licenses, licenses=license_policy(args.licenses, storage.read_bytes))
    config = AuditConfig(rows=rows, seed=args.seed, checks=checks)
    job = _set_search(set_path, manifest, args.decontaminate)
    made_of = load_made_of(manifest, args.made_of)
    extras = find_extras(args, set_path, manifest, config, job.files)
    options = pipeline_options(command, size)
    _take_output(args.output, overwrite=args.overwrite)
    with run_pipeline(options) as pipeline:
        summaries = (
            pipeline
            | "files" >> beam.Create([END, *data_files(manifest), *evidence_files(manifest)])
            | "spread" >> beam.Reshuffle()
            | "summarise" >> beam.ParDo(SummariseFile(set_path, config))
        )
        found = [summaries, search_near(pipeline, config, job.signatures, job.files), *extras.parts(pipeline)]
        rejects = rejects_files({set_path: manifest, **made_of})
        if rejects:
            samples = pipeline | "rejects" >> beam.Create(rejects) | "spread rejects" >> beam.Reshuffle()
            found.append(samples | "sample rejects" >> beam.ParDo(SummariseRejects(config)))
        if job.wanted is not None:
            files = pipeline | "searched files" >> beam.Create(list(job.files)) | "spread searched" >> beam.Reshuffle()
            found.append(files | "decontaminate" >> beam.ParDo(FindContamination(config, job.wanted)))
        (
            found
            | "all" >> beam.Flatten()
            | "gather" >> beam.GroupByKey()
            | "write" >> beam.ParDo(WriteAudit(set_path, args.output, config, gates, job, args.made_of, extras.asked))
        )
    return _report(args.output, quiet=args.quiet)


def _set_search(set_path: str, manifest: Manifest, decontaminate: list[str]) -> SetSearch:
    signatures = find_search(set_path, manifest)
    if signatures is not None:
        check_files(set_path, [entry for entry in manifest.files if entry.folder == "signatures"])
    files = tuple(DataFile(f.index, storage.join(set_path, f.path), str(f.split), f.rows) for f in data_files(manifest))
    return SetSearch(files, signatures, find_decontamination(decontaminate))


def _print_dry_run(command: Command, set_path: str, manifest: Manifest) -> None:
    """What would be read, and by some row groups that are summarised what that takes."""
    config = AuditConfig(rows=sum(manifest.splits.values()), seed=command.args.seed)

    def summarise(tables: Iterator[pa.Table]) -> tuple[int, int]:
        summary, rows = Summary(config), 0
        for table in tables:
            summary.add(table, "train", 0, rows)
            rows += table.num_rows
        return rows, len(summary.to_bytes())

    files = [(storage.join(set_path, f.path), f.rows, f.bytes) for f in manifest.data_files()]
    output = f"{REPORT_NAME} and {FIGURES_NAME}, which do not grow with the set"
    print_rows_plan(command, files, command.args.seed, summarise, SUMMARY_COLUMNS, output)


def _read_gates(path: str | None) -> Gates | None:
    if path is None:
        return None
    if not storage.exists(path):
        raise UsageError(f"there is no file of gates {path}; check the path given to --gates")
    return parse_gates(storage.read_bytes(path), path)


def _take_output(output: str, *, overwrite: bool) -> None:
    ours = [storage.join(output, name) for name in (REPORT_NAME, FIGURES_NAME)]
    if any(map(storage.exists, ours)) and not overwrite:
        raise UsageError(f"{output} holds a report; give --overwrite to replace it, or another --output")
    storage.delete(ours)


def _read_shown(set_path: str, files: Sequence[SetFile], places: Sequence[Place]) -> dict[Place, Mapping[str, Any]]:
    """The rows at the places, as the report shows them: each row group that has one is read once."""
    shown: dict[Place, Mapping[str, Any]] = {}
    in_order = sorted(places, key=lambda place: (place.file, place.row))
    for index, wanted in groupby(in_order, key=lambda place: place.file):
        waiting = list(wanted)
        with storage.open_read(storage.join(set_path, files[index].path)) as stream:
            parquet, start = open_parquet(stream, files[index].path), 0
            for group in range(parquet.num_row_groups):
                end = start + parquet.metadata.row_group(group).num_rows
                here = [place for place in waiting if start <= place.row < end]
                if here:
                    at = np.array([place.row - start for place in here])
                    rows = rows_at(parquet, group, SHOWN_COLUMNS, at).to_pylist()
                    shown |= {
                        place: shown_row(row, files[index].split, set_path)
                        for place, row in zip(here, rows, strict=True)
                    }
                start = end
    return shown


def _report(output: str, *, quiet: bool) -> int:
    path = storage.join(output, FIGURES_NAME)
    if not storage.exists(path):
        print(f"the audit was handed to its runner; the report will be in {output}")
        return 0
    figures = json.loads(storage.read_bytes(path))
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not quiet:
        for finding in figures["findings"]:
            print(f"{finding['level']}: {finding['title']}")
    failed = [gate for gate in figures["gates"] if not gate["passed"]]
    for gate in failed:
        style = gate["style"]
        line = f"gate {gate['gate']} failed: {number(gate['value'], style)}, not {number(gate['threshold'], style)}"
        if log_json.is_on():
            log_json.warn(line, gate=gate["gate"], value=gate["value"], threshold=gate["threshold"])
        else:
            console.print(line, style="red", markup=False)
    print(f"{storage.join(output, REPORT_NAME)}: {figures['pairs']['total']:,} pairs audited")
    return GATE_FAILED if failed else 0


if __name__ == "__main__":
    # Worker processes cannot load classes of __main__, so the job runs from the module that they import.
    from pipelines.audit import main as imported_main

    raise SystemExit(imported_main())
