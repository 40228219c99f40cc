"""Plain tables of pairs (Parquet, JSONL) as rows of the pair set's schema, for people who have their pairs already.

In: files with at least `anchor` and `positive`; `kind`, `language`, `group` and `license` are taken where present. Out:
tables in the schema of a pair set, and the rows that are none: a side that is missing or no string, a kind that does
not exist, a line that is no JSON object. A row's id follows from the last part of the file's path and its row number.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from miners.near_duplicates.shingles import bytes_of
from miners.near_duplicates.side_hashes import side_hashes
from pipelines import storage
from pipelines.options import UsageError
from schemas.ids import length_prefixed, numbered_row_ids
from schemas.pair import KINDS, NEIGHBOR_TEXT, PROVENANCE_TYPE, SIGNALS_TYPE, in_schema
from schemas.side_hash import anchor_is_code, positive_is_code

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz")
SIDES = ("anchor", "positive")
EXTRAS = ("kind", "language", "group", "license")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot become a pair: its number in its file, from 0, and why."""

    number: int
    why: str


@dataclass(frozen=True)
class PlainBatch:
    """Rows of one table: what they hold, where they stood, and which of the rows read are bad."""

    pairs: pa.Table
    bad: tuple[BadRow, ...]


def is_plain(path: str) -> bool:
    """Whether the file's name is that of a plain table."""
    return path.endswith(SUFFIXES)


def check_columns(path: str) -> int | None:
    """The rows of a Parquet table (None for JSONL, whose rows are known when it is read). UsageError without sides."""
    if not path.endswith(".parquet"):
        return None
    try:
        with storage.open_read(path) as file:
            parquet = pq.ParquetFile(file)
            schema, rows = parquet.schema_arrow, parquet.metadata.num_rows
    except pa.ArrowException as error:
        raise UsageError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from None
    for name in SIDES:
        if name not in schema.names:
            raise UsageError(f"{path} has no column {name!r}; a table of pairs has `anchor` and `positive`")
    for name in (*SIDES, *EXTRAS):
        if name in schema.names and not _holds_strings(schema.field(name).type):
            raise UsageError(f"{path}: column {name!r} holds {schema.field(name).type}, not strings; convert it")
    return rows


def read_parquet(path: str, groups: Sequence[int], first: int, batch_rows: int) -> Iterator[PlainBatch]:
    """The rows of some row groups, the first of which is row `first` of the file."""
    with storage.open_read(path) as file:
        parquet = pq.ParquetFile(file)
        columns = [name for name in (*SIDES, *EXTRAS) if name in parquet.schema_arrow.names]
        for batch in parquet.iter_batches(batch_rows, row_groups=list(groups), columns=columns):
            given = pa.table({name: batch.column(name).cast(pa.string()) for name in columns})
            yield _make_batch(given, np.arange(first, first + batch.num_rows), path, ())
            first += batch.num_rows


def read_jsonl(path: str, batch_rows: int) -> Iterator[PlainBatch]:
    """The objects of a JSONL file, one a line; blank lines are no rows but count as lines."""
    with ExitStack() as stack:
        file = stack.enter_context(storage.open_read(path))
        if path.endswith(".gz"):
            file = cast(BinaryIO, stack.enter_context(gzip.open(file)))
        rows: list[tuple[int, dict[str, str | None]]] = []
        bad: list[BadRow] = []
        for number, line in enumerate(file):
            if not line.strip():
                continue
            try:
                rows.append((number, _strings_of(json.loads(line))))
            except ValueError as error:
                bad.append(BadRow(number, " ".join(str(error).split())))
            if len(rows) + len(bad) == batch_rows:
                yield _jsonl_batch(rows, bad, path)
                rows, bad = [], []
        yield _jsonl_batch(rows, bad, path)


def _strings_of(value: Any) -> dict[str, str | None]:
    """What a line has of our columns. Raises ValueError for what is no row."""
    if not isinstance(value, dict):
        raise ValueError(f"the line holds no object but {type(value).__name__}")
    row = {name: value.get(name) for name in (*SIDES, *EXTRAS)}
    for name, text in row.items():
        if text is not None and not isinstance(text, str):
            raise ValueError(f"{name} is no string but {type(text).__name__}")
        if text is not None and not text.isascii():
            text.encode()  # UnicodeEncodeError, a ValueError, for half of a surrogate pair
    return row


def _jsonl_batch(rows: list[tuple[int, dict[str, str | None]]], bad: list[BadRow], path: str) -> PlainBatch:
    names = (*SIDES, *EXTRAS)
    given = pa.table({name: pa.array([row[name] for _, row in rows], pa.string()) for name in names})
    return _make_batch(given, np.array([number for number, _ in rows], np.int64), path, bad)


def _make_batch(given: pa.Table, numbers: np.ndarray, path: str, bad: Sequence[BadRow]) -> PlainBatch:
    """Pairs of the rows that have both sides and a kind that exists."""
    count = given.num_rows
    if "kind" in given.column_names:
        kinds = pc.fill_null(given["kind"], NEIGHBOR_TEXT)
    else:
        kinds = pa.chunked_array([pa.array([NEIGHBOR_TEXT] * count, pa.string())])
    reasons = np.full(count, None, object)
    unknown = ~np.asarray(pc.is_in(kinds, pa.array(KINDS)))
    for i in np.flatnonzero(unknown).tolist():
        reasons[i] = f"there is no kind {kinds[i].as_py()!r}; the kinds are {', '.join(KINDS)}"
    for name in SIDES:
        reasons[np.asarray(given[name].is_null())] = f"{name} is missing"
    wrong = np.array([reason is not None for reason in reasons], bool)
    worse = [BadRow(int(numbers[i]), reasons[i]) for i in np.flatnonzero(wrong).tolist()]
    good = pa.array(~wrong)
    pairs = make_pairs(given.filter(good), kinds.filter(good), numbers[~wrong], path)
    return PlainBatch(pairs, tuple(sorted([*bad, *worse], key=lambda row: row.number)))


def make_pairs(given: pa.Table, kinds: pa.ChunkedArray, numbers: np.ndarray, path: str) -> pa.Table:
    """Rows of the pair set's schema. `numbers` are the rows' places in the file."""
    count = given.num_rows
    name = storage.last_part(path)
    kinds = kinds.combine_chunks()
    sides = {side: given[side].combine_chunks() for side in SIDES}
    pair_ids = _pair_ids(kinds, *sides.values())
    row_ids = pa.array(numbered_row_ids(pair_ids, [name], numbers.tolist()), pa.string())
    extras = {extra: _column(given, extra) for extra in EXTRAS[1:]}
    codes = [np.fromiter(map(rule, kinds.to_pylist()), bool, count) for rule in (anchor_is_code, positive_is_code)]
    hashed = {side: side_hashes(sides[side], is_code) for side, is_code in zip(SIDES, codes, strict=True)}
    measures = {f"{side}_chars": pc.utf8_length(sides[side]) for side in SIDES}
    measures |= {f"{side}_words": pa.array(hashed[side][1]) for side in SIDES}
    measures["quality"] = _empty_lists(count, SIGNALS_TYPE.field("quality").type.value_type)
    known = {"uri": pa.array([path] * count), "ordinal": pa.array(numbers), "license": extras["license"]}
    columns = {
        "row_id": row_ids,
        "pair_id": pa.array(pair_ids, pa.string()),
        "kind": kinds,
        "source": pc.if_else(
            pc.is_null(extras["language"]), kinds, pc.binary_join_element_wise(kinds, extras["language"], "/")
        ),
        "language": extras["language"],
        **sides,
        "negatives": _empty_lists(count, pa.string()),
        "anchor_hash": pa.array(hashed["anchor"][0]),
        "positive_hash": pa.array(hashed["positive"][0]),
        "negative_hashes": _empty_lists(count, pa.int64()),
        "cluster": pa.nulls(count, pa.int64()),
        "group": pc.coalesce(extras["group"], row_ids),
        "signals": _struct(measures, SIGNALS_TYPE, count),
        "provenance": _struct(known, PROVENANCE_TYPE, count),
    }
    return in_schema(pa.table(columns))


def _pair_ids(kinds: pa.Array, anchors: pa.StringArray, positives: pa.StringArray) -> list[str]:
    """`schemas.ids.pair_id` of each row, on the bytes of Arrow's arrays: text is neither decoded nor encoded."""
    prefixes = {kind: length_prefixed(kind.encode()) for kind in kinds.unique().to_pylist()}
    parts: list[list[bytes | memoryview]] = [[prefixes[kind] for kind in kinds.to_pylist()]]
    for texts in (anchors, positives):
        codes, offsets = bytes_of(texts)
        data, lengths = memoryview(codes), np.diff(offsets).astype("<u8").tobytes()
        parts.append([lengths[i : i + 8] for i in range(0, len(lengths), 8)])
        parts.append([data[start:end] for start, end in pairwise(offsets.tolist())])
    return list(map(xxhash.xxh3_128_hexdigest, map(b"".join, zip(*parts, strict=True))))


def _holds_strings(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_null(value)


def _column(given: pa.Table, name: str) -> pa.Array:
    """The column, blank values and a column that is not there as nulls."""
    if name not in given.column_names:
        return pa.nulls(given.num_rows, pa.string())
    column = given[name].combine_chunks()
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), pa.scalar(None, pa.string()), column)


def _empty_lists(count: int, kind: pa.DataType) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], kind))


def _struct(known: dict[str, pa.Array], kind: pa.StructType, count: int) -> pa.StructArray:
    """A struct with the known fields; the others are null."""
    arrays = [
        known[field.name].cast(field.type) if field.name in known else pa.nulls(count, field.type) for field in kind
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))
