"""Every column's rules, asked of every row, and the ids and hashes recomputed on the sampled ones.

With Arrow's own compute functions: a row group of 65,536 rows takes tens of milliseconds and no copy. pandera and
pointblank would bring pandas or polars, neither reads Arrow tables by row group, and the rules that matter most here
(ids and hashes that follow from the text) are functions of this project in any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.audit.tallies import Example, Tallies
from schemas.ids import pair_id
from schemas.pair import KINDS, SCHEMA
from schemas.side_hash import anchor_is_code, positive_is_code, side_hash

SCHEMA_COLUMNS = (
    "row_id",
    "pair_id",
    "kind",
    "source",
    "language",
    "anchor_hash",
    "positive_hash",
    "group",
    "signals.anchor_chars",
    "signals.anchor_words",
    "signals.positive_chars",
    "signals.positive_words",
    "signals.language_score",
    "provenance.offset",
    "provenance.start_byte",
    "provenance.end_byte",
    "provenance.start_line",
    "provenance.end_line",
    "provenance.ordinal",
    "provenance.date",
)
RECOMPUTED_COLUMNS = (
    "row_id",
    "pair_id",
    "kind",
    "anchor",
    "positive",
    "negatives",
    "anchor_hash",
    "positive_hash",
    "negative_hashes",
    "signals.anchor_chars",
    "signals.anchor_words",
    "signals.positive_chars",
    "signals.positive_words",
)
BROKEN = "schema"
_HEX = r"^[0-9a-f]{32}$"
_LANGUAGE = r"^[A-Za-z0-9][A-Za-z0-9+#._-]{0,34}$"
_DATE = r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2}([T ][0-9:.]+(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?$"

Broken = Callable[[pa.Table], pa.Array]


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold of a column; `broken` gives True for the rows where it does not (null counts as False)."""

    column: str
    says: str
    broken: Broken


def _field(path: str) -> Callable[[pa.Table], pa.Array]:
    name, _, inner = path.partition(".")

    def read(table: pa.Table) -> pa.Array:
        column = table.column(name).combine_chunks()
        return pc.struct_field(column, inner) if inner else column

    return read


def _text(path: str) -> Callable[[pa.Table], pa.Array]:
    read = _field(path)
    return lambda table: read(table).cast(pa.string())


def _not_null(path: str) -> Rule:
    read = _field(path)
    return Rule(path, "is never null", lambda table: pc.is_null(read(table)))


def _matches(path: str, pattern: str, says: str) -> Rule:
    read = _text(path)
    return Rule(path, says, lambda table: pc.invert(pc.match_substring_regex(read(table), pattern)))


def _at_least(path: str, least: int) -> Rule:
    read = _field(path)
    return Rule(path, f"is {least} or more", lambda table: pc.less(read(table), least))


def _not_below(path: str, other: str, says: str) -> Rule:
    read, bound = _field(path), _field(other)
    return Rule(path, says, lambda table: pc.less(read(table), bound(table)))


def _filled(path: str) -> Rule:
    read = _text(path)
    return Rule(path, "is not blank", lambda table: pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(read(table))), 0))


def _score_in_range(table: pa.Table) -> pa.Array:
    score = _field("signals.language_score")(table)
    return pc.or_(pc.or_(pc.less(score, 0), pc.greater(score, 1)), pc.is_nan(score))


ROW_RULES: tuple[Rule, ...] = (
    *(_not_null(field.name) for field in SCHEMA if not field.nullable and field.name in SCHEMA_COLUMNS),
    _matches("row_id", _HEX, "has 32 hexadecimal digits"),
    _matches("pair_id", _HEX, "has 32 hexadecimal digits"),
    Rule("kind", "is a known kind", lambda t: pc.invert(pc.is_in(_text("kind")(t), pa.array(KINDS)))),
    _filled("source"),
    _filled("group"),
    _matches("language", _LANGUAGE, "is a code of a language"),
    *(_at_least(f"signals.{side}_{unit}", 1) for side in ("anchor", "positive") for unit in ("chars", "words")),
    _not_below("signals.anchor_chars", "signals.anchor_words", "has no fewer characters than words"),
    _not_below("signals.positive_chars", "signals.positive_words", "has no fewer characters than words"),
    Rule("signals.language_score", "lies between 0 and 1", _score_in_range),
    _at_least("provenance.offset", 0),
    _at_least("provenance.ordinal", 0),
    _at_least("provenance.start_byte", 0),
    _at_least("provenance.start_line", 1),
    _not_below("provenance.end_byte", "provenance.start_byte", "is not before its start"),
    _not_below("provenance.end_line", "provenance.start_line", "is not before its start"),
    _matches("provenance.date", _DATE, "is a date of ISO 8601"),
)
ID_RULE = ("pair_id", "follows from kind, anchor and positive")
HASH_RULES = {side: (f"{side}_hash", "is the hash of its side") for side in ("anchor", "positive")}
NEGATIVE_RULE = ("negative_hashes", "are the hashes of the negatives")
LENGTH_RULES = {side: (f"signals.{side}_chars, signals.{side}_words", "are its side's") for side in HASH_RULES}
SIDE_RULES = {side: (side, "is not blank") for side in HASH_RULES}
TYPE_RULE = "has the type of its schema"
RECOMPUTED = (ID_RULE, *HASH_RULES.values(), NEGATIVE_RULE, *LENGTH_RULES.values(), *SIDE_RULES.values())


@dataclass
class SchemaCheck:
    """Broken rules, counted; `rows` were asked, of `recomputed` of them ids and hashes too."""

    rows: int = 0
    recomputed: int = 0
    tallies: Tallies = field(default_factory=Tallies)

    def add(self, table: pa.Table, keys: np.ndarray) -> None:
        """Ask the rules of every row of a table with `SCHEMA_COLUMNS`; `keys` order the examples."""
        self.rows += table.num_rows
        for rule in ROW_RULES:
            broken = pc.fill_null(rule.broken(table), False)
            places = np.flatnonzero(broken.to_numpy(zero_copy_only=False))
            if len(places):
                row_ids = table.column("row_id").take(pa.array(places)).to_pylist()
                self._broken(rule.column, rule.says, row_ids, keys[places])

    def add_texts(self, table: pa.Table, keys: np.ndarray) -> None:
        """Recompute what follows from the texts of rows with `RECOMPUTED_COLUMNS`."""
        self.recomputed += table.num_rows
        for key, row in zip(keys.tolist(), table.to_pylist(), strict=True):
            for column, says in broken_rules(row):
                self._broken(column, says, [row["row_id"]], np.array([key], np.uint64))

    def add_types(self, schema: pa.Schema, expected: pa.Schema, rows: int, where: str) -> None:
        """Compare a file's columns with those of its version; every row of a column of another type counts."""
        names = dict.fromkeys([*expected.names, *schema.names])
        for name in names:
            theirs = schema.field(name).type if name in schema.names else None
            ours = expected.field(name).type if name in expected.names else None
            if theirs != ours:
                says = f"{TYPE_RULE}, {ours}" if ours is not None else "belongs to the schema"
                example = Example(0, "", where, f"{where}: {'missing' if theirs is None else theirs}")
                self.tallies.add_rows(BROKEN, _name(name, says), rows, rows, [example])

    def merge(self, other: SchemaCheck) -> None:
        """Add what was found in other rows."""
        self.rows += other.rows
        self.recomputed += other.recomputed
        self.tallies.merge(other.tallies)

    def _broken(self, column: str, says: str, row_ids: Sequence[str | None], keys: np.ndarray) -> None:
        first = np.argsort(keys, kind="stable")[:5]
        examples = [Example(int(keys[i]), str(row_ids[i]), column, "") for i in first]
        self.tallies.add_rows(BROKEN, _name(column, says), len(row_ids), len(row_ids), examples)


def broken_rules(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(column, rule) of what does not follow from a row's texts."""
    kind, signals = row["kind"], row["signals"] or {}
    if None in (kind, row["anchor"], row["positive"]):
        yield ID_RULE
        return
    if row["pair_id"] != pair_id(kind, row["anchor"], row["positive"]):
        yield ID_RULE
    for side, is_code in (("anchor", anchor_is_code(kind)), ("positive", positive_is_code(kind))):
        text = row[side]
        if not text.strip():
            yield SIDE_RULES[side]
        if row[f"{side}_hash"] != side_hash(text, is_code=is_code):
            yield HASH_RULES[side]
        lengths = signals.get(f"{side}_chars"), signals.get(f"{side}_words")
        if lengths != (len(text), len(text.split())):
            yield LENGTH_RULES[side]
    negatives = [side_hash(text, is_code=positive_is_code(kind)) for text in row["negatives"] or ()]
    if negatives != list(row["negative_hashes"] or ()):
        yield NEGATIVE_RULE


def schema_figures(check: SchemaCheck, repeated_ids: int, set_path: str) -> dict[str, Any]:
    """The broken rules, most rows first, and how many rows each was asked of."""
    recomputed = {_name(*rule) for rule in RECOMPUTED}
    broken = []
    for name in check.tallies.names(BROKEN):
        column, _, says = name.partition(": ")
        tally = check.tallies.of(BROKEN, name)
        asked = check.recomputed if name in recomputed else check.rows
        broken.append(
            {
                "column": column,
                "rule": says,
                "rows": tally.rows,
                "asked": asked,
                "share": tally.rows / asked if asked else 0.0,
                "examples": [one.figures(set_path) for one in tally.examples],
            }
        )
    if repeated_ids:
        share = repeated_ids / check.rows
        rule = {"column": "row_id", "rule": "is unique", "rows": repeated_ids, "asked": check.rows, "share": share}
        broken.append({**rule, "examples": []})
    return {
        "rules": len(ROW_RULES) + len(RECOMPUTED) + 2,
        "rows": check.rows,
        "recomputed": check.recomputed,
        "broken": broken,
        "broken_rules": len(broken),
    }


def _name(column: str, says: str) -> str:
    return f"{column}: {says}"
