"""What a pair is: the record in Python, and the one Arrow schema of every file of pairs.

A column that a kind does not have is null, never missing. `docs/pair-set.md` explains every field to users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter

import pyarrow as pa

from schemas.ids import pair_id as make_pair_id
from schemas.ids import row_id as make_row_id
from schemas.side_hash import anchor_is_code, positive_is_code, side_hash

NEIGHBOR_TEXT = "neighbor_text"
TITLE_BODY = "title_body"
HEADING_SECTION = "heading_section"
DOCSTRING_CODE = "docstring_code"
DOCSTRING_CLASS = "docstring_class"
DOCSTRING_MODULE = "docstring_module"
QUERY_PASSAGE = "query_passage"
NLI = "nli"
TEXT_PAIR = "text_pair"
WEB_KINDS = (NEIGHBOR_TEXT, TITLE_BODY, HEADING_SECTION)
DOCSTRING_KINDS = (DOCSTRING_CODE, DOCSTRING_CLASS, DOCSTRING_MODULE)
"""Documentation and code: of a function, of a class, of a whole file."""
IMPORTED_KINDS = (QUERY_PASSAGE, NLI, TEXT_PAIR)
"""Other people's: a question and its answer, a premise and what follows from it, any two texts that belong together."""
KINDS = (*WEB_KINDS, *DOCSTRING_KINDS, *IMPORTED_KINDS)
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a pair stood: enough to read its bytes again."""

    uri: str | None = None
    """The input file, as it was given."""
    offset: int | None = None
    """Byte offset of the WARC record in that file (of the compressed member where it is compressed); in a table of
    code the number of the row, or the offset of its line."""
    url: str | None = None
    repo: str | None = None
    revision: str | None = None
    path: str | None = None
    start_byte: int | None = None
    end_byte: int | None = None
    start_line: int | None = None
    """One-based, of the declaration."""
    end_line: int | None = None
    symbol: str | None = None
    ordinal: int | None = None
    """Zero-based: of a page, the place of the anchor passage; of a table or a file of lines, the row or the line."""
    license: str | None = None
    """SPDX identifier."""
    date: str | None = None
    """ISO 8601, UTC: when the page was captured or the revision made."""
    docstring_raw: str | None = None
    comment_rule: str | None = None
    """By which rule a comment was taken for the function's documentation."""


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter, a result or an error as documentation states it. What it does not state is None."""

    name: str | None
    type: str | None
    description: str | None


@dataclass(frozen=True, slots=True)
class Documentation:
    """What else is known of the documentation in the anchor."""

    docstring: str | None = None
    """All of it, cleaned; None where that is the anchor."""
    summary: str | None = None
    """Its first paragraph; None where that is the anchor."""
    style: str | None = None
    """How its parts are written: `google`, `jsdoc`, …; None where it states none."""
    parameters: tuple[Part, ...] = ()
    returns: tuple[Part, ...] = ()
    raises: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Signals:
    """Measures of a pair's two sides. Lengths are in Unicode code points and in white-space-separated words."""

    anchor_chars: int
    anchor_words: int
    positive_chars: int
    positive_words: int
    language_score: float | None = None
    docstring_language: str | None = None
    quality: tuple[tuple[str, float], ...] = ()
    """(name, value) of the quality signals that the miner measured; names are listed in the documentation."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of a pair set. Made by `make_pair`, which fills in ids, hashes and lengths."""

    row_id: str
    pair_id: str
    kind: str
    source: str
    language: str | None
    anchor: str
    positive: str
    negatives: tuple[str, ...]
    anchor_hash: int
    positive_hash: int
    negative_hashes: tuple[int, ...]
    cluster: int | None
    group: str
    signals: Signals
    provenance: Provenance
    documentation: Documentation | None = None


_NAMES = pa.dictionary(pa.int32(), pa.string())

SIGNALS_TYPE = pa.struct(
    [
        pa.field("anchor_chars", pa.int32()),
        pa.field("anchor_words", pa.int32()),
        pa.field("positive_chars", pa.int32()),
        pa.field("positive_words", pa.int32()),
        pa.field("language_score", pa.float32()),
        pa.field("docstring_language", pa.string()),
        pa.field("quality", pa.list_(pa.struct([("name", pa.string()), ("value", pa.float32())]))),
    ]
)

PROVENANCE_TYPE = pa.struct(
    [
        pa.field("uri", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("url", pa.string()),
        pa.field("repo", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("path", pa.string()),
        pa.field("start_byte", pa.int64()),
        pa.field("end_byte", pa.int64()),
        pa.field("start_line", pa.int32()),
        pa.field("end_line", pa.int32()),
        pa.field("symbol", pa.string()),
        pa.field("ordinal", pa.int32()),
        pa.field("license", pa.string()),
        pa.field("date", pa.string()),
        pa.field("docstring_raw", pa.string()),
        pa.field("comment_rule", pa.string()),
    ]
)

_PARTS = pa.list_(pa.struct([("name", pa.string()), ("type", pa.string()), ("description", pa.string())]))
DOCUMENTATION_TYPE = pa.struct(
    [
        pa.field("docstring", pa.string()),
        pa.field("summary", pa.string()),
        pa.field("style", pa.string()),
        pa.field("parameters", _PARTS),
        pa.field("returns", _PARTS),
        pa.field("raises", _PARTS),
    ]
)

SCHEMA = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("pair_id", pa.string(), nullable=False),
        pa.field("kind", _NAMES, nullable=False),
        pa.field("source", _NAMES, nullable=False),
        pa.field("language", _NAMES),
        pa.field("anchor", pa.string(), nullable=False),
        pa.field("positive", pa.string(), nullable=False),
        pa.field("negatives", pa.list_(pa.string()), nullable=False),
        pa.field("anchor_hash", pa.int64(), nullable=False),
        pa.field("positive_hash", pa.int64(), nullable=False),
        pa.field("negative_hashes", pa.list_(pa.int64()), nullable=False),
        pa.field("cluster", pa.int64()),
        pa.field("group", pa.string(), nullable=False),
        pa.field("signals", SIGNALS_TYPE),
        pa.field("provenance", PROVENANCE_TYPE),
        pa.field("documentation", DOCUMENTATION_TYPE),
    ]
)
ADDED_COLUMNS = {2: ("documentation",)}
"""Columns that a version of the schema added to the one before it; all of them may be null."""


def schema_of_version(version: int) -> pa.Schema:
    """The schema that files of a pair set of that version have."""
    later = [name for added, names in ADDED_COLUMNS.items() if added > version for name in names]
    return pa.schema([field for field in SCHEMA if field.name not in later])


def in_schema(table: pa.Table) -> pa.Table:
    """The table in `SCHEMA`: columns in its order, those that an earlier version lacks as nulls."""
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(table.num_rows, field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def make_signals(anchor: str, positive: str, **measured: object) -> Signals:
    """The signals of a pair: the lengths of both sides and whatever else was `measured` (fields of `Signals`)."""
    return Signals(
        anchor_chars=len(anchor),
        anchor_words=_word_count(anchor),
        positive_chars=len(positive),
        positive_words=_word_count(positive),
        **measured,  # type: ignore[arg-type]
    )


@lru_cache(maxsize=64)
def _word_count(text: str) -> int:
    """Kept for a while: neighbouring pairs share a side."""
    return len(text.split())


def make_pair(
    *,
    kind: str,
    language: str | None,
    anchor: str,
    positive: str,
    place: Sequence[str | int],
    group: str | None,
    provenance: Provenance,
    signals: Signals | None = None,
    source: str | None = None,
    negatives: Sequence[str] = (),
    documentation: Documentation | None = None,
) -> Pair:
    """A whole row from what a miner knows.

    `place` is where this occurrence stood (see `schemas.ids.row_id`); a `group` of None becomes the row's own id,
    so that an ungrouped row is split alone; `source` defaults to ``kind/language`` (to the kind, where the language is
    not known).
    Raises ValueError for an empty side: such a pair has to be dropped with a reason before it comes here.
    """
    if not anchor.strip() or not positive.strip():
        raise ValueError("a pair needs two sides that are not blank; drop it with a reason instead")
    content = make_pair_id(kind, anchor, positive)
    occurrence = make_row_id(content, place)
    is_code = positive_is_code(kind)
    return Pair(
        row_id=occurrence,
        pair_id=content,
        kind=kind,
        source=source or (f"{kind}/{language}" if language else kind),
        language=language,
        anchor=anchor,
        positive=positive,
        negatives=tuple(negatives),
        anchor_hash=side_hash(anchor, is_code=anchor_is_code(kind)),
        positive_hash=side_hash(positive, is_code=is_code),
        negative_hashes=tuple(side_hash(text, is_code=is_code) for text in negatives),
        cluster=None,
        group=group if group else occurrence,
        signals=signals or make_signals(anchor, positive),
        provenance=provenance,
        documentation=documentation,
    )


def pairs_to_table(pairs: Sequence[Pair]) -> pa.Table:
    """The rows as an Arrow table in `SCHEMA`, in the order given."""
    arrays = []
    for field in SCHEMA:
        values = list(map(attrgetter(field.name), pairs))
        if field.name == "signals":
            arrays.append(_struct_array(values, SIGNALS_TYPE))
        elif field.name == "provenance":
            arrays.append(_struct_array(values, PROVENANCE_TYPE))
        elif field.name == "documentation":
            arrays.append(pa.array(list(map(_documentation_value, values)), DOCUMENTATION_TYPE))
        else:
            arrays.append(_column(values, field.type))
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _struct_array(records: Sequence[object], kind: pa.StructType) -> pa.Array:
    columns = [_column(list(map(attrgetter(field.name), records)), field.type) for field in kind]
    return pa.StructArray.from_arrays(columns, fields=list(kind))


def _documentation_value(known: Documentation | None) -> dict[str, object] | None:
    if known is None:
        return None
    return {
        "docstring": known.docstring,
        "summary": known.summary,
        "style": known.style,
        "parameters": list(map(_part_value, known.parameters)),
        "returns": list(map(_part_value, known.returns)),
        "raises": list(map(_part_value, known.raises)),
    }


def _part_value(part: Part) -> dict[str, str | None]:
    return {"name": part.name, "type": part.type, "description": part.description}


def _column(values: list, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode().cast(kind)
    return pa.array(values, kind)
