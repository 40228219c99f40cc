"""Gates: read with care, held against the right figures."""

import pytest

from miners.audit.gates import Gates, gate_results, parse_gates

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
