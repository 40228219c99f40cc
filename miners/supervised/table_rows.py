"""A row of a table as a pair: which column holds what, and what a row must have.

Columns are named as a pair set's are (`anchor`, `positive`, `negatives` or `negative`, `negative_1`, …; `kind`,
`language`, `group`, `license`, `split`), or as the user says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from miners.supervised.code_search_net import code_without_docstring, place_of
from schemas.pair import DOCSTRING_CODE, KINDS, Pair, Provenance, make_pair

SIDES = ("anchor", "positive")
OPTIONAL = ("kind", "language", "group", "license", "split")
NEGATIVES = "negatives"
ROLES = (*SIDES, NEGATIVES, *OPTIONAL)
_NUMBERED_NEGATIVE = re.compile(r"negatives?|negative_\d+")
_CODE_SEARCH_NET = {
    "anchor": "docstring",
    "positive": "code",
    "language": "language",
    "group": "repo",
    "split": "partition",
}


class EmptySideError(ValueError):
    """A row whose anchor or positive is blank."""


@dataclass(frozen=True)
class Columns:
    """Which column each role has, as far as the user said; the others are found by their names."""

    named: tuple[tuple[str, str], ...] = ()
    """(role, column); `negatives` may have several."""

    def found(self, there: Collection[str], where: str) -> Found:
        """The columns of a table. Raises ValueError, with the columns that it has, where one is missing."""
        given = dict(self.named)
        for role, column in (*self.named, *((side, side) for side in SIDES if side not in given)):
            if column not in there:
                names = ", ".join(map(str, there)) or "none"
                raise ValueError(f"{where} has no column {column!r}, only {names}; say --columns {role}=NAME")
        chosen = {role: given.get(role, role) for role in (*SIDES, *OPTIONAL)}
        own = tuple(column for role, column in self.named if role == NEGATIVES)
        numbered = sorted(filter(_NUMBERED_NEGATIVE.fullmatch, map(str, there)), key=lambda name: (len(name), name))
        return Found({role: column for role, column in chosen.items() if column in there}, own or tuple(numbered))


@dataclass(frozen=True)
class Found:
    """The columns of one table."""

    of_role: Mapping[str, str]
    negatives: tuple[str, ...] = ()
    is_code_search_net: bool = False

    @property
    def names(self) -> list[str]:
        """All columns that are read."""
        return list(dict.fromkeys([*self.of_role.values(), *self.negatives]))


CODE_SEARCH_NET = Found(_CODE_SEARCH_NET, is_code_search_net=True)


@dataclass(frozen=True)
class RowRules:
    """What holds for all rows of an import."""

    kind: str
    """Of rows that say none."""
    language: str | None
    """Of rows that say none."""
    most_negatives: int


def parse_columns(given: Sequence[str]) -> Columns:
    """`["anchor=question", "positive=answer"]` as columns. Raises ValueError for anything else."""
    named: list[tuple[str, str]] = []
    for part in given:
        role, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column or role not in ROLES:
            raise ValueError(f"--columns takes ROLE=NAME, not {part!r}; the roles are {', '.join(ROLES)}")
        if role != NEGATIVES and role in dict(named):
            raise ValueError(f"--columns names {role} twice; only {NEGATIVES} may have several columns")
        named.append((role, column))
    return Columns(tuple(named))


def pair_of_row(
    row: Mapping[str, Any], columns: Found, rules: RowRules, name: str, uri: str, number: int
) -> tuple[Pair, str | None]:
    """The pair of row `number` (from 0) of the file `name`, and the split that it says.

    Raises EmptySideError for a blank side, and ValueError that says what else is wrong with the row.
    """
    values = {role: row.get(column) for role, column in columns.of_role.items()}
    for role, value in values.items():
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{role} ({columns.of_role[role]}) is no text but {type(value).__name__}")
    for side in SIDES:
        if values[side] is None:
            raise ValueError(f"{side} ({columns.of_role[side]}) is missing")
    given = {role: values.get(role) or None for role in OPTIONAL}
    kind = given["kind"] or (DOCSTRING_CODE if columns.is_code_search_net else rules.kind)
    if kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r}; the kinds are {', '.join(KINDS)}")
    anchor, positive = str(values["anchor"]), str(values["positive"])
    negatives = _negatives(row, columns)[: rules.most_negatives]
    for text in (anchor, positive, *filter(None, given.values()), *negatives):
        if not text.isascii():
            text.encode()  # UnicodeEncodeError, a ValueError, for half of a surrogate pair
    language = given["language"] or rules.language
    place: dict[str, Any] = {}
    if columns.is_code_search_net:
        positive, place = code_without_docstring(positive, anchor, language or ""), place_of(row)
    if not anchor.strip() or not positive.strip():
        raise EmptySideError(f"the {'positive' if anchor.strip() else 'anchor'} is blank")
    pair = make_pair(
        kind=kind,
        language=language,
        anchor=anchor,
        positive=positive,
        place=(name, number),
        group=(given["group"] or "").strip() or None,
        provenance=Provenance(uri=uri, ordinal=number, license=given["license"], **place),
        negatives=negatives,
    )
    return pair, given["split"]


def _negatives(row: Mapping[str, Any], columns: Found) -> list[str]:
    """The texts of the columns of negatives, in their order, each once; blank ones and nulls are none."""
    texts: list[str] = []
    for column in columns.negatives:
        value = row.get(column)
        values = value if isinstance(value, list) else [value]
        for text in values:
            if text is not None and not isinstance(text, str):
                raise ValueError(f"{column} holds {type(text).__name__}, not texts")
        texts += [text for text in values if text and text.strip()]
    return list(dict.fromkeys(texts))
