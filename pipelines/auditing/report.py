"""The audit's last step: all summaries to figures, `audit.json` and `report.html`; and what is printed of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import apache_beam as beam
import numpy as np
from rich.console import Console

from miners.audit import Gates, Summary, audit_figures, render_report
from miners.audit.check_figures import Measured
from miners.audit.extra_figures import Asked
from miners.audit.figures import wanted_places, wanted_row_ids
from miners.audit.place import Place
from miners.audit.samples import SHOWN_COLUMNS, shown_row
from miners.audit.shown_text import number
from pipelines import log_json, storage
from pipelines.auditing.contamination import contamination_figures
from pipelines.auditing.drops import named_rows
from pipelines.auditing.files import DataFile, iterate_rows, open_parquet
from pipelines.auditing.near import near_thresholds
from pipelines.auditing.signatures import SignatureSearch, leaked_rows
from pipelines.auditing.summary_files import SummaryFiles
from pipelines.deduping.contamination import Decontamination
from pipelines.deduping.existing import ExistingUnit
from pipelines.options import UsageError
from pipelines.planned import Planned, plan
from pipelines.set_files import load_manifest

REPORT_NAME = "report.html"
FIGURES_NAME = "audit.json"
GATE_FAILED = 1


@dataclass(frozen=True)
class SetSearch:
    """What every row of the set is compared with: the set itself and, where they are given, evaluation texts."""

    signatures: SignatureSearch | None
    wanted: Decontamination | None

    def measured(self, summary: Summary) -> Measured:
        """What the figures need that the summaries do not say by themselves."""
        leaked = leaked_rows(self.signatures, summary.checks.near) if self.signatures else 0
        contamination = contamination_figures(summary.checks.contamination, self.wanted, summary.rows)
        return Measured(near_thresholds(), leaked, contamination)


@dataclass(frozen=True)
class Audit:
    """What the last step must know of the audit: the set, where the report goes, and what was asked."""

    set_path: str
    output: str
    files: Sequence[DataFile] | Planned[DataFile]
    search: SetSearch
    gates: Gates | None = None
    made_of: tuple[str, ...] = ()
    asked: Asked | None = None

    def planned(self, folder: str) -> Audit:
        """The same as the graph holds it: what grows with the sets lies in files of `folder`, or beside the sets."""
        signatures, asked = self.search.signatures, self.asked
        if signatures is not None:
            signatures = replace(signatures, units=plan(folder, "searched", ExistingUnit, signatures.units))
        return replace(
            self,
            files=plan(folder, "shown", DataFile, self.files),
            search=replace(self.search, signatures=signatures),
            asked=None if asked is None else replace(asked, other_manifest=None),
        )


class WriteAudit(beam.DoFn):
    """("", names of all summaries) → the set's data id, once both files are written and the summaries gone."""

    def __init__(self, audit: Audit, summaries: SummaryFiles) -> None:
        self.audit, self.summaries = audit, summaries

    def process(self, element: tuple[str, Iterable[str]]) -> Iterator[str]:
        """Merge, read the rows that are shown, and write. A second attempt finds the files, and is done."""
        audit = self.audit
        manifest = load_manifest(audit.set_path)
        if not storage.exists(storage.join(audit.output, FIGURES_NAME)):
            figures = self._figures(self.summaries.merged([name for name in element[1] if name]))
            text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
            storage.write_over(storage.join(audit.output, REPORT_NAME), render_report(figures).encode())
            storage.write_over(storage.join(audit.output, FIGURES_NAME), text.encode())
        self.summaries.clear()
        yield manifest.data_id

    def _figures(self, summary: Summary) -> dict[str, Any]:
        audit, manifest = self.audit, load_manifest(self.audit.set_path)
        shown = read_shown(audit.set_path, tuple(audit.files), wanted_places(summary))
        sets = {audit.set_path: manifest, **{folder: load_manifest(folder) for folder in audit.made_of}}
        named = named_rows(sets, wanted_row_ids(summary))
        measured, asked = audit.search.measured(summary), audit.asked
        if asked is not None and asked.compared is not None:
            asked = replace(asked, other_manifest=load_manifest(asked.other_path))
        return audit_figures(summary, manifest, audit.set_path, shown, audit.gates, measured, named, asked)


def read_shown(set_path: str, files: Sequence[DataFile], places: Sequence[Place]) -> dict[Place, Mapping[str, Any]]:
    """The rows at the places, as the report shows them; each file that has one is read once."""
    shown: dict[Place, Mapping[str, Any]] = {}
    in_order = sorted(places, key=lambda place: (place.file, place.row))
    for index, wanted in groupby(in_order, key=lambda place: place.file):
        file = files[index]
        by_row: dict[int, list[Place]] = {}
        for place in wanted:
            by_row.setdefault(place.row, []).append(place)
        with storage.open_read(file.path) as stream:
            parquet = open_parquet(stream, file.path)
            rows = (
                r for batch in iterate_rows(parquet, SHOWN_COLUMNS, np.array(list(by_row))) for r in batch.to_pylist()
            )
            for same, row in zip(by_row.values(), rows, strict=True):
                one = shown_row(row, file.split, set_path)
                shown |= dict.fromkeys(same, one)
    return shown


def take_output(output: str, *, overwrite: bool) -> None:
    """Make room for a report. Raises UsageError where one is in the way."""
    ours = [storage.join(output, name) for name in (REPORT_NAME, FIGURES_NAME)]
    if any(map(storage.exists, ours)) and not overwrite:
        raise UsageError(f"{output} holds a report; give --overwrite to replace it, or another --output")
    storage.delete(ours)


def print_report(output: str, *, quiet: bool) -> int:
    """Say what was found; returns the exit status."""
    path = storage.join(output, FIGURES_NAME)
    if not storage.exists(path):
        print(f"the audit was handed to its runner; the report will be in {output}")
        return 0
    figures = json.loads(storage.read_bytes(path))
    if not quiet:
        for finding in figures["findings"]:
            print(f"{finding['level']}: {finding['title']}")
    failed = [gate for gate in figures["gates"] if not gate["passed"]]
    _print_gates(failed)
    print(f"{storage.join(output, REPORT_NAME)}: {figures['pairs']['total']:,} pairs audited")
    return GATE_FAILED if failed else 0


def _print_gates(failed: Sequence[Mapping[str, Any]]) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for gate in failed:
        style = gate["style"]
        line = f"gate {gate['gate']} failed: {number(gate['value'], style)}, not {number(gate['threshold'], style)}"
        if log_json.is_on():
            log_json.warn(line, gate=gate["gate"], value=gate["value"], threshold=gate["threshold"])
        else:
            console.print(line, style="red", markup=False)
