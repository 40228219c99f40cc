"""Remarks on what was checked: each names the fault in one sentence and how it is mended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from miners.audit.finding import Finding
from miners.audit.near_pairs import NOT_LOOKED

NEAR_DUPLICATES_BAD = 0.01
"""As with exact copies: above this an epoch spends its steps on what it has seen."""
WRONG_LANGUAGE_BAD, WRONG_LANGUAGE_WARN = 0.05, 0.01
"""The identifiers are right on 98 to 99 of 100 passages (docs/web-mining.md): a share below tells nothing."""
MARKUP_WARN = 0.01
BOILERPLATE_BAD, BOILERPLATE_WARN = 0.10, 0.02
NO_OVERLAP_WARN, FULL_OVERLAP_WARN = 0.10, 0.01
"""Shares of rows. Of real neighbours and documented functions a few in a hundred share no word."""


def check_findings(figures: Mapping[str, Any]) -> Iterator[Finding]:
    """The remarks on near-duplicates, leaks, texts, columns, licences, removed rows and contamination."""
    yield from _schema(figures)
    yield from _near(figures)
    yield from _people(figures)
    yield from _texts(figures)
    yield from _policy(figures)
    yield from _contamination(figures)


def _schema(figures: Mapping[str, Any]) -> Iterator[Finding]:
    if figures["schema"]["broken"]:
        first = figures["schema"]["broken"][0]
        detail = (
            f"First of them: {first['column']} {first['rule']}, broken by {first['rows']:,} rows. Run `pairmill "
            "verify`, and write the set again with the job that made it."
        )
        yield Finding("bad", "Rows break the rules of their columns", detail, "schema.broken_rules")
    if figures["removed_rows_left"]["rows"]:
        detail = "They are on the set's own list of removed rows; run `pairmill remove` with the same lists again."
        yield Finding("bad", "Removed rows are back in the set", detail, "removed_rows_left.rows")


def _near(figures: Mapping[str, Any]) -> Iterator[Finding]:
    near, leaks = figures["near_duplicates"], figures["leaks"]["near"]
    if near["method"] == NOT_LOOKED:
        return
    where = "near_duplicates.share"
    if near["rows"]:
        level = "bad" if near["share"] > NEAR_DUPLICATES_BAD else "warn"
        detail = "Their texts share most of their shingles; `pairmill dedupe` keeps one of each group."
        yield Finding(level, "Near-duplicates are left", detail, where)
    else:
        yield Finding("good", "No near-duplicate was found", "Every row looked at was compared with all others.", where)
    if leaks["rows"]:
        detail = "What a model saw in training is asked of it, a little changed; `pairmill dedupe` drops such rows."
        yield Finding("bad", "Near-pairs occur in more than one split", detail, "leaks.near.share")


def _people(figures: Mapping[str, Any]) -> Iterator[Finding]:
    texts = figures["texts"]
    if texts["secrets"]["rows"]:
        detail = (
            "Keys, tokens or passwords: read the redacted excerpts, mine again with `--secrets redact`, or take "
            "the rows out by `pairmill remove`."
        )
        yield Finding("bad", "Texts hold secrets", detail, "texts.secrets.found_estimated")
    else:
        detail = "None of detect-secrets' detectors found one in the rows that were looked at."
        yield Finding("good", "No secret was found", detail, "texts.secrets.found_estimated")
    if texts["personal_data"]["rows"]:
        detail = (
            "E-mail addresses, phone numbers or public IP addresses: mine again with `--redact` for the web, or take "
            "the rows out by `pairmill remove`."
        )
        yield Finding("bad", "Personal data is left", detail, "texts.personal_data.found_estimated")


def _texts(figures: Mapping[str, Any]) -> Iterator[Finding]:
    texts = figures["texts"]
    wrong = texts["wrong_language"]["share"]
    if wrong > WRONG_LANGUAGE_WARN:
        level = "bad" if wrong > WRONG_LANGUAGE_BAD else "warn"
        detail = "Mine again with `--languages`, or cut these rows out by `pairmill select --where`."
        yield Finding(level, "Texts are not in the language they state", detail, "texts.wrong_language.share")
    if texts["markup"]["share"] > MARKUP_WARN:
        detail = "Tags, entities or text decoded by the wrong charset: the extraction of this source needs a look."
        yield Finding("warn", "Texts hold markup or mojibake", detail, "texts.markup.share")
    common = texts["boilerplate"]["share"]
    if common > BOILERPLATE_WARN:
        level = "bad" if common > BOILERPLATE_BAD else "warn"
        detail = "Lines that stand in many domains or repositories: a cap on repeated sides in `pairmill dedupe` helps."
        yield Finding(level, "Rows share stock lines with many others", detail, "texts.boilerplate.share")
    overlap = texts["overlap"]
    if overlap["almost_nothing"]["share"] > NO_OVERLAP_WARN:
        detail = "Such sides may not belong together; read the samples, and score the pairs with a model."
        yield Finding("warn", "Many pairs share no word", detail, "texts.overlap.almost_nothing.share")
    if overlap["almost_everything"]["share"] > FULL_OVERLAP_WARN:
        detail = "A model learns to match strings from them; cut them out by `pairmill select`."
        where = "texts.overlap.almost_everything.share"
        yield Finding("warn", "Pairs share almost all of their words", detail, where)


def _policy(figures: Mapping[str, Any]) -> Iterator[Finding]:
    if figures["licenses"]["excluded"]:
        detail = "Take them out by `pairmill remove --licenses`, or mine again with this policy."
        yield Finding("bad", "The policy excludes licences that are in the set", detail, "licenses.excluded_share")


def _contamination(figures: Mapping[str, Any]) -> Iterator[Finding]:
    contamination = figures["contamination"]
    if contamination is None:
        return
    where = "contamination.share"
    if contamination["rows"]:
        detail = "Scores on these benchmarks would be in doubt; `pairmill dedupe --decontaminate` drops the rows."
        yield Finding("bad", "Rows hold evaluation texts", detail, where)
    else:
        detail = "No row has a text of the benchmarks given, in whole or in most of it."
        yield Finding("good", "No evaluation text was found", detail, where)
