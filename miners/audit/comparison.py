"""What changed between two pair sets: rows, labels, lengths and signals, settings and stages, with tests and drift.

"The set" is the one audited, "the other" what it is held against: the older one, say, of which rows were removed.
Everything is seen from the other set: what it has not is added, what only it has is removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from miners.audit.compared_rows import ComparedRows
from miners.audit.compared_settings import config_figures, stage_figures_of
from miners.audit.compared_signals import LEVEL, tested_changes
from miners.audit.drift import category_drift, divergence
from miners.audit.estimates import Z95
from miners.audit.hashing import hash_strings
from miners.audit.repeats import repeat_figures
from miners.audit.summary import Summary
from schemas.manifest import Manifest

SHOWN_LABELS = 20
SHOWN_GROUPS = 12
GROUP_CHARS = 120
_PARTS = ("split", "kind", "language", "source")


def comparison_figures(
    rows: ComparedRows,
    other_rows: ComparedRows,
    summary: Summary,
    other_summary: Summary,
    manifest: Manifest,
    other_manifest: Manifest,
    other_path: str,
) -> dict[str, Any]:
    """All figures of the comparison, as plain values."""
    samples = rows.sample(), other_rows.sample()
    labels, signals = tested_changes(_label_figures(summary, other_summary), *samples, rows.config)
    return {
        "other": {
            "path": other_path,
            "data_id": other_manifest.data_id,
            "job": other_manifest.job,
            "code_version": other_manifest.code_version,
            "seed": other_manifest.seed,
            "rows": other_summary.rows,
        },
        "same_data": manifest.data_id == other_manifest.data_id,
        **_id_figures(rows, other_rows),
        "groups": _group_figures(rows, other_rows),
        "headline": _headline(summary, other_summary),
        "labels": labels,
        "signals": signals,
        "config": config_figures(manifest, other_manifest),
        "stages": stage_figures_of(manifest, other_manifest),
        "method": {
            "level": LEVEL,
            "permutations": rows.config.permutations,
            "tests": len(labels) + len(signals),
            "sampled_rows": samples[0].num_rows,
            "other_sampled_rows": samples[1].num_rows,
            "id_rate": rows.config.id_rate,
            "unit": "group",
        },
    }


def _id_figures(rows: ComparedRows, other: ComparedRows) -> dict[str, Any]:
    """Rows and distinct pairs that stayed, came and went."""
    rate = rows.config.id_rate
    (ours, our_pairs), (theirs, their_pairs) = rows.ids(), other.ids()
    _, mine, yours = np.intersect1d(ours["id"], theirs["id"], return_indices=True)
    moved = int((ours["split"][mine] != theirs["split"][yours]).sum())
    shared = len(np.intersect1d(our_pairs, their_pairs, assume_unique=True))
    found = {"kept": len(mine), "added": len(ours) - len(mine), "removed": len(theirs) - len(mine), "moved": moved}
    pairs = {"kept": shared, "added": len(our_pairs) - shared, "removed": len(their_pairs) - shared}
    return {
        "rows": {name: _scaled(n, rate) for name, n in found.items()} | _intervals(found, rate),
        "pairs": {name: _scaled(n, rate) for name, n in pairs.items()} | _intervals(pairs, rate),
    }


def _scaled(n: int, rate: float) -> int:
    return round(n / rate)


def _intervals(found: Mapping[str, int], rate: float) -> dict[str, Any]:
    """95 % about each count, as ids are drawn one by one; None where none was left out."""
    if rate >= 1:
        return {"interval": None}
    margins = {name: Z95 * (n * (1 - rate)) ** 0.5 for name, n in found.items()}
    return {
        "interval": {
            name: [_scaled(max(0, found[name] - m), rate), _scaled(found[name] + m, rate)]
            for name, m in margins.items()
        }
    }


def _group_figures(rows: ComparedRows, other: ComparedRows) -> dict[str, Any]:
    """Groups that stayed, came and went, how far the shares of groups are apart, and which moved most."""
    rate = rows.config.id_rate
    for side in (rows, other):
        side.groups.compact()
    ours, theirs = rows.groups, other.groups
    every = np.union1d(ours.values, theirs.values)
    counts = np.zeros((2, len(every)), np.int64)
    for row, side in zip(counts, (ours, theirs), strict=True):
        row[np.searchsorted(every, side.values)] = side.rows_of_each()
    there = counts > 0
    known = counts.any() and counts.sum(1).all()
    return {
        "kept": _scaled(int((there[0] & there[1]).sum()), rate),
        "added": _scaled(int((there[0] & ~there[1]).sum()), rate),
        "removed": _scaled(int((~there[0] & there[1]).sum()), rate),
        "jensen_shannon": divergence(counts[0], counts[1]) if known else None,
        "moved_most": _moved_most(rows, other, every, counts),
    }


def _moved_most(rows: ComparedRows, other: ComparedRows, every: np.ndarray, counts: np.ndarray) -> list[dict[str, Any]]:
    """Groups whose share changed most, among those that the samples name."""
    listed = sorted({name for side in (rows, other) for name in side.sample().column("group").to_pylist()})
    if not listed or not len(every):
        return []
    hashes = hash_strings(listed)
    at = np.minimum(np.searchsorted(every, hashes), len(every) - 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    change = np.where(every[at] == hashes, shares[0, at] - shares[1, at], 0.0)
    largest = np.argsort(-np.abs(change), kind="stable")[:SHOWN_GROUPS]
    return [
        {
            "name": listed[i][:GROUP_CHARS],
            "pairs": int(counts[0, at[i]]),
            "other_pairs": int(counts[1, at[i]]),
            "share": float(shares[0, at[i]]),
            "other_share": float(shares[1, at[i]]),
        }
        for i in largest.tolist()
        if change[i]
    ]


def _headline(summary: Summary, other: Summary) -> list[dict[str, Any]]:
    sides = [_headline_values(side) for side in (summary, other)]
    return [
        {"name": name, "value": value, "other_value": sides[1][name][0], "style": style}
        for name, (value, style) in sides[0].items()
    ]


def _headline_values(summary: Summary) -> dict[str, tuple[float, str]]:
    rows = summary.rows
    repeats = {name: repeat_figures(summary.counts_of(name), rows) for name in ("pair", "anchor", "positive", "group")}
    return {
        "pairs": (rows, "count"),
        "languages": (len({language for _, _, language, _ in summary.pairs}), "count"),
        "domains or repositories": (repeats["group"]["distinct"], "count"),
        "duplicate pairs": (repeats["pair"]["extra_share"], "share"),
        "rows that share their anchor": (repeats["anchor"]["repeated_share"], "share"),
        "rows that share their positive": (repeats["positive"]["repeated_share"], "share"),
        "state no licence": (summary.licenses[None] / rows if rows else 0.0, "share"),
    }


def _label_figures(summary: Summary, other: Summary) -> list[dict[str, Any]]:
    entries = []
    for name, ours, theirs in _labels(summary, other):
        names = sorted({*ours, *theirs}, key=lambda label: (-ours[label] - theirs[label], label or ""))
        counts = np.array([[side[label] for label in names] for side in (ours, theirs)], np.int64).reshape(2, -1)
        if not counts.any():
            continue
        drift = category_drift(counts[0], counts[1])
        entries.append({"name": name, **drift, "entries": _label_entries(names, counts)})
    return entries


def _labels(summary: Summary, other: Summary) -> Iterable[tuple[str, Counter[str | None], Counter[str | None]]]:
    for i, name in enumerate(_PARTS):
        yield name, *(_sum_by(side, i) for side in (summary, other))
    yield "license", summary.licenses, other.licenses
    yield "year", summary.years, other.years
    yield "docstring_language", summary.docstring_languages, other.docstring_languages


def _sum_by(summary: Summary, part: int) -> Counter[str | None]:
    counts: Counter[str | None] = Counter()
    for key, n in summary.pairs.items():
        counts[key[part]] += n
    return counts


def _label_entries(names: Sequence[str | None], counts: np.ndarray) -> list[dict[str, Any]]:
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    entries = [
        {
            "name": name,
            "pairs": int(counts[0, i]),
            "other_pairs": int(counts[1, i]),
            "share": float(shares[0, i]),
            "other_share": float(shares[1, i]),
        }
        for i, name in enumerate(names)
    ]
    largest = sorted(entries, key=lambda e: (-max(e["share"], e["other_share"]), e["name"] or ""))
    return largest[:SHOWN_LABELS]
