"""The flow picture: streams add up at every node, and each reason leads to its samples."""

import json
import re

import pytest

from miners.audit.flow import ledger_flow
from miners.audit.lineage import ancestor_figures, feed_figures, stage_figures


def stage(read, made=None, **dropped):
    kept = read - sum(dropped.values())
    return {"read": read, "kept": kept, "made": kept if made is None else made, "dropped": dropped, "failed": {}}


def figures_of(job, stages, parents, total):
    empty = {"read": 0, "kept": 0, "made": 0, "dropped": {}, "failed": {}}
    stages = {name: stages.get(name, empty) for name in ("exact", "near", "cap", "contamination", "split")}
    return {
        "ancestors": ancestor_figures(parents),
        "feeds": feed_figures(job, parents),
        "ledger": {"job": job, "stages": stage_figures(job, stages)},
        "pairs": {"total": total},
    }


@pytest.fixture
def figures():
    web = {
        "record": stage(900, not_a_page=450),
        "page": stage(450, made=9000, no_main_text=50),
        "passage": stage(9000, made=8000),
        "pair": stage(8000, same_text=1000),
    }
    code = {"file": stage(100, made=4000, empty=20), "function": stage(4000, no_docstring=1000), "pair": stage(3000)}
    parents = [
        {"job": "mine-web", "data_id": "a", "rows": 7000, "stages": web, "parents": []},
        {"job": "mine-code", "data_id": "b", "rows": 3000, "stages": code, "parents": []},
    ]
    near = {name: stage(8000) for name in ("cap", "contamination", "split")}
    own = {"exact": stage(10000, same_pair=1500, same_row=3), "near": stage(8497, near_duplicate=497), **near}
    return figures_of("dedupe", own, parents, 8000)


def trace_of(chart):
    return json.loads(re.search(r"<script[^>]*>(.*)</script>", chart.__html__(), re.DOTALL)[1])["data"][0]


def test_what_enters_a_node_leaves_it(figures):
    trace = trace_of(ledger_flow(figures))
    link = trace["link"]
    inward, outward = {}, {}
    for source, target, value in zip(link["source"], link["target"], link["value"], strict=True):
        outward[source] = outward.get(source, 0) + value
        inward[target] = inward.get(target, 0) + value
    passed = inward.keys() & outward.keys()
    assert len(passed) > 8
    for node in passed:
        # Streams that are too thin to be drawn are left off.
        assert outward[node] == pytest.approx(inward[node], rel=0.01), trace["node"]["label"][node]


def test_widths_are_pairs_of_the_set_where_they_end(figures):
    trace = trace_of(ledger_flow(figures))
    labels = trace["node"]["label"]
    by_target = dict(zip(trace["link"]["target"], trace["link"]["value"], strict=True))
    assert by_target[labels.index("kept<br>8,000")] == pytest.approx(8000)
    assert by_target[labels.index("near duplicate<br>497")] == pytest.approx(497)
    # Half of the records were no page, so what became 7,000 pairs is as wide again.
    assert by_target[labels.index("not a page<br>450")] == pytest.approx(7000 / 0.875 / (400 / 450))


def test_a_reason_leads_to_its_samples_and_a_hair_is_not_drawn(figures):
    trace = trace_of(ledger_flow(figures))
    keys = {key for _, key in trace["node"]["customdata"] if key}
    assert {"mine-web/record/not_a_page", "mine-code/function/no_docstring", "dedupe/exact/same_pair"} <= keys
    assert "dedupe/exact/same_row" not in keys
    assert keys == {key for _, key in trace["link"]["customdata"] if key}


def test_a_set_of_which_nothing_was_kept_has_a_picture():
    own = {"exact": stage(10, same_pair=10)}
    trace = trace_of(ledger_flow(figures_of("dedupe", own, [], 0)))
    assert trace["link"]["value"] == [1.0]


def test_of_nothing_read_there_is_no_picture():
    assert ledger_flow(figures_of("dedupe", {}, [], 0)) is None


def test_a_job_that_was_fed_by_its_own_kind_is_no_circle():
    parents = [{"job": "dedupe", "data_id": "a", "rows": 10, "stages": {"exact": stage(10)}, "parents": []}]
    trace = trace_of(ledger_flow(figures_of("dedupe", {"exact": stage(10, same_pair=4)}, parents, 6)))
    assert all(a != b for a, b in zip(trace["link"]["source"], trace["link"]["target"], strict=True))
