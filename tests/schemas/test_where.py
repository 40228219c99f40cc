"""Expressions over rows: Arrow says of every row what plain Python says, and errors name their place."""

from __future__ import annotations

import operator
import subprocess
import sys

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import SCHEMA, Provenance, Signals, make_pair
from schemas.pair import pairs_to_table
from schemas.where import MOST_NESTED, WhereError, parse_where

TEXTS = ("python", "go", "MIT", 'a "quoted" name', "it's", "100%", "", "neighbor_text", "docstring_code")
WHOLE = (-1, 0, 4, 5, 6, 2**31, 2**63 - 1)
FLOATS = (0.0, 0.7, 0.1, 1.5)
COLUMNS = {
    "kind": TEXTS,
    "language": TEXTS,
    "anchor": TEXTS,
    "provenance.license": TEXTS,
    "provenance.symbol": TEXTS,
    "signals.anchor_words": WHOLE,
    "provenance.offset": WHOLE,
    "anchor_hash": WHOLE,
    "signals.language_score": FLOATS,
}
OPERATORS = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def some_rows():
    """Rows with nulls in every column that may have them."""
    rows = []
    for i in range(60):
        kind = ("neighbor_text", "docstring_code")[i % 2]
        rows.append(
            make_pair(
                kind=kind,
                language=("python", "go", None)[i % 3],
                anchor=("100%", "it's", 'a "quoted" name', "go")[i % 4],
                positive=f"text number {i}",
                place=("table", "rows", i),
                group=f"group{i % 7}",
                provenance=Provenance(
                    license=("MIT", None)[i % 2], symbol=TEXTS[i % 5], offset=(None, 5, 2**63 - 1)[i % 3]
                ),
                signals=Signals(i, i % 8, 7, 3, language_score=(0.7, 0.1, None, 1.5)[i % 4]),
                source="",
            )
        )
    return rows


ROWS = some_rows()
TABLE = pairs_to_table(ROWS)
VALUES = TABLE.to_pylist()


def value_of(row, column):
    for part in column.split("."):
        row = row[part]
    return row


def written(value):
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return str(value)


def compared(name, compare, value):
    """What SQL says: nothing of a null. Scores have the precision of their column."""

    def says(row):
        found = value_of(row, name)
        if found is None:
            return None
        return compare(found, pa.scalar(value, pa.float32()).as_py() if isinstance(value, float) else value)

    return says


def not_(says):
    return lambda row: None if says(row) is None else not says(row)


def joined(parts, decides):
    def says(row):
        found = [part(row) for part in parts]
        return decides if decides in found else None if None in found else not decides

    return says


@st.composite
def conditions(draw):
    name = draw(st.sampled_from(sorted(COLUMNS)))
    values = COLUMNS[name]
    shape = draw(st.sampled_from(("compare", "in", "null")))
    negated = draw(st.booleans())
    if shape == "null":
        text = f"{name} is {'not ' if negated else ''}null"
        return text, lambda row: (value_of(row, name) is None) != negated
    if shape == "in":
        members = draw(st.lists(st.sampled_from(values), min_size=1, max_size=4))
        says = joined([compared(name, operator.eq, member) for member in members], True)
        text = f"{name} {'NOT ' if negated else ''}in ({', '.join(map(written, members))})"
        return text, not_(says) if negated else says
    symbol, value = draw(st.sampled_from(sorted(OPERATORS))), draw(st.sampled_from(values))
    return f"{name}{symbol}{written(value)}", compared(name, OPERATORS[symbol], value)


def combined(inner):
    both = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        inner.map(lambda part: (f"not ({part[0]})", not_(part[1]))),
        both.map(lambda parts: (" and ".join(f"({t})" for t, _ in parts), joined([s for _, s in parts], False))),
        both.map(lambda parts: (" OR ".join(f"({t})" for t, _ in parts), joined([s for _, s in parts], True))),
    )


@given(st.recursive(conditions(), combined, max_leaves=6))
def test_arrow_says_what_python_says(case):
    text, says = case
    where = parse_where(text)
    expected = [bool(says(row)) for row in VALUES]
    assert where.matches(TABLE).tolist() == expected
    filtered = ds.dataset(TABLE).to_table(filter=where.expression)
    assert filtered["row_id"].to_pylist() == [
        row["row_id"] for row, wanted in zip(VALUES, expected, strict=True) if wanted
    ]


@given(st.recursive(conditions(), combined, max_leaves=4))
def test_the_columns_named_are_all_that_is_read(case):
    where = parse_where(case[0])
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink)
    narrow = pq.ParquetFile(pa.BufferReader(sink.getvalue())).read(columns=list(where.columns))
    assert where.matches(narrow).tolist() == where.matches(TABLE).tolist()


def test_and_binds_tighter_than_or_and_not_tightest():
    loose = parse_where('language = "go" or language = "python" and not kind = "docstring_code"')
    clear = parse_where('(language = "go") or ((language = "python") and (not (kind = "docstring_code")))')
    assert loose.expression.equals(clear.expression)


def test_like_takes_percent_and_underscore():
    expected = [row["anchor"].startswith("it") for row in VALUES]
    assert any(expected) and parse_where("anchor like 'it_s%'").matches(TABLE).tolist() == expected
    assert parse_where('kind not like "doc%"').matches(TABLE).tolist() == [
        not row["kind"].startswith("doc") for row in VALUES
    ]


def test_two_columns_are_compared_with_each_other():
    expected = [row["signals"]["positive_words"] > row["signals"]["anchor_words"] for row in VALUES]
    assert parse_where("signals.positive_words > signals.anchor_words").matches(TABLE).tolist() == expected
    assert parse_where("kind = provenance.symbol").columns == ("kind", "provenance.symbol")


def test_every_column_of_the_schema_can_be_asked_for():
    def names(fields, prefix=""):
        for field in fields:
            yield prefix + field.name
            if pa.types.is_struct(field.type):
                yield from names(field.type, f"{prefix}{field.name}.")

    for name in names(SCHEMA):
        assert len(parse_where(f"{name} is null").matches(TABLE)) == len(ROWS)


@pytest.mark.parametrize(
    ("text", "character", "says"),
    [
        ("", 1, "at its end: expected one of: a column"),
        ("kind", 5, "a comparison such as"),
        ("kind =", 7, "a text in quotes"),
        ('kind = "a" and', 15, "a column"),
        ('(kind = "a"', 12, "expected )"),
        ('kind = "a")', 11, "expected the end"),
        ('kind = "a" & language = "b"', 12, "before `& language"),
        ('kind = "abc', 8, "a text in quotes"),
        ("kind = docstring_code", 8, 'a text stands in quotes: "docstring_code"'),
        ('kin = "a"', 1, "did you mean kind?"),
        ('license = "MIT"', 1, "did you mean provenance.license?"),
        ('signals.anchor_word = "a"', 1, "did you mean signals.anchor_words?"),
        ("kind = 3", 8, 'kind is a text, not 3; write "3"'),
        ('kind = "a" or signals.anchor_words > "a"', 38, "a whole number"),
        ("signals.anchor_words > 3.5", 24, "a whole number, not 3.5"),
        ("signals.anchor_words = 99999999999999999999", 24, "beyond any value"),
        ("signals.language_score > 1e999", 26, "too large"),
        ('negatives = "a"', 1, "is a list"),
        ('provenance = "a"', 1, "compare one, such as provenance.uri"),
        ("anchor = negatives", 10, "negatives is a list"),
        ("kind = true", 8, "kind is a text"),
        ("kind in ()", 10, "a text in quotes"),
        ("signals.anchor_words like 'a'", 1, "`like` is for texts"),
        ("\x00", 1, "a column"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, character, says):
    with pytest.raises(WhereError) as error:
        parse_where(text)
    assert f"character {character}, " in str(error.value) and says in str(error.value)
    assert len(str(error.value).splitlines()) <= 1


@given(st.text(alphabet="kind language=\"'()andornot.<>!=,0123 \n\t", max_size=60))
def test_any_other_text_is_refused_with_one_kind_of_error(text):
    try:
        assert parse_where(text).columns
    except WhereError as error:
        assert "character" in str(error)


def test_long_lists_are_taken_and_deep_nesting_is_refused():
    members = ", ".join(f'"{i}"' for i in range(5000))
    assert not parse_where(f"kind in ({members})").matches(TABLE).any()
    assert parse_where("(" * 5000 + 'kind = "go"' + ")" * 5000).columns == ("kind",)
    at_most = "not " * (MOST_NESTED - 1) + "kind is null"
    assert parse_where(at_most).matches(TABLE).all()
    with pytest.raises(WhereError, match="nested"):
        parse_where("not " + at_most)
    with pytest.raises(WhereError, match="characters"):
        parse_where("x" * 200_000)


def test_without_the_parser_the_sentence_names_it():
    code = "import sys; sys.modules['lark'] = None\nfrom schemas.where import parse_where\nparse_where('kind is null')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install lark" in done.stderr.splitlines()[-1]
