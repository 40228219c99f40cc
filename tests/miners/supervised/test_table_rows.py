"""Which columns are taken, and what a row must have."""

import pytest

from miners.supervised.table_rows import (
    CODE_SEARCH_NET,
    Columns,
    EmptySideError,
    RowRules,
    pair_of_row,
    parse_columns,
)

RULES = RowRules("text_pair", "en", 8)


def pair(row, columns=None, rules=RULES):
    found = columns or Columns().found(row, "x.jsonl")
    return pair_of_row(row, found, rules, "x.jsonl", "/data/x.jsonl", 3)


def test_columns_of_a_pair_set_are_found_by_name():
    row = {"anchor": "a", "positive": "b", "kind": "query_passage", "language": "de", "group": "g", "license": "MIT"}
    made, split = pair(row | {"split": "dev", "other": 5})
    assert (made.kind, made.language, made.group, made.source, split) == (
        "query_passage",
        "de",
        "g",
        "query_passage/de",
        "dev",
    )
    assert (made.provenance.uri, made.provenance.ordinal, made.provenance.license) == ("/data/x.jsonl", 3, "MIT")


def test_a_row_without_a_group_is_a_group_of_its_own():
    made, _ = pair({"anchor": "a", "positive": "b", "group": " "})
    assert made.group == made.row_id


def test_negatives_of_a_list_and_of_numbered_columns():
    assert pair({"anchor": "a", "positive": "b", "negatives": ["x", "", None, "y", "x"]})[0].negatives == ("x", "y")
    row = {"anchor": "a", "positive": "b", **{f"negative_{i}": f"n{i}" for i in (10, 2, 1)}}
    assert pair(row)[0].negatives == ("n1", "n2", "n10")
    assert pair(row, rules=RowRules("text_pair", None, 2))[0].negatives == ("n1", "n2")
    columns = parse_columns(["negatives=first", "negatives=second"]).found([*row, "first", "second"], "x")
    assert pair(row | {"first": "f", "second": ["s"]}, columns)[0].negatives == ("f", "s")


def test_an_unknown_language_is_none():
    made, _ = pair({"anchor": "a", "positive": "b"}, rules=RowRules("text_pair", None, 8))
    assert made.language is None and made.source == "text_pair"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"anchor": None, "positive": "b"}, r"anchor \(anchor\) is missing"),
        ({"anchor": 5, "positive": "b"}, "is no text but int"),
        ({"anchor": "a", "positive": "\ud800"}, "surrogates"),
        ({"anchor": "a", "positive": "b", "kind": "poem"}, "no kind 'poem'"),
        ({"anchor": "a", "positive": "b", "negatives": [{"text": "n"}]}, "holds dict"),
        ({"anchor": "a", "positive": "b", "group": 5}, "group"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(row, told):
    with pytest.raises(ValueError, match=told):
        pair(row)


def test_a_blank_side_is_no_broken_row():
    with pytest.raises(EmptySideError):
        pair({"anchor": "a", "positive": " \n"})


@pytest.mark.parametrize(
    ("given", "told"),
    [(["anchor"], "ROLE=NAME"), (["query=x"], "the roles are"), (["anchor=a", "anchor=b"], "names anchor twice")],
)
def test_columns_that_are_no_columns(given, told):
    with pytest.raises(ValueError, match=told):
        parse_columns(given)


def test_a_column_that_is_not_there_is_named_with_the_mend():
    with pytest.raises(ValueError, match=r"no column 'question', only q, a; say --columns anchor=NAME"):
        parse_columns(["anchor=question", "positive=a"]).found(["q", "a"], "x.csv")
    with pytest.raises(ValueError, match=r"no column 'urls'"):
        parse_columns(["group=urls"]).found(["anchor", "positive"], "x.csv")


def test_code_search_net_takes_the_docstring_out_of_python_alone():
    python = {
        "language": "python",
        "docstring": "Adds up.",
        "code": 'def f(a):\n    """Adds up."""\n    return a',
        "repo": "o/r",
    }
    made, split = pair(python | {"partition": "valid"}, CODE_SEARCH_NET)
    assert made.positive == "def f(a):\n    return a" and made.group == "o/r" and split == "valid"
    go = {"language": "go", "docstring": "F adds.", "code": "func F(a int) int { return a }", "repo": "o/r"}
    assert pair(go, CODE_SEARCH_NET)[0].positive == go["code"]
    with pytest.raises(ValueError, match="cannot be taken out"):
        pair(python | {"code": "class A:\n  x = 'Adds up.'"}, CODE_SEARCH_NET)
