"""Which rows: expressions such as `kind = "docstring_code" and provenance.license in ("MIT", "BSD-3-Clause")`.

In: text that a person wrote. Out: an expression of Arrow, which its readers evaluate without Python, and the columns
that it needs. Comparisons are those of SQL: with a null they are neither true nor false, and only what is true counts.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from schemas.pair import SCHEMA

MOST_CHARACTERS = 100_000
MOST_NESTED = 100
"""Arrow evaluates an expression by recursion: a deeper one could end the process."""

GRAMMAR = r"""
?start: either
either: both (_OR both)*
both: negation (_AND negation)*
?negation: NOT negation -> negate
         | "(" either ")"
         | NAME OPERATOR (literal | NAME) -> compare
         | NAME NOT? _IN "(" literal ("," literal)* ")" -> member
         | NAME NOT? _LIKE TEXT -> like
         | NAME _IS NOT? _NULL -> missing
literal: TEXT | NUMBER | TRUE | FALSE

OPERATOR: "==" | "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
TEXT: /"(?:[^"]|"")*"|'(?:[^']|'')*'/
NUMBER: /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])/
TRUE.2: /true(?![\w.])/i
FALSE.2: /false(?![\w.])/i
NOT.2: /not(?![\w.])/i
_AND.2: /and(?![\w.])/i
_OR.2: /or(?![\w.])/i
_IN.2: /in(?![\w.])/i
_IS.2: /is(?![\w.])/i
_LIKE.2: /like(?![\w.])/i
_NULL.2: /null(?![\w.])/i
NAME: /[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/
%ignore /\s+/
"""

EXPECTED = {
    "NAME": "a column",
    "OPERATOR": "a comparison such as = or <",
    "TEXT": "a text in quotes",
    "NUMBER": "a number",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "$END": "the end",
}
"""What a person may have meant to write, in words; terminals that are not here are named as they are written."""

_COMPARE: dict[str, Callable[[pc.Expression, pc.Expression], pc.Expression]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class WhereError(ValueError):
    """An expression that cannot be used: what is wrong, and at which character."""


@dataclass(frozen=True)
class Where:
    """A checked expression over the columns of a pair set."""

    text: str
    expression: pc.Expression
    columns: tuple[str, ...]
    """The columns that it reads, fields of structs with a dot, as Parquet readers take them."""

    def matches(self, table: pa.Table) -> np.ndarray:
        """For each row of a table with (at least) `columns` whether the expression is true of it."""
        found = ds.dataset(table).scanner(columns={"matches": self.expression}, use_threads=False).to_table()
        return found["matches"].fill_null(False).to_numpy()


def parse_where(text: str) -> Where:
    """The expression in `text`, checked against the schema of pairs. WhereError (a ValueError) for any other text.

    `=` (or `==`), `!=`, `<`, `<=`, `>`, `>=`; `in (…)`, `like` with `%` and `_`, `is null`, each also with `not`;
    `not`, `and`, `or`, parentheses. A column stands left; right a text in quotes, a number, or another column.
    """
    try:
        from lark.exceptions import UnexpectedCharacters, UnexpectedToken
    except ModuleNotFoundError:
        raise WhereError("to read an expression takes the package lark; install it with: pip install lark") from None
    if len(text) > MOST_CHARACTERS:
        raise WhereError(f"the expression has {len(text):,} characters, more than {MOST_CHARACTERS:,}")
    try:
        node = _parser().parse(text)
    except UnexpectedCharacters as error:
        raise _wrong(text, error.pos_in_stream, _instead(error.allowed)) from None
    except UnexpectedToken as error:
        at = len(text) if error.token.type == "$END" else error.token.start_pos
        raise _wrong(text, at, _instead(error.expected)) from None
    except _At as error:
        raise _wrong(text, *error.args) from None
    return Where(text, node.expression, tuple(sorted(node.columns)))


class _At(Exception):
    """(character, sentence): what is wrong with a part of the expression."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A part that is true, false or unknown of a row."""

    expression: pc.Expression
    columns: frozenset[str]
    depth: int = 1


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    at: int
    type: pa.DataType

    @property
    def field(self) -> pc.Expression:
        return pc.field(*self.name.split("."))


@dataclass(frozen=True, slots=True)
class _Literal:
    value: str | int | float | bool
    at: int
    written: str


@lru_cache(maxsize=1)
def _parser() -> Any:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", transformer=_builder())


def _builder() -> Any:
    """What each rule of the grammar makes; during the parse, so that no depth of nesting recurses in Python."""
    from lark import Transformer, v_args

    @v_args(inline=True)
    class Builder(Transformer):
        def either(self, *parts: _Node) -> _Node:
            return _fold(parts, lambda a, b: a | b)

        def both(self, *parts: _Node) -> _Node:
            return _fold(parts, lambda a, b: a & b)

        def negate(self, word: Any, part: _Node) -> _Node:
            return _negated(part, word.start_pos)

        def compare(self, left: Any, operator: Any, right: Any) -> _Node:
            return _comparison(_column(left), str(operator), right)

        def member(self, name: Any, *rest: Any) -> _Node:
            column = _column(name)
            literals = [part for part in rest if isinstance(part, _Literal)]
            node = _fold([_comparison(column, "=", literal) for literal in literals], lambda a, b: a | b)
            return _negated(node, column.at) if len(literals) < len(rest) else node

        def like(self, name: Any, *rest: Any) -> _Node:
            column = _column(name)
            if _kind(column.type) != "text":
                raise _At(column.at, f"{column.name} is {_said(column.type)}, and `like` is for texts")
            node = _Node(pc.match_like(_plain(column), _unquoted(rest[-1])), frozenset({column.name}))
            return _negated(node, column.at) if len(rest) > 1 else node

        def missing(self, name: Any, *negated: Any) -> _Node:
            column = _column(name)
            asked = column.field.is_valid() if negated else column.field.is_null()
            return _Node(asked, frozenset({column.name}))

        def literal(self, token: Any) -> _Literal:
            return _Literal(_value(token), token.start_pos, str(token))

    return Builder()


def _fold(parts: Sequence[_Node], join: Callable[[pc.Expression, pc.Expression], pc.Expression]) -> _Node:
    """The parts joined as a balanced tree: a list of a thousand is ten deep."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left, right = _fold(parts[:half], join), _fold(parts[half:], join)
    depth = _checked(1 + max(left.depth, right.depth), 0)
    return _Node(join(left.expression, right.expression), left.columns | right.columns, depth)


def _negated(part: _Node, at: int) -> _Node:
    return _Node(~part.expression, part.columns, _checked(part.depth + 1, at))


def _checked(depth: int, at: int) -> int:
    if depth > MOST_NESTED:
        raise _At(at, f"it is nested more than {MOST_NESTED} deep")
    return depth


def _comparison(left: _Column, operator: str, right: Any) -> _Node:
    """`right` is a literal, or the token of a column's name."""
    kind = _kind(left.type)
    if kind == "struct":
        raise _At(left.at, f"{left.name} is a group of columns; compare one, such as {left.name}.{left.type[0].name}")
    if kind == "list":
        raise _At(left.at, f"{left.name} is a list; it can be asked for `is null` alone")
    if not isinstance(right, _Literal):
        right = _column(right, is_right=True)
        if _kind(right.type) != kind or (kind == "number" and _is_whole(left.type) != _is_whole(right.type)):
            raise _At(right.at, f"{left.name} is {_said(left.type)}, {right.name} is {_said(right.type)}")
        return _Node(_COMPARE[operator](_plain(left), _plain(right)), frozenset({left.name, right.name}))
    return _Node(_COMPARE[operator](left.field, pc.scalar(_as_type(right, left))), frozenset({left.name}))


def _plain(column: _Column) -> pc.Expression:
    return column.field.cast(pa.string()) if pa.types.is_dictionary(column.type) else column.field


def _as_type(literal: _Literal, column: _Column) -> pa.Scalar:
    """The value as it is compared with the column: a float of the column's precision, so that 0.7 is its 0.7."""
    kind = _kind(column.type)
    given = "yes or no" if isinstance(literal.value, bool) else "text" if isinstance(literal.value, str) else "number"
    if given != kind:
        mend = f'; write "{literal.written}"' if kind == "text" else ""
        raise _At(literal.at, f"{column.name} is {_said(column.type)}, not {literal.written}{mend}")
    if kind == "text":
        return pa.scalar(literal.value, pa.string())
    if not _is_whole(column.type):
        return pa.scalar(float(literal.value), column.type)
    if literal.value != int(literal.value):
        raise _At(literal.at, f"{column.name} is {_said(column.type)}, not {literal.written}")
    try:
        return pa.scalar(int(literal.value), pa.int64())
    except (OverflowError, pa.ArrowInvalid):
        raise _At(literal.at, f"{literal.written} is beyond any value that {column.name} can have") from None


def _value(token: Any) -> str | int | float | bool:
    if token.type == "TEXT":
        return _unquoted(token)
    if token.type == "NUMBER":
        try:
            return int(token)
        except ValueError:
            value = float(token)
        if value in (float("inf"), float("-inf")):
            raise _At(token.start_pos, f"{token} is too large")
        return value
    return token.type == "TRUE"


def _unquoted(token: Any) -> str:
    quote = token[0]
    return str(token[1:-1]).replace(quote * 2, quote)


def _column(token: Any, *, is_right: bool = False) -> _Column:
    name, known = str(token), dict(_names(SCHEMA))
    if name in known:
        return _Column(name, token.start_pos, known[name])
    by_last = {full.split(".")[-1]: full for full in reversed(known)} | {full: full for full in known}
    close = difflib.get_close_matches(name, by_last, 1) or difflib.get_close_matches(name.split(".")[-1], by_last, 1)
    mend = f"did you mean {by_last[close[0]]}?" if close else f"the columns are {', '.join(SCHEMA.names)}"
    if is_right:
        mend = f'a text stands in quotes: "{name}"'
    raise _At(token.start_pos, f"there is no column {name}; {mend}")


def _names(fields: Any, prefix: str = "") -> Iterator[tuple[str, pa.DataType]]:
    """Every column and field of a struct by its full name."""
    for field in fields:
        yield prefix + field.name, field.type
        if pa.types.is_struct(field.type):
            yield from _names(field.type, f"{prefix}{field.name}.")


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return "text"
    if pa.types.is_list(kind):
        return "list"
    if pa.types.is_boolean(kind):
        return "yes or no"
    return "struct" if pa.types.is_struct(kind) else "number"


def _is_whole(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind)


def _said(kind: pa.DataType) -> str:
    if _kind(kind) == "number":
        return "a whole number" if _is_whole(kind) else "a number"
    return {"text": "a text", "list": "a list", "struct": "a group of columns"}.get(_kind(kind), _kind(kind))


def _instead(expected: Sequence[str]) -> str:
    words = [EXPECTED.get(name, name.strip("_").lower()) for name in sorted(set(expected), key=_order)]
    return f"expected {'one of: ' if len(words) > 1 else ''}{', '.join(words)}"


def _order(name: str) -> tuple[int, str]:
    names = list(EXPECTED)
    return (names.index(name) if name in names else len(names), name)


def _wrong(text: str, at: int, why: str) -> WhereError:
    """The sentence of an error, with the text from the place on that it is at."""
    rest = " ".join(_head(text[at:], 30).split())
    place = f"before `{rest}`" if rest else "at its end"
    return WhereError(f"in the expression `{_head(text, 200)}`, character {at + 1}, {place}: {why}")


def _head(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"
