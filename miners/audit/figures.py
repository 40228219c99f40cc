"""The figures of an audit: everything that `audit.json` holds and the report shows, from the merged summary.

Plain values only (dicts, lists, numbers, strings), the same for the same rows whatever the number of workers.
Lists of labels are ordered by rows, then by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from miners.audit.check_figures import Measured, add_check_figures, near_places
from miners.audit.drops import drop_figures, evidence_row_ids
from miners.audit.evidence import evidence_figures
from miners.audit.extra_figures import Asked, extra_figures
from miners.audit.false_negatives import BATCHES, hit_chance, partners, rates_of
from miners.audit.findings import findings
from miners.audit.gates import Gates, gate_results
from miners.audit.hashing import combine
from miners.audit.lengths import Lengths
from miners.audit.lineage import ancestor_figures, feed_figures, stage_figures
from miners.audit.place import Place
from miners.audit.repeats import Top, cluster_figures, repeat_figures, shared_between_splits, top_values
from miners.audit.summary import MEASURES, Summary, source_hash
from miners.audit.text_checks import LANGUAGE, MARKUP, OVERLAP
from schemas.manifest import Manifest
from schemas.pair import SPLITS

AUDIT_VERSION = 1
SHOWN_LABELS = 40
SHOWN_FAILURES = 20
QUANTILES = {"p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
GATED_BATCH = 16384
SHOWN_CHECKS = (OVERLAP, LANGUAGE, MARKUP)
CAUSES = ("any", "same_anchor", "same_positive", "same_cluster")


def wanted_places(summary: Summary) -> list[Place]:
    """Every row that the figures show: they are to be read again, and handed to `audit_figures`."""
    places = {place for key in _sampled_languages(summary) for place in summary.samples[key]}
    places |= {place for found in summary.extremes.found.values() for _, place in found}
    places |= {top.place for tops in _tops(summary).values() for top in tops}
    places |= set(summary.extras.scores.places())
    return sorted(places | set(near_places(summary.checks.near)))


def wanted_row_ids(summary: Summary) -> set[str]:
    """The rows that examples of removals and checks name: to be looked up, here and in the sets before this one."""
    found = {row_id for _, _, row_ids in _found_ids(summary) for row_id in row_ids}
    return found | evidence_row_ids(evidence_figures(summary.removals, ""))


def audit_figures(
    summary: Summary,
    manifest: Manifest,
    set_path: str,
    shown: Mapping[Place, Mapping[str, Any]],
    gates: Gates | None = None,
    measured: Measured | None = None,
    named: Mapping[str, Mapping[str, Any]] | None = None,
    asked: Asked | None = None,
) -> dict[str, Any]:
    """All figures of a set. `shown` holds the rows of `wanted_places` as `samples.shown_row` gives them, `named` those
    of `wanted_row_ids`, as far as they were found.
    """
    tops = _tops(summary)
    rows = summary.rows
    figures: dict[str, Any] = {
        "format": "pairmill audit",
        "version": AUDIT_VERSION,
        "set": _set_figures(manifest, set_path, summary),
        "method": _method(summary, shown),
        "pairs": _pair_figures(summary),
        "groups": _group_figures(summary, tops["group"], shown),
        "lengths": _length_figures(summary),
        "duplicate_share": 0.0,
        "repeats": {
            name: {**repeat_figures(summary.counts_of(name), rows), "top": _top_figures(tops[name], rows, shown)}
            for name in ("pair", "anchor", "positive")
        },
        "clusters": cluster_figures(summary),
        "false_negatives": _false_negative_figures(summary),
        "shared_between_splits": shared_between_splits(summary),
        "ledger": _ledger_figures(manifest.ledger),
        "ancestors": ancestor_figures(manifest.parents),
        "feeds": feed_figures(manifest.job, manifest.parents),
        "evidence": evidence_figures(summary.removals, set_path),
        "warnings": list(manifest.warnings),
    }
    figures["drops"] = drop_figures(figures, summary.drops, named or {})
    figures["duplicate_share"] = figures["repeats"]["pair"]["extra_share"]
    figures["samples"] = [
        {"kind": kind, "language": language, "rows": [shown[place] for place in summary.samples[kind, language]]}
        for kind, language in _sampled_languages(summary)
    ]
    figures["extremes"] = [
        {"kind": kind, "signal": signal, "end": end, "rows": [{"value": v, **shown[place]} for v, place in found]}
        for (kind, signal, end), found in sorted(summary.extremes.found.items())
    ]
    figures["found_rows"] = [
        {"check": check, "what": what, "rows": [named[row_id] for row_id in row_ids if row_id in named]}
        for check, what, row_ids in _found_ids(summary)
        if named
    ]
    figures |= extra_figures(summary, asked or Asked(), manifest, shown)
    add_check_figures(figures, summary.checks, _repeated_ids(summary), measured or Measured(), shown)
    figures["findings"] = findings(figures)
    figures["gates"] = gate_results(gates, figures) if gates else []
    return figures


def _found_ids(summary: Summary) -> list[tuple[str, str, list[str]]]:
    """(check, what of it, row_ids of examples) of the checks whose rows may be shown whole: none of people's data."""
    by_name = sorted(summary.checks.texts.tallies.by_name.items())
    return [
        (check, what, [example.row_id for example in tally.examples])
        for (check, what), tally in by_name
        if what and check in SHOWN_CHECKS
    ]


def _set_figures(manifest: Manifest, set_path: str, summary: Summary) -> dict[str, Any]:
    files = manifest.data_files()
    return {
        "path": set_path,
        "job": manifest.job,
        "data_id": manifest.data_id,
        "schema_version": manifest.schema_version,
        "code_version": manifest.code_version,
        "seed": manifest.seed,
        "files": len(files),
        "bytes": sum(f.bytes for f in files),
        "clustered": summary.clustered,
    }


def _method(summary: Summary, shown: Mapping[Place, Mapping[str, Any]]) -> dict[str, Any]:
    config = summary.config
    return {
        "exact": config.rate >= 1,
        "rate": config.rate,
        "seed": config.seed,
        "sampled_rows": len(summary.row_hashes()),
        "hashed_rows": len(shown),
        "wrong_hashes": sum(not row["hashes_hold"] for row in shown.values()),
    }


def _repeated_ids(summary: Summary) -> int:
    """Rows beyond the first of each row_id; of a sample of row_ids, scaled up."""
    keys = summary.row_hashes()["key"]
    return round((len(keys) - len(np.unique(keys))) / summary.config.rate)


def _pair_figures(summary: Summary) -> dict[str, Any]:
    total = summary.rows
    licenses = _labels(summary.licenses, total)
    return {
        "total": total,
        "languages": len({language for _, _, language, _ in summary.pairs}),
        "kinds": len({kind for _, kind, _, _ in summary.pairs}),
        "by_split": _in_order(_sum_by(summary.pairs, 0), SPLITS, total),
        "by_kind": _labels(_sum_by(summary.pairs, 1), total),
        "by_language": _language_figures(summary),
        "by_source": _labels(_sum_by(summary.pairs, 3), total),
        "by_license": licenses,
        "no_license_share": summary.licenses[None] / total if total else 0.0,
        "by_year": sorted(_labels(summary.years, total), key=lambda entry: (entry["name"] is None, entry["name"])),
        "docstring_languages": _labels(summary.docstring_languages, sum(summary.docstring_languages.values())),
    }


def _language_figures(summary: Summary) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str | None]] = Counter()
    by_split: dict[tuple[str, str | None], Counter[str]] = {}
    for (split, kind, language, _), n in summary.pairs.items():
        counts[kind, language] += n
        by_split.setdefault((kind, language), Counter())[split] += n
    entries = []
    for (kind, language), n in sorted(counts.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or "")):
        entry = {"kind": kind, "name": language, "pairs": n, "share": n / summary.rows}
        entry |= {split: by_split[kind, language][split] for split in SPLITS}
        for side in ("anchor", "positive"):
            entry[f"median_{side}_words"] = summary.lengths[kind, language, f"{side}_words"].quantile(0.5)
        entries.append(entry)
    return entries


def _group_figures(summary: Summary, tops: list[Top], shown: Mapping[Place, Mapping[str, Any]]) -> dict[str, Any]:
    figures = repeat_figures(summary.counts_of("group"), summary.rows)
    top = [
        {"group": shown[t.place]["group"], "pairs": t.rows, "share": t.rows / summary.rows}
        for t in tops
        if t.rows > 1 or len(tops) > 1
    ]
    largest = max((t.rows for t in tops), default=0)
    return {
        "distinct": figures["distinct"],
        "largest_share": largest / summary.rows if summary.rows else 0.0,
        "top": top,
    }


def _length_figures(summary: Summary) -> list[dict[str, Any]]:
    by_kind: dict[tuple[str, str], Lengths] = {}
    for (kind, _, measure), lengths in summary.lengths.items():
        by_kind.setdefault((kind, measure), Lengths()).merge(lengths)
    entries = []
    for kind in sorted({kind for kind, _ in by_kind}):
        for measure in MEASURES:
            lengths = by_kind[kind, measure]
            side, unit = measure.split("_")
            entry: dict[str, Any] = {"kind": kind, "side": side, "unit": unit, "pairs": lengths.n}
            entry |= {"min": lengths.least, "max": lengths.greatest, "mean": lengths.mean}
            entry |= {name: lengths.quantile(q) for name, q in QUANTILES.items()}
            entry["bins"] = [{"from": a, "to": b, "pairs": n} for a, b, n in lengths.doubling_bins()]
            entries.append(entry)
    return entries


def _false_negative_figures(summary: Summary) -> dict[str, Any]:
    """The curve over batch sizes within the train split, sources weighed by their rows."""
    sampled = summary.row_hashes()
    in_train = sampled["split"] == SPLITS.index("train")
    rows = Counter[str]()
    for (split, _, _, source), n in summary.pairs.items():
        if split == "train":
            rows[source] += n
    counted: dict[str, dict[str, np.ndarray]] = {}
    for source in sorted(rows):
        mine = in_train & (sampled["source"] == np.uint64(source_hash(source)))
        if mine.any():
            counted[source] = partners(*(sampled[name][mine] for name in ("anchor", "positive", "cluster")))
    curves = {cause: rates_of({name: m[cause] for name, m in counted.items()}, rows) for cause in CAUSES}
    batches = [
        {"batch": batch, "per_row": curves["any"][i].per_row, **{cause: curves[cause][i].rows_hit for cause in CAUSES}}
        for i, batch in enumerate(BATCHES if counted else ())
    ]
    at_gate = batches[BATCHES.index(GATED_BATCH)]["any"] if batches else None
    return {
        "split": "train",
        "rows": sum(rows.values()),
        "sampled_rows": sum(len(m["any"]) for m in counted.values()),
        "at_16384": at_gate,
        "interval_at_16384": _interval(counted, rows, at_gate, exact=summary.config.rate >= 1),
        "batches": batches,
        "sources": _false_negative_sources(counted, rows),
    }


def _false_negative_sources(
    counted: Mapping[str, Mapping[str, np.ndarray]], rows: Mapping[str, int]
) -> list[dict[str, Any]]:
    entries = []
    for source, m in counted.items():
        [at_gate] = [r for r in rates_of({source: m["any"]}, rows) if r.batch == GATED_BATCH]
        entries.append(
            {
                "name": source,
                "pairs": rows[source],
                "sampled": len(m["any"]),
                "with_partner_share": float((m["any"] > 0).mean()),
                "at_16384": at_gate.rows_hit,
                "per_row_at_16384": at_gate.per_row,
            }
        )
    return sorted(entries, key=lambda entry: (-entry["pairs"], entry["name"]))[:SHOWN_LABELS]


def _interval(
    counted: Mapping[str, Mapping[str, np.ndarray]], rows: Mapping[str, int], rate: float | None, *, exact: bool
) -> list[float] | None:
    """95 % by the normal approximation over sampled rows; None where every row was measured."""
    if exact or rate is None:
        return None
    total = sum(rows[name] for name in counted)
    variance = 0.0
    for name, m in counted.items():
        n = len(m["any"])
        chances = hit_chance(m["any"], n, min(GATED_BATCH, n))
        variance += (rows[name] / total) ** 2 * float(chances.var()) / n
    margin = 1.96 * variance**0.5
    return [max(0.0, rate - margin), min(1.0, rate + margin)]


def _ledger_figures(ledger: Mapping[str, Any]) -> dict[str, Any]:
    failures = list(ledger.get("failures", []))
    return {
        "job": ledger["job"],
        "stages": stage_figures(ledger["job"], ledger["stages"]),
        "notes": [{"name": name, "count": n} for name, n in sorted(ledger.get("notes", {}).items())],
        "failures": failures[:SHOWN_FAILURES],
    }


def _tops(summary: Summary) -> dict[str, list[Top]]:
    rows, rate = summary.row_hashes(), summary.config.rate
    tops = {name: top_values(rows, rows[name], rate) for name in ("anchor", "positive")}
    tops["group"] = top_values(rows, rows["group"], rate, least=1)
    tops["pair"] = top_values(rows, combine(rows["anchor"], rows["positive"]), rate)
    return tops


def _top_figures(tops: Iterable[Top], rows: int, shown: Mapping[Place, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"pairs": t.rows, "share": t.rows / rows, **shown[t.place]} for t in tops]


def _sum_by(pairs: Mapping[tuple[str, str, str | None, str], int], place: int) -> Counter[str | None]:
    counts: Counter[str | None] = Counter()
    for key, n in pairs.items():
        counts[key[place]] += n
    return counts


def _labels(counts: Mapping[str | None, int], total: int) -> list[dict[str, Any]]:
    """The largest `SHOWN_LABELS` labels with their rows and shares; what is left over as one entry more."""
    ranked = sorted(((name, n) for name, n in counts.items() if n), key=lambda item: (-item[1], item[0] or ""))
    entries = [{"name": name, "pairs": n, "share": n / total if total else 0.0} for name, n in ranked[:SHOWN_LABELS]]
    rest = ranked[SHOWN_LABELS:]
    if rest:
        n = sum(n for _, n in rest)
        entries.append({"name": f"{len(rest):,} others", "pairs": n, "share": n / total if total else 0.0})
    return entries


def _in_order(counts: Mapping[str | None, int], order: Iterable[str], total: int) -> list[dict[str, Any]]:
    return [{"name": name, "pairs": counts[name], "share": counts[name] / total} for name in order if counts.get(name)]


def _sampled_languages(summary: Summary) -> list[tuple[str, str | None]]:
    """The (kind, language) combinations with most rows, by kind and then rows."""
    rows: Counter[tuple[str, str | None]] = Counter()
    for (_, kind, language, _), n in summary.pairs.items():
        rows[kind, language] += n
    largest = sorted(rows, key=lambda key: (-rows[key], key[0], key[1] or ""))[:SHOWN_LABELS]
    return sorted(largest, key=lambda key: (key[0], -rows[key], key[1] or ""))
