"""What a data owner should know first: the figures held against rules of thumb, worst first.

These are remarks, not gates: a set may be right for its purpose in spite of them. Each names the figure that it speaks
of, so that the report can show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

LEVELS = ("bad", "warn", "good")

DUPLICATES_BAD = 0.01
"""Above this share of repeated pairs an epoch spends its steps on copies, and scores of held-out rows are in doubt."""
FALSE_NEGATIVES_BAD, FALSE_NEGATIVES_WARN = 0.10, 0.01
"""Shares of rows that the trainer has to mask something for, in a batch of 16,384."""
DOMINANT_GROUP = 0.10
"""PRODUCT's bound for a split is that no group is above a tenth of the rows; of the whole set likewise."""
UNKNOWN_LICENSE = 0.5
FAILED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. `figure` is the dotted path of the figure behind it, None where there is none."""

    level: str
    title: str
    detail: str
    figure: str | None = None


def findings(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The remarks on the figures of an audit, as plain values, worst first."""
    if not figures["pairs"]["total"]:
        empty = Finding("bad", "The set is empty", "No row was kept; the ledger says what became of the input.")
        return [asdict(empty)]
    found = [
        *_hashes(figures),
        *_duplicates(figures),
        *_false_negatives(figures),
        *_leaks(figures),
        *_concentration(figures),
        *_licenses(figures),
        *_losses(figures),
        *(Finding("warn", "The job that wrote the set warned", warning) for warning in figures["warnings"]),
    ]
    return [asdict(finding) for finding in sorted(found, key=lambda f: LEVELS.index(f.level))]


def _hashes(figures: Mapping[str, Any]) -> Iterator[Finding]:
    if figures["method"]["wrong_hashes"]:
        detail = "Rows shown here have hashes of other texts, so the figures on repeats are not to be trusted."
        yield Finding("bad", "Hash columns do not fit the texts", detail, "method.wrong_hashes")


def _duplicates(figures: Mapping[str, Any]) -> Iterator[Finding]:
    share = figures["duplicate_share"]
    where = "duplicate_share"
    if share == 0:
        yield Finding("good", "No pair occurs twice", "Every pair differs from all others after normalisation.", where)
    else:
        level = "bad" if share > DUPLICATES_BAD else "warn"
        yield Finding(level, "Pairs occur more than once", "pairmill dedupe removes the copies.", where)
    if not figures["set"]["clustered"]:
        yield Finding(
            "warn",
            "Near-duplicates were not looked for",
            "The rows have no clusters: this set has not been through pairmill dedupe.",
        )


def _false_negatives(figures: Mapping[str, Any]) -> Iterator[Finding]:
    rate = figures["false_negatives"]["at_16384"]
    if rate is None:
        return
    where = "false_negatives.at_16384"
    detail = (
        "Share of training rows with a known false negative in a batch of 16,384 of their source. "
        "The trainer masks the known ones; each is a negative less."
    )
    if rate > FALSE_NEGATIVES_BAD:
        yield Finding("bad", "Large batches hold many false negatives", detail, where)
    elif rate > FALSE_NEGATIVES_WARN:
        yield Finding("warn", "Large batches hold some false negatives", detail, where)
    else:
        yield Finding("good", "Large batches hold few false negatives", detail, where)


def _leaks(figures: Mapping[str, Any]) -> Iterator[Finding]:
    splits = [entry["name"] for entry in figures["pairs"]["by_split"]]
    if "test" not in splits:
        detail = "There is nothing held out to measure a model on; pairmill dedupe splits by group."
        yield Finding("warn", "There is no test split", detail)
    shared = figures["shared_between_splits"]
    for name, what in (("groups", "Groups"), ("sides", "Texts")):
        if shared[name]:
            detail = "What a model saw in training is asked of it in the evaluation."
            yield Finding("bad", f"{what} occur in more than one split", detail, f"shared_between_splits.{name}")
    if len(splits) > 1 and not any(shared.values()):
        detail = "No group and no normalised text of either side is in two splits."
        yield Finding("good", "The splits share nothing", detail)


def _concentration(figures: Mapping[str, Any]) -> Iterator[Finding]:
    groups = figures["groups"]
    if groups["largest_share"] > DOMINANT_GROUP and groups["distinct"] > 1:
        detail = "A model will learn this one's habits; consider a cap on rows a group."
        yield Finding("warn", "One domain or repository dominates", detail, "groups.largest_share")


def _licenses(figures: Mapping[str, Any]) -> Iterator[Finding]:
    if figures["pairs"]["no_license_share"] > UNKNOWN_LICENSE:
        detail = "Settle whether you may train on these rows before you do."
        yield Finding("warn", "Most rows state no licence", detail, "pairs.no_license_share")


def _losses(figures: Mapping[str, Any]) -> Iterator[Finding]:
    for i, stage in enumerate(figures["ledger"]["stages"]):
        if stage["failed_share"] > FAILED_SHARE:
            detail = "Failed items broke rather than being refused by a rule; the ledger lists the first of them."
            title = f"Many items of the stage {stage['stage']} failed"
            yield Finding("warn", title, detail, f"ledger.stages.{i}.failed_share")
