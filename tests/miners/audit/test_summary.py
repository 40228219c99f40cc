"""Summaries: true by an independent count, and the same however the rows are cut and merged."""

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from miners.audit.figures import audit_figures, wanted_places
from miners.audit.samples import shown_row
from miners.audit.summary import MEASURES, AuditConfig, Summary
from schemas.pair import pairs_to_table


def figures_of(summary, manifest, tables):
    shown = {}
    for place in wanted_places(summary):
        split, table = tables[place.file]
        shown[place] = shown_row(table.slice(place.row, 1).to_pylist()[0], split, "set")
    return audit_figures(summary, manifest, "set", shown)


def test_figures_agree_with_an_independent_count(pairs, table, config, manifest, summarise):
    tables = [("train", table.slice(0, 200)), ("test", table.slice(200))]
    figures = figures_of(summarise(tables, config), manifest, tables)
    assert figures["pairs"]["total"] == 300
    assert figures["method"]["exact"] is True
    assert {e["name"]: e["pairs"] for e in figures["pairs"]["by_split"]} == {"train": 200, "test": 100}
    assert {e["name"]: e["pairs"] for e in figures["pairs"]["by_kind"]} == Counter(p.kind for p in pairs)
    assert {e["name"]: e["pairs"] for e in figures["pairs"]["by_source"]} == Counter(p.source for p in pairs)
    licenses = {e["name"]: e["pairs"] for e in figures["pairs"]["by_license"]}
    assert licenses == Counter(p.provenance.license for p in pairs)
    years = Counter(p.provenance.date[:4] if p.provenance.date else None for p in pairs)
    assert {e["name"]: e["pairs"] for e in figures["pairs"]["by_year"]} == years
    languages = {(e["kind"], e["name"]): e["pairs"] for e in figures["pairs"]["by_language"]}
    assert languages == Counter((p.kind, p.language) for p in pairs)
    assert figures["groups"]["distinct"] == len({p.group for p in pairs})
    copies = Counter((p.anchor_hash, p.positive_hash) for p in pairs)
    assert figures["repeats"]["pair"]["distinct"] == len(copies)
    assert figures["duplicate_share"] == pytest.approx(1 - len(copies) / 300)
    anchors = Counter(p.anchor_hash for p in pairs)
    entry = figures["repeats"]["anchor"]
    assert entry["largest"] == max(anchors.values()) == entry["top"][0]["pairs"]
    assert entry["top"][0]["anchor"] == "Returns the name."
    assert entry["repeated_rows"] == sum(n for n in anchors.values() if n > 1)
    assert sum(band["rows"] for band in entry["copies"]) == 300


def test_groups_and_texts_in_two_splits_are_counted(pairs, table, config, manifest, summarise):
    tables = [("train", table.slice(0, 199)), ("test", table.slice(199))]
    figures = figures_of(summarise(tables, config), manifest, tables)
    parts = [pairs[:199], pairs[199:]]
    groups = set.intersection(*({p.group for p in part} for part in parts))
    sides = set.intersection(*({h for p in part for h in (p.anchor_hash, p.positive_hash)} for part in parts))
    assert figures["shared_between_splits"] == {"groups": len(groups), "sides": len(sides)}
    assert "bad" in {f["level"] for f in figures["findings"]}


def test_lengths_agree(pairs, table, config, manifest, summarise):
    figures = figures_of(summarise([("train", table)], config), manifest, [("train", table)])
    for entry in figures["lengths"]:
        field = f"{entry['side']}_{entry['unit']}"
        values = [getattr(p.signals, field) for p in pairs if p.kind == entry["kind"]]
        assert (entry["min"], entry["max"]) == (min(values), max(values))
        assert entry["mean"] == pytest.approx(np.mean(values))
        assert entry["pairs"] == sum(b["pairs"] for b in entry["bins"]) == len(values)
    longest = next(e for e in figures["extremes"] if (e["signal"], e["end"]) == ("positive_chars", "highest"))
    kind = [p for p in pairs if p.kind == longest["kind"]]
    assert longest["rows"][0]["value"] == max(p.signals.positive_chars for p in kind)


@pytest.mark.parametrize("sample_rows", [1 << 20, 100])
def test_cuts_and_the_order_of_merges_change_nothing(table, manifest, summarise, sample_rows):
    config = AuditConfig(rows=300, seed=5, sample_rows=sample_rows)
    tables = [("train", table.slice(0, 250)), ("validation", table.slice(250))]
    whole = figures_of(summarise(tables, config), manifest, tables)
    for seed in range(3):
        shuffled = lambda n, seed=seed: random.Random(seed).sample(range(n), n)  # noqa: E731
        assert figures_of(summarise(tables, config, order=shuffled, step=17), manifest, tables) == whole


def test_another_order_of_the_rows_shows_the_same_samples(pairs, config, manifest, summarise):
    straight = [("train", pairs_to_table(pairs))]
    reverse = [("train", pairs_to_table(pairs[::-1]))]
    first, second = (figures_of(summarise(t, config), manifest, t) for t in (straight, reverse))
    assert first == second


def test_a_large_set_is_estimated_from_a_sample(summarise, manifest):
    rng = np.random.default_rng(3)
    n = 40_000
    config = AuditConfig(rows=n, sample_rows=8_000)
    names = rng.integers(0, 25_000, n)
    table = pa.table(
        {
            "row_id": [f"{i:032x}" for i in range(n)],
            "kind": ["neighbor_text"] * n,
            "source": ["s"] * n,
            "language": ["en"] * n,
            "anchor": ["a"] * n,
            "positive": ["b"] * n,
            "anchor_hash": names,
            "positive_hash": names + 1_000_000,
            "cluster": pa.nulls(n, pa.int64()),
            "group": [f"g{i % 2000}" for i in range(n)],
            "signals": pa.array([dict.fromkeys(MEASURES, 1)] * n),
            "provenance": pa.array([{"license": "MIT", "date": "2024-01-01"}] * n),
        }
    )
    tables = [("train", table)]
    estimate = figures_of(summarise(tables, config), manifest, tables)
    exact = figures_of(summarise(tables, AuditConfig(rows=n)), manifest, tables)
    assert estimate["method"]["exact"] is False
    assert estimate["pairs"] == exact["pairs"]
    assert estimate["duplicate_share"] == pytest.approx(exact["duplicate_share"], abs=0.02)
    assert estimate["groups"]["distinct"] == pytest.approx(2000, rel=0.15)
    low, high = estimate["false_negatives"]["interval_at_16384"]
    assert low <= estimate["false_negatives"]["at_16384"] <= high
    batch = next(b for b in estimate["false_negatives"]["batches"] if b["batch"] == 4096)
    true = next(b for b in exact["false_negatives"]["batches"] if b["batch"] == 4096)
    assert batch["any"] == pytest.approx(true["any"], abs=0.03)


def test_wrong_hashes_are_found(table, config, manifest, summarise):
    whole = figures_of(summarise([("train", table)], config), manifest, [("train", table)])
    assert whole["method"]["hashed_rows"] > 10 and whole["method"]["wrong_hashes"] == 0
    wrong = table.set_column(table.schema.get_field_index("anchor_hash"), "anchor_hash", [[*range(table.num_rows)]])
    figures = figures_of(summarise([("train", wrong)], config), manifest, [("train", wrong)])
    assert figures["method"]["wrong_hashes"] == figures["method"]["hashed_rows"]
    assert figures["findings"][0]["title"] == "Hash columns do not fit the texts"


def test_nothing_has_figures_too(config, manifest):
    figures = audit_figures(Summary(AuditConfig(rows=0)), manifest, "set", {})
    assert figures["pairs"]["total"] == 0
    assert figures["false_negatives"]["at_16384"] is None
    assert figures["findings"][0]["title"] == "The set is empty"


def test_summaries_of_different_configs_do_not_mix(config):
    with pytest.raises(ValueError, match="different configs"):
        Summary(config).merge(Summary(AuditConfig(rows=1)))
