"""What is found in a text, and what is not."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.audit.boilerplate import SideLines, boilerplate
from miners.audit.checks import CheckConfig, Checks
from miners.audit.estimates import share_figures, wilson
from miners.audit.exposures import exposures
from miners.audit.license_policy import is_excluded
from miners.audit.markup import leftovers
from miners.audit.overlap import bin_of, lexical_overlap
from miners.audit.schema_check import ROW_RULES, SchemaCheck, schema_figures
from miners.audit.tallies import EXAMPLES, Example, Tally


def test_an_interval_holds_the_share_and_none_found_is_not_none_there():
    low, high = wilson(0, 20_000)
    assert low == 0 and high == pytest.approx(0.000192, rel=0.01)
    assert wilson(5, 5)[1] == 1 and wilson(0, 0) == (0, 1)
    assert share_figures(3, 100, 100)["interval"] is None
    assert share_figures(3, 100, 5000)["estimated"] == 150


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_lies_about_its_share(hits, n):
    hits = min(hits, n)
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Use the <br> tag to break a line.", set()),
        ("a < b and c > d", set()),
        ("<p>One</p>", {"html_tags"}),
        ("Fish &amp; chips", {"html_entities"}),
        ("R&D; and so on", set()),
        ("cafÃ© crÃ¨me", {"mojibake"}),
        ("naïve café — “quoted” Füße, 東京, Ελλάδα", set()),
        ("lost \ufffd here", {"replacement_characters"}),
        ("bell \x07 rings", {"control_characters"}),
        ("tab\tand\r\nlines", set()),
    ],
)
def test_leftovers(text, kinds):
    found = list(leftovers(text))
    assert {kind for kind, *_ in found} == kinds
    assert all(0 <= start < end <= len(text) for *_, start, end in found)


def test_excerpts_show_no_other_secret_either():
    text = "key AKIAQX3M0RT2YZ7EXAMQ of anna.k@verlag-nord.de, +49 30 901820 or 194.25.0.68"
    found = exposures(text)
    assert [one.detector for one in found] == ["AWSKeyDetector", "emails", "phones", "ips"]
    for one in found:
        for secret in ("AKIA", "anna", "901820", "194.25"):
            assert secret not in one.excerpt
    assert exposures("The key of <SECRET:AWSKeyDetector> and <EMAIL> stay.") == []


def test_overlap_reads_identifiers_and_unspaced_scripts():
    documentation, code = "Parses the HTTP header fields", "def parse_http_header(fields): parsesTheFields = 1"
    assert lexical_overlap(documentation, code, is_code=True) == 1
    assert lexical_overlap(documentation, "one two three four five", is_code=False) == 0
    assert lexical_overlap("too few words", documentation, is_code=False) is None
    assert lexical_overlap("東京都の図書館は朝九時", "図書館は朝九時に開く", is_code=False) > 0.5
    assert bin_of(1.0) == 19 and bin_of(0.0) == 0


@given(st.text(), st.text())
def test_overlap_is_a_share_and_symmetric(one, other):
    overlap = lexical_overlap(one, other, is_code=False)
    assert overlap == lexical_overlap(other, one, is_code=False)
    assert overlap is None or 0 <= overlap <= 1


def test_a_line_is_boilerplate_by_its_groups_not_its_rows():
    lines = SideLines()
    for i in range(6):
        lines.add(i, f"site{i}", ["All rights reserved by the owner of the page.", f"A line of its own, number {i}."])
        lines.add(100 + i, "one site", ["This line stands often but in one site."])
    other = SideLines()
    other.merge(lines)
    rows, top = boilerplate(other)
    assert rows == 6
    assert [(line["groups"], line["rows"]) for line in top] == [(6, 6)]
    assert boilerplate(SideLines()) == (0, [])


def test_policy_speaks_of_code_without_a_licence():
    allowed = frozenset({"MIT"})
    assert is_excluded("docstring_code", None, allowed) and not is_excluded("neighbor_text", None, allowed)
    assert not is_excluded("docstring_code", "MIT OR GPL-3.0-only", allowed)
    assert is_excluded("neighbor_text", "MIT AND GPL-3.0-only", allowed)


def test_examples_do_not_depend_on_the_order():
    tallies = [Tally(1, 1, [Example(i, str(i), "", "")]) for i in range(20)]
    one, other = Tally(), Tally()
    for tally in tallies:
        one.merge(tally)
    for tally in reversed(tallies):
        other.merge(tally)
    assert one == other and len(one.examples) == EXAMPLES and one.rows == 20


def replaced(table, column, values):
    at = table.schema.get_field_index(column)
    return table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))


def struct_with(table, column, name, value):
    rows = table[column].to_pylist()
    return replaced(table, column, [{**row, name: value} for row in rows])


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda t: t, set()),
        (lambda t: replaced(t, "row_id", ["x"] * t.num_rows), {"row_id"}),
        (lambda t: replaced(t, "kind", ["poem"] * t.num_rows), {"kind"}),
        (lambda t: replaced(t, "group", ["  "] * t.num_rows), {"group"}),
        (lambda t: replaced(t, "language", ["not a code"] * t.num_rows), {"language"}),
        (lambda t: struct_with(t, "signals", "language_score", 1.5), {"signals.language_score"}),
        (lambda t: struct_with(t, "signals", "anchor_words", 0), {"signals.anchor_words"}),
        (lambda t: struct_with(t, "provenance", "start_line", 0), {"provenance.start_line"}),
        (lambda t: struct_with(t, "provenance", "date", "1st of May"), {"provenance.date"}),
    ],
)
def test_column_rules(table, change, broken):
    changed = change(table)
    check = SchemaCheck()
    check.add(changed, np.arange(changed.num_rows, dtype=np.uint64))
    found = schema_figures(check, 0, "set")["broken"]
    assert {entry["column"] for entry in found} == broken
    assert all(entry["rows"] == changed.num_rows and len(entry["examples"]) == EXAMPLES for entry in found)
    assert len(ROW_RULES) > 20


def test_ids_hashes_and_lengths_are_recomputed(table):
    checks = Checks(CheckConfig(), 1.0, 0)
    checks.add_texts(table)
    assert schema_figures(checks.schema, 0, "set")["broken"] == []
    for column, value in [("pair_id", "0" * 32), ("positive_hash", 7), ("anchor", "another text")]:
        checks = Checks(CheckConfig(), 1.0, 0)
        checks.add_texts(replaced(table, column, [value] * table.num_rows))
        names = " ".join(entry["column"] for entry in schema_figures(checks.schema, 0, "set")["broken"])
        assert {"pair_id": "pair_id", "positive_hash": "positive_hash", "anchor": "anchor_hash"}[column] in names


def test_a_file_of_another_type_is_told(table):
    check = SchemaCheck()
    changed = table.schema.set(table.schema.get_field_index("anchor_hash"), pa.field("anchor_hash", pa.string()))
    check.add_types(changed, table.schema, 300, "data/x.parquet")
    [broken] = schema_figures(check, 0, "set")["broken"]
    assert (broken["column"], broken["rows"]) == ("anchor_hash", 300)


def test_removed_rows_that_are_back_are_counted(table):
    checks = Checks(CheckConfig(), 1.0, 0)
    listed = np.zeros(table.num_rows, bool)
    listed[[3, 8]] = True
    checks.add_removed(table, listed)
    assert checks.removed.rows == 2
    assert {e.row_id for e in checks.removed.examples} == set(table["row_id"].take([3, 8]).to_pylist())
