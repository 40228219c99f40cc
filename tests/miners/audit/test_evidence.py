"""Evidence, summed up: the same however it is cut, and true by an independent count."""

import random
from collections import Counter

import pyarrow as pa

from miners.audit.evidence import EXAMPLES, Removals, add_evidence, evidence_figures
from schemas.evidence import EVIDENCE_SCHEMA


def evidence(n=200):
    rng = random.Random(0)
    rows = []
    for i in range(n):
        reason, rule, side, similarity = rng.choice(
            [
                ("near_duplicate", "jaccard", "joint", rng.choice([1.0, 0.9, 0.8])),
                ("near_duplicate", "jaccard", "positive", 0.85),
                ("same_pair", "pair_id", "joint", 1.0),
                ("contaminated", "hash", None, None),
            ]
        )
        rows.append(
            {
                "removed_row_id": f"{i:032x}",
                "kept_row_id": f"{i + n:032x}",
                "removed_pair_id": f"{i:032x}",
                "stage": "near",
                "reason": reason,
                "rule": rule,
                "side": side,
                "similarity": similarity,
                "removed_group": "a",
                "kept_group": "b",
                "benchmark": None,
            }
        )
    return rows


def summed(parts):
    removals = {}
    for part in parts:
        mine = {}
        add_evidence(mine, pa.Table.from_pylist(part, schema=EVIDENCE_SCHEMA), seed=1)
        for rule, found in mine.items():
            removals.setdefault(rule, Removals()).merge(found)
    return evidence_figures(removals, "set")


def test_counts_and_similarities():
    rows = evidence()
    figures = summed([rows])
    assert figures["rows"] == 200
    by_rule = {(e["reason"], e["rule"], e["side"]): e for e in figures["by_rule"]}
    assert {key: e["rows"] for key, e in by_rule.items()} == Counter((r["reason"], r["rule"], r["side"]) for r in rows)
    joint = by_rule["near_duplicate", "jaccard", "joint"]
    values = [r["similarity"] for r in rows if (r["rule"], r["side"]) == ("jaccard", "joint")]
    assert joint["least_similarity"] == min(values)
    assert joint["alike_share"] == values.count(1.0) / len(values)
    unknown = by_rule["contaminated", "hash", None]
    assert unknown["least_similarity"] is None and unknown["alike_share"] is None
    assert all(len(e["examples"]) == EXAMPLES for e in figures["by_rule"])


def test_cuts_and_order_change_nothing():
    rows = evidence()
    shuffled = random.Random(3).sample(rows, len(rows))
    assert summed([shuffled[:70], shuffled[70:71], shuffled[71:]]) == summed([rows])


def test_a_set_without_evidence_has_none():
    assert evidence_figures({}, "set") is None
