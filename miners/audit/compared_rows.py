"""What a comparison of two sets needs of one of them: its rows' ids, its groups, and a seeded sample of its signals.

Mergeable, and bounded in size: ids and groups of large sets are a seeded share of the values (the same values in both
sets, whatever their rows), and the sample is drawn by a keyed hash of the row_id, so that a row of both sets is drawn
in both or in neither, as far as their sizes allow.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.audit.hashing import hash_strings, mix, sampled
from miners.audit.value_counts import ValueCounts
from schemas.pair import SPLITS

COMPARED_COLUMNS = (
    "row_id",
    "pair_id",
    "kind",
    "source",
    "language",
    "group",
    "signals.anchor_chars",
    "signals.anchor_words",
    "signals.positive_chars",
    "signals.positive_words",
    "signals.language_score",
    "signals.docstring_language",
    "signals.quality",
    "provenance.license",
    "provenance.date",
)
"""What is read of each row: no text of either side."""
LENGTHS = ("anchor_chars", "anchor_words", "positive_chars", "positive_words")
SCORE = "language_score"
ID_TYPE = np.dtype([("id", np.uint64), ("split", np.int8)])
SIDES = ("set", "other")
LABELS = ("split", "kind", "language", "source", "license", "year", "docstring_language")


@dataclass(frozen=True, slots=True)
class CompareConfig:
    """What both sides of a comparison share. `rows` is the size of the larger set."""

    rows: int
    seed: int = 0
    sample_rows: int = 1 << 15
    """About this many rows of a set of `rows` are sampled for tests of their signals."""
    permutations: int = 1999
    """Times that groups change sides in the tests; the least p-value is one in one more than that."""
    id_rows: int = 1 << 21
    """Sets up to this size are compared row by row; of larger ones about this many ids."""

    @property
    def id_rate(self) -> float:
        """The share of ids and of groups that is kept."""
        return 1.0 if self.rows <= self.id_rows else self.id_rows / self.rows

    @property
    def sample_rate(self) -> float:
        """The share of rows whose signals are kept."""
        return 1.0 if self.rows <= self.sample_rows else self.sample_rows / self.rows


@dataclass
class ComparedRows:
    """See the module. `add` rows, `merge` others of the same set."""

    config: CompareConfig
    samples: list[pa.Table] = field(default_factory=list)
    """`group`, `LABELS`, and a column of float32 a signal; `key` orders the rows."""
    row_ids: list[np.ndarray] = field(default_factory=list)
    pair_ids: list[np.ndarray] = field(default_factory=list)
    groups: ValueCounts = field(init=False)

    def __post_init__(self) -> None:
        self.groups = ValueCounts(self.config.id_rate, 1)

    def add(self, table: pa.Table, split: int) -> None:
        """Take in rows of one split (its place in `SPLITS`), with `COMPARED_COLUMNS`."""
        if not table.num_rows:
            return
        row_ids = hash_strings(table.column("row_id").to_pylist())
        pair_ids = hash_strings(table.column("pair_id").to_pylist())
        kept = row_ids[sampled(row_ids, self.config.id_rate)]
        ids = np.empty(len(kept), ID_TYPE)
        ids["id"], ids["split"] = kept, split
        self.row_ids.append(ids)
        self.pair_ids.append(pair_ids[sampled(pair_ids, self.config.id_rate)])
        groups = table.column("group").combine_chunks().dictionary_encode()
        self.groups.add(hash_strings(groups.dictionary.to_pylist())[groups.indices.to_numpy()], 0)
        keys = mix(row_ids ^ np.uint64(self.config.seed % 2**64))
        chosen = np.flatnonzero(sampled(keys, self.config.sample_rate))
        self.samples.append(_sampled(table.take(chosen), keys[chosen], split))

    def merge(self, other: ComparedRows) -> None:
        """Add other rows of the same set; ValueError if they were taken in with another config."""
        if other.config != self.config:
            raise ValueError("rows of different configs do not add up; compare with one CompareConfig")
        self.samples += other.samples
        self.row_ids += other.row_ids
        self.pair_ids += other.pair_ids
        self.groups.merge(other.groups)

    def sample(self) -> pa.Table:
        """The sampled rows, in order of their keys; a signal that a part of the rows lacks is null there."""
        none = pa.table(
            {"key": pa.array([], pa.uint64()), **{n: pa.array([], pa.string()) for n in ("group", *LABELS)}}
        )
        return pa.concat_tables([none, *self.samples], promote_options="default").sort_by("key").combine_chunks()

    def ids(self) -> tuple[np.ndarray, np.ndarray]:
        """Hashes of the rows (`ID_TYPE`) and of the distinct pairs, sorted."""
        rows = np.concatenate([np.empty(0, ID_TYPE), *self.row_ids])
        pairs = np.concatenate([np.empty(0, np.uint64), *self.pair_ids])
        return np.sort(rows, order="id"), np.unique(pairs)

    def compact(self) -> None:
        """Sum up what was added."""
        self.groups.compact()
        self.samples = [self.sample()]
        rows, pairs = self.ids()
        self.row_ids, self.pair_ids = [rows], [pairs]


def _sampled(rows: pa.Table, keys: np.ndarray, split: int) -> pa.Table:
    signals, provenance = (rows.column(name).combine_chunks() for name in ("signals", "provenance"))
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "key": pa.array(keys, pa.uint64()),
        "group": rows.column("group"),
        "split": pa.array([SPLITS[split]] * len(keys), pa.string()),
        **{name: rows.column(name).cast(pa.string()) for name in ("kind", "language", "source")},
        "license": pc.struct_field(provenance, "license"),
        "year": pc.utf8_slice_codeunits(pc.struct_field(provenance, "date"), 0, 4),
        "docstring_language": pc.struct_field(signals, "docstring_language"),
    }
    for name in (*LENGTHS, SCORE):
        columns[name] = pc.struct_field(signals, name).cast(pa.float32())
    qualities: dict[str, np.ndarray] = {}
    for i, found in enumerate(pc.struct_field(signals, "quality").to_pylist()):
        for entry in found or ():
            values = qualities.setdefault(f"quality.{entry['name']}", np.full(len(keys), np.nan, np.float32))
            values[i] = np.nan if entry["value"] is None else entry["value"]
    columns |= {name: pa.array(values, from_pandas=True) for name, values in sorted(qualities.items())}
    return pa.table(columns)
