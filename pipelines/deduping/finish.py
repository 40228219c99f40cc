"""Last pass of dedupe: the ledgers add up to what was decided and written, then the manifest.

In: every pass's counts and the files of the result. Out: a whole pair set, or an error that says what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from pipelines.attribution import AttributionSums
from pipelines.contamination_table import note_contamination
from pipelines.counters import count
from pipelines.deduping.config import DedupeConfig
from pipelines.deduping.inputs import InputUnit, set_folders
from pipelines.deduping.source_loss import note_losses, sum_losses
from pipelines.deduping.write import Layout
from pipelines.finish import Job, finish_pair_set
from pipelines.last_step import LastStep
from pipelines.options import UsageError
from pipelines.planned import Planned
from pipelines.removed_rows import NOTHING_REMOVED, RemovedRows
from schemas.ledger import Ledger, LedgerError
from schemas.manifest import FileEntry, Manifest

LEAST_GROUPS = 200
LARGEST_GROUP = 0.1


class FinishDedupe(LastStep):
    """Sums the ledgers, checks them against what was decided and against the shares, and writes the manifest."""

    def __init__(
        self,
        job: Job,
        planned: Planned[Job],
        layout: Layout,
        units: Planned[InputUnit],
        rows: int | None,
        removed: RemovedRows = NOTHING_REMOVED,
    ) -> None:
        """`rows`: what the input's files say they hold; `removed`: lists that the result keeps."""
        super().__init__(job, planned, layout.files.folder)
        self.config, self.units, self.rows, self.removed = layout.config, units, rows, removed

    def finish(self, job: Job, told: Iterable[bytes]) -> Manifest:
        """See `LastStep`; `told` is what the passes counted. Raises LedgerError and UsageError."""
        told = [json.loads(value) for value in told]
        (summary,) = [item["summary"] for item in told if "summary" in item]
        ledger = Ledger(job.name)
        for item in told:
            if "ledger" in item:
                ledger.add(Ledger.from_json(item["ledger"]))
        files = [FileEntry(**entry) for item in told for entry in item.get("files", ())]
        check_against_decisions(ledger, summary, files, self.rows)
        note_bad_rows(ledger, summary)
        warnings = check_shares_reached(self.config, files, summary["groups"], summary["rows"])
        note_summary(ledger, summary, files)
        sources = sum_losses([item["losses"] for item in told if "losses" in item])
        groups = sum_losses([summary["groups"].get("losses", {})])
        for kind, losses in (("source", sources), ("group", groups)):
            warnings += note_losses(ledger, kind, losses, self.config.max_source_loss)
        files += self.removed.carry(job.output, ledger)
        with AttributionSums() as attribution:
            attribution.add_again(set_folders(self.units), job.output, files)
            manifest = finish_pair_set(job, ledger, files, warnings, attribution)
        count(ledger)
        return manifest


def check_against_decisions(
    ledger: Ledger, summary: dict[str, Any], files: Sequence[FileEntry], rows: int | None
) -> None:
    """What was routed must be what was read and decided; `rows`: what the files say they hold. Raises LedgerError."""
    routed, scanned = ledger.stages["exact"].read, summary["rows"]
    if routed != scanned or rows not in (None, scanned + summary["bad"]):
        raise LedgerError(
            f"the input has {rows or scanned:,} rows, {scanned:,} were scanned, {summary['bad']:,} were bad and "
            f"{routed:,} routed"
        )
    counted = {f"{stage}/{reason}": n for stage, count in ledger.stages.items() for reason, n in count.dropped.items()}
    decided = {name: n for name, n in summary.get("removed", {}).items() if n}
    if counted != decided:
        raise LedgerError(f"{decided} were to be removed but {counted} were")
    evidence = sum(entry.rows for entry in files if entry.folder == "evidence")
    if evidence != sum(counted.values()):
        raise LedgerError(f"{sum(counted.values()):,} rows were removed but {evidence:,} rows of evidence were written")


def note_bad_rows(ledger: Ledger, summary: dict[str, Any]) -> None:
    """Rows of plain tables that are no pairs: read and failed, the first of them listed."""
    for where, why in summary["listed"]:
        ledger.fail("exact", "bad_row", where=where, why=why)
    ledger.fail("exact", "bad_row", summary["bad"] - len(summary["listed"]))
    ledger.read("exact", summary["bad"])


def check_shares_reached(
    config: DedupeConfig, files: Sequence[FileEntry], groups: dict[str, int], rows: int
) -> list[str]:
    """Warnings about splits below half of their share; UsageError where the input is large enough to ask for more."""
    kept = {split: sum(f.rows for f in files if f.split == split) for split in config.shares()}
    total = sum(kept.values())
    if not total:
        return []
    if not kept["train"]:
        raise UsageError("no row fell into train: all groups are in other splits; give another --split-key")
    many = groups["count"] >= LEAST_GROUPS and groups["largest"] <= LARGEST_GROUP * rows
    warnings = []
    for split, share in config.shares().items():
        if share and kept[split] < share * total / 2:
            line = f"{split} has {kept[split] / total:.2%} of the rows, less than half of its share of {share:.0%}"
            if many:
                raise UsageError(f"{line}; give another --split-key, or other shares")
            warnings.append(f"{line}: the input has {groups['count']:,} groups")
    return warnings


def note_summary(ledger: Ledger, summary: dict[str, Any], files: Sequence[FileEntry]) -> None:
    """Counts beside the balance: comparisons made and left out, the largest cluster, rows of each split."""
    for name, counts in (("candidates", summary["compared"]), ("comparisons_skipped", summary["skipped"])):
        for comparison, n in counts.items():
            ledger.note(f"{name}_{comparison}", n)
    ledger.note("largest_cluster", summary.get("largest_cluster", 1 if summary["rows"] else 0))
    ledger.note("groups", summary["groups"]["count"])
    note_contamination(ledger, summary.get("contamination", {}))
    for split in ("train", "validation", "test"):
        ledger.note(f"rows_{split}", sum(f.rows for f in files if f.split == split))
