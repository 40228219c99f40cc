"""Pairs of one document in columns: what they have in common once, and lists of what differs.

A crawl gives thousands of pairs a second; made one by one, each with records of its own, they cost a sixth of mining.
Row for row a batch is what `make_pair` makes, and `batches_to_table` what `pairs_to_table` makes of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.ids import length_prefix, length_prefixed, numbered_row_ids
from schemas.pair import PROVENANCE_TYPE, SCHEMA, SIGNALS_TYPE, Pair, Provenance, make_pair, make_signals
from schemas.side_hash import normalize_ascii, normalize_words, to_signed


class TextSide(NamedTuple):
    """A side that is text, with what every pair that it is in needs of it."""

    text: str
    side_hash: int
    words: int
    sized: bytes
    """In UTF-8, behind its length (see `schemas.ids.length_prefixed`)."""


def text_side(text: str) -> TextSide:
    """Raises ValueError for a blank text: such a pair has to be dropped with a reason."""
    encoded = text.encode()
    if len(encoded) == len(text):  # ASCII: the words of what is hashed are the text's
        hashed = normalize_ascii(encoded)
        words = hashed.count(b" ") + 1 if hashed else 0
    else:
        normal, words = normalize_words(text)
        hashed = normal.encode()
    if not words:
        raise ValueError("a pair needs two sides that are not blank; drop it with a reason instead")
    value = to_signed(xxhash.xxh3_64_intdigest(hashed))
    return TextSide(text, value, words, length_prefix(len(encoded)) + encoded)


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pairs without negatives whose sides are text, in order; the lists are of one length."""

    place: tuple[str | int, ...]
    """See `schemas.ids.row_id`; a row's own place ends with its ordinal."""
    group: str | None
    provenance: Provenance
    """Of all of them but for the ordinal."""
    quality: tuple[tuple[str, float], ...]
    kinds: Sequence[str]
    languages: Sequence[str]
    anchors: Sequence[TextSide]
    positives: Sequence[TextSide]
    ordinals: Sequence[int]
    language_scores: Sequence[float]
    source: str | None = None
    """Of all of them; without it `kind/language`."""

    def __len__(self) -> int:
        return len(self.kinds)

    def pairs(self) -> Iterator[Pair]:
        """The same, one by one."""
        columns = (self.kinds, self.languages, self.anchors, self.positives, self.ordinals, self.language_scores)
        for kind, language, anchor, positive, ordinal, score in zip(*columns, strict=True):
            yield make_pair(
                kind=kind,
                language=language,
                anchor=anchor.text,
                positive=positive.text,
                place=(*self.place, ordinal),
                group=self.group,
                provenance=replace(self.provenance, ordinal=ordinal),
                signals=make_signals(anchor.text, positive.text, language_score=score, quality=self.quality),
                source=self.source,
            )


def batches_to_table(batches: Sequence[PairBatch]) -> pa.Table:
    """The rows of the batches as an Arrow table in `SCHEMA`, in the order given."""
    batches = [batch for batch in batches if len(batch)]
    of_batch = pa.array(np.repeat(np.arange(len(batches)), [len(batch) for batch in batches]))
    anchors, positives = _joined(batches, "anchors"), _joined(batches, "positives")
    pair_ids, row_ids = _ids(batches)
    columns = {
        "row_id": row_ids,
        "pair_id": pair_ids,
        "kind": _names(_joined(batches, "kinds")),
        "source": _names(list(chain.from_iterable(map(_sources, batches)))),
        "language": _names(_joined(batches, "languages")),
        "anchor": pa.array([side.text for side in anchors], pa.string()),
        "positive": pa.array([side.text for side in positives], pa.string()),
        "negatives": _empty_lists(len(row_ids), pa.string()),
        "anchor_hash": pa.array([side.side_hash for side in anchors], pa.int64()),
        "positive_hash": pa.array([side.side_hash for side in positives], pa.int64()),
        "negative_hashes": _empty_lists(len(row_ids), pa.int64()),
        "group": pc.coalesce(_repeated([batch.group or None for batch in batches], of_batch, pa.string()), row_ids),
        "signals": _signals(batches, of_batch, anchors, positives),
        "provenance": _provenance(batches, of_batch),
    }
    return pa.Table.from_arrays(_in_order(columns, SCHEMA, len(row_ids)), schema=SCHEMA)


def _joined(batches: Sequence[PairBatch], name: str) -> list:
    """One of the lists, of all batches."""
    return list(chain.from_iterable(map(attrgetter(name), batches)))


def _ids(batches: Sequence[PairBatch]) -> tuple[pa.Array, pa.Array]:
    """The pair ids and the row ids."""
    pairs: list[str] = []
    rows: list[str] = []
    for batch in batches:
        own = _pair_ids(batch)
        pairs += own
        rows += numbered_row_ids(own, batch.place, batch.ordinals)
    return pa.array(pairs, pa.string()), pa.array(rows, pa.string())


def _pair_ids(batch: PairBatch) -> list[str]:
    kinds = {kind: length_prefixed(kind.encode()) for kind in set(batch.kinds)}
    sides = zip(batch.kinds, batch.anchors, batch.positives, strict=True)
    return [xxhash.xxh3_128_hexdigest(kinds[kind] + anchor.sized + positive.sized) for kind, anchor, positive in sides]


def _sources(batch: PairBatch) -> Sequence[str]:
    if batch.source:
        return [batch.source] * len(batch)
    return [f"{kind}/{language}" for kind, language in zip(batch.kinds, batch.languages, strict=True)]


def _signals(
    batches: Sequence[PairBatch], of_batch: pa.Array, anchors: Sequence[TextSide], positives: Sequence[TextSide]
) -> pa.Array:
    columns = {
        "anchor_chars": pa.array([len(side.text) for side in anchors], pa.int32()),
        "anchor_words": pa.array([side.words for side in anchors], pa.int32()),
        "positive_chars": pa.array([len(side.text) for side in positives], pa.int32()),
        "positive_words": pa.array([side.words for side in positives], pa.int32()),
        "language_score": pa.array(_joined(batches, "language_scores"), pa.float32()),
        "quality": _repeated([batch.quality for batch in batches], of_batch, SIGNALS_TYPE.field("quality").type),
    }
    return _struct(columns, SIGNALS_TYPE, len(of_batch))


def _provenance(batches: Sequence[PairBatch], of_batch: pa.Array) -> pa.Array:
    columns = {"ordinal": pa.array(_joined(batches, "ordinals"), pa.int32())}
    for field in PROVENANCE_TYPE:
        values = [getattr(batch.provenance, field.name) for batch in batches]
        if field.name not in columns and any(value is not None for value in values):
            columns[field.name] = _repeated(values, of_batch, field.type)
    return _struct(columns, PROVENANCE_TYPE, len(of_batch))


def _struct(columns: Mapping[str, pa.Array], kind: pa.StructType, rows: int) -> pa.StructArray:
    return pa.StructArray.from_arrays(_in_order(columns, kind, rows), fields=list(kind))


def _in_order(columns: Mapping[str, pa.Array], fields: Iterable[pa.Field], rows: int) -> list[pa.Array]:
    """The columns in the order of the fields; those that are missing are null."""
    return [columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in fields]


def _repeated(values: Sequence[object], of_batch: pa.Array, kind: pa.DataType) -> pa.Array:
    """Each batch's value once a row."""
    return pa.array(values, kind).take(of_batch)


def _names(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.string()).dictionary_encode().cast(SCHEMA.field("kind").type)


def _empty_lists(rows: int, kind: pa.DataType) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), pa.array([], kind))
