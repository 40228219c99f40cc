"""Every reason of a ledger has samples of what was dropped, or says what would give some."""

import random

import pytest

from miners.audit.drops import SHOWN_DROPS, Drops, drop_figures
from miners.audit.lineage import stage_figures
from schemas.pair import Provenance
from schemas.rejects import Reject, rejects_to_table


def rejects(n=40):
    reasons = ("no_docstring", "syntax_error")
    return [
        Reject("function", reasons[i % 2], Provenance(repo="https://github.com/a/b", path=f"p{i}.py"), f"text {i}")
        for i in range(n)
    ]


def figures(job="mine-code", failures=()):
    stages = {
        "file": {"read": 3, "kept": 2, "made": 40, "dropped": {"empty": 1}, "failed": {}},
        "function": {"read": 40, "kept": 0, "made": 0, "dropped": {"no_docstring": 20}, "failed": {"syntax_error": 20}},
        "pair": {"read": 0, "kept": 0, "made": 0, "dropped": {}, "failed": {}},
    }
    ledger = {"job": job, "stages": stage_figures(job, stages), "failures": list(failures)}
    return {"ancestors": [], "ledger": ledger, "evidence": None}


@pytest.mark.parametrize("cut", [40, 7])
def test_the_same_rejects_are_shown_whatever_the_files(cut):
    rows = rejects()
    random.Random(cut).shuffle(rows)
    merged = Drops()
    for start in range(0, len(rows), cut):
        part = Drops()
        part.add(rejects_to_table(rows[start : start + cut]), "mine-code", 0)
        merged.merge(part)
    whole = Drops()
    whole.add(rejects_to_table(rejects()), "mine-code", 0)
    assert merged.found == whole.found
    assert {reason: len(found) for reason, found in merged.found.items()} == {
        ("mine-code", "function", "no_docstring"): SHOWN_DROPS,
        ("mine-code", "function", "syntax_error"): SHOWN_DROPS,
    }


def test_each_reason_has_an_entry_with_samples_or_a_hint():
    drops = Drops()
    drops.add(rejects_to_table(rejects()), "mine-code", 0)
    entries = {entry["key"]: entry for entry in drop_figures(figures(), drops, {})}
    assert entries.keys() == {
        "mine-code/file/empty",
        "mine-code/function/no_docstring",
        "mine-code/function/syntax_error",
    }
    found = entries["mine-code/function/no_docstring"]
    assert found["items"] == 20 and len(found["samples"]) == SHOWN_DROPS and found["hint"] is None
    assert found["samples"][0]["link"] == "https://github.com/a/b"
    assert entries["mine-code/file/empty"]["hint"] == "The rejects that were kept hold none of this reason."


def test_an_excerpt_holds_no_personal_data():
    drops = Drops()
    reject = Reject("function", "no_docstring", Provenance(path="p.py"), "def f(): mail('jane.roe@example.org')")
    drops.add(rejects_to_table([reject]), "mine-code", 0)
    samples = [sample for entry in drop_figures(figures(), drops, {}) for sample in entry["samples"]]
    assert len(samples) == 1 and "jane.roe" not in samples[0]["excerpt"] and "def f" in samples[0]["excerpt"]


def test_without_rejects_the_flag_is_named():
    [first, *_] = drop_figures(figures(), Drops(), {})
    assert "--keep-rejects" in first["hint"]
    ancestors = figures() | {"ancestors": [figures()["ledger"]], "ledger": {"job": "dedupe", "stages": []}}
    [first, *_] = drop_figures(ancestors, Drops(), {})
    assert "--made-of" in first["hint"] and "pairmill mine-code" in first["hint"]


def test_failures_of_the_ledger_are_samples():
    failure = {"stage": "function", "reason": "syntax_error", "where": "a.py", "why": "line 1"}
    entries = {entry["reason"]: entry for entry in drop_figures(figures(failures=[failure]), Drops(), {})}
    assert entries["syntax_error"]["samples"] == [{"from": "failures", "where": "a.py", "why": "line 1"}]


def test_evidence_shows_both_rows():
    example = {
        "removed_row_id": "r",
        "kept_row_id": "k",
        "similarity": 0.9,
        "removed_group": "g",
        "kept_group": "h",
        "benchmark": None,
        "explain": "pairmill explain set r",
    }
    rule = {"reason": "empty", "rule": "jaccard", "side": "joint", "examples": [example]}
    given = figures() | {"evidence": {"by_rule": [rule]}}
    [entry] = [entry for entry in drop_figures(given, Drops(), {"k": {"row_id": "k"}}) if entry["reason"] == "empty"]
    [sample] = entry["samples"]
    assert sample["kept"] == {"row_id": "k"} and sample["removed"] is None and sample["rule"] == "jaccard"
