"""What a data owner should know first: the figures held against rules of thumb, worst first.

These are remarks, not gates: a set may be right for its purpose in spite of them. Each names the figure that it speaks
of, so that the report can show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from miners.audit.check_findings import check_findings
from miners.audit.finding import LEVELS, Finding

DUPLICATES_BAD = 0.01
"""Above this share of repeated pairs an epoch spends its steps on copies, and scores of held-out rows are in doubt."""
FALSE_NEGATIVES_BAD, FALSE_NEGATIVES_WARN = 0.10, 0.01
"""Shares of rows that the trainer has to mask something for, in a batch of 16,384."""
DOMINANT_GROUP = 0.10
"""PRODUCT's bound for a split is that no group is above a tenth of the rows; of the whole set likewise."""
UNKNOWN_LICENSE = 0.5
FAILED_SHARE = 0.01
FAR_DOWN = 0.25
"""Share of pairs whose own positive a model does not find among the best ten of its source."""
UNSCORED = 0.01


def findings(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The remarks on the figures of an audit, as plain values, worst first."""
    if not figures["pairs"]["total"]:
        empty = Finding("bad", "The set is empty", "No row was kept; the ledger says what became of the input.")
        return [asdict(empty)]
    found = [
        *_hashes(figures),
        *check_findings(figures),
        *_duplicates(figures),
        *_false_negatives(figures),
        *_leaks(figures),
        *_concentration(figures),
        *_licenses(figures),
        *_losses(figures),
        *_changes(figures),
        *_scores(figures),
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


def _changes(figures: Mapping[str, Any]) -> Iterator[Finding]:
    comparison = figures["comparison"]
    if comparison is None:
        return
    rows = comparison["rows"]
    moves = f"{rows['kept']:,} rows were kept, {rows['added']:,} added and {rows['removed']:,} removed"
    came_and_went = rows["added"] or rows["removed"] or rows["moved"]
    title = "Rows came or went since the other set" if came_and_went else "The other set has the same rows"
    detail = f"{moves}; {rows['moved']:,} of the kept ones changed their split."
    yield Finding("warn" if came_and_went else "good", title, detail)
    tested = [entry for entry in [*comparison["labels"], *comparison["signals"]] if entry["name"] != "split"]
    for verdict, level in (("large drift", "bad"), ("drift", "warn")):
        names = dict.fromkeys(entry["name"].replace("_", " ") for entry in tested if entry["verdict"] == verdict)
        if names:
            detail = f"Beyond chance, with domains and repositories as what chance moves: {', '.join(names)}."
            yield Finding(level, f"{verdict.capitalize()} since the other set", detail)
    if all(entry["verdict"] in ("same", "slight") for entry in tested):
        detail = "No label, length or signal drifted from the other set."
        yield Finding("good", "The set is made up as the other one is", detail)


def _scores(figures: Mapping[str, Any]) -> Iterator[Finding]:
    scores = figures["scores"]
    if scores is None:
        return
    if scores["missing_share"] > UNSCORED:
        detail = "The file of scores does not name them; score this very set with pairmill evaluate --score-pairs."
        yield Finding("bad", "Rows have no score", detail, "scores.missing_share")
    if scores["pairs"]:
        detail = (
            "Share of pairs whose own positive is among the best ten of its candidates; "
            "pairmill select --scores keeps the consistent ones."
        )
        far = scores["first_10"] < 1 - FAR_DOWN
        title = "The model does not find many positives" if far else "The model finds the positives"
        yield Finding("warn" if far else "good", title, detail, "scores.first_10")
