"""Gates: read with care, held against the right figures."""

from dataclasses import fields

import pytest

from miners.audit.gates import FIGURE_OF, Gates, check_flags, gate_results, gate_style, parse_gates

FIGURES = {
    "duplicate_share": 0.03,
    "false_negatives": {"at_16384": 0.2},
    "pairs": {"languages": 4, "total": 1000},
}


def test_gates_are_read():
    gates = parse_gates(b"max_duplicate_share: 0.02\nmin_pairs: 10\n", "g.yaml")
    assert gates == Gates(max_duplicate_share=0.02, min_pairs=10)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"max_duplicates_share: 0.1", "did you mean max_duplicate_share?"),
        (b"zzz: 1", "the gates are max_duplicate_share"),
        (b"max_duplicate_share: 2", "between 0 and 1"),
        (b"max_duplicate_share: true", "between 0 and 1"),
        (b"max_duplicate_share: .nan", "between 0 and 1"),
        (b"min_pairs: 1.5", "whole number"),
        (b"min_languages: '3'", "whole number"),
        (b"- min_pairs", "mapping of thresholds"),
        (b"", "mapping of thresholds"),
        (b"a: [", "cannot be read"),
        (b"\xff\xfe\xff", "cannot be read"),
    ],
)
def test_a_mistake_is_told(text, told):
    with pytest.raises(ValueError, match=r"g\.yaml") as error:
        parse_gates(text, "g.yaml")
    assert told in str(error.value)


def test_results_name_figure_value_and_outcome():
    gates = Gates(max_duplicate_share=0.03, max_false_negative_rate_at_16384=0.1, min_languages=5, min_pairs=1000)
    passed = {result["gate"]: result["passed"] for result in gate_results(gates, FIGURES)}
    assert passed == {
        "max_duplicate_share": True,
        "max_false_negative_rate_at_16384": False,
        "min_languages": False,
        "min_pairs": True,
    }


def test_no_training_rows_pass_the_gate_of_false_negatives():
    figures = FIGURES | {"false_negatives": {"at_16384": None}}
    [result] = gate_results(Gates(max_false_negative_rate_at_16384=0.0), figures)
    assert result["passed"]


def test_every_gate_has_a_figure_and_a_style():
    names = {field.name for field in fields(Gates)}
    assert names == set(FIGURE_OF)
    for name in names:
        value = 3 if gate_style(name) == "count" else 0.5
        assert getattr(parse_gates(f"{name}: {value}".encode(), "g.yaml"), name) == value


@pytest.mark.parametrize("text", [b"max_secrets: 0.5", b"max_leaks: -1", b"max_markup_share: 3"])
def test_counts_are_whole_and_shares_below_one(text):
    with pytest.raises(ValueError, match="must"):
        parse_gates(text, "g.yaml")


def test_a_gate_on_what_is_not_measured_is_refused():
    gates = Gates(max_contamination_share=0.0, max_excluded_license_share=0.0)
    with pytest.raises(ValueError, match="max_contamination_share needs --decontaminate"):
        check_flags(gates, ["--licenses"])
    check_flags(gates, ["--licenses", "--decontaminate"])
    check_flags(Gates(max_secrets=0), [])
