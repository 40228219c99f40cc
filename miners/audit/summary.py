"""The summary of some rows of a pair set: numbers only, of bounded size, and mergeable.

What comes in: tables of `SUMMARY_COLUMNS`. What comes out: counts, histograms, hash samples, and the *places* of rows
worth showing; the texts themselves are read again, by place, once the summaries are merged. Merged in any order,
over any cut of the set into files and any number of workers, the same rows give the same figures.
"""

from __future__ import annotations

import pickle
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.audit.checks import CHECK_COLUMNS, CheckConfig, Checks
from miners.audit.drops import Drops
from miners.audit.evidence import Removals, Rule, add_evidence
from miners.audit.extras import Extras
from miners.audit.extremes import Extremes
from miners.audit.hashing import combine, hash_strings, mix, sampled
from miners.audit.lengths import Lengths
from miners.audit.place import Place, place_of_row
from miners.audit.value_counts import ValueCounts
from schemas.pair import DOCSTRING_KINDS, SPLITS

SUMMARY_COLUMNS = (
    *CHECK_COLUMNS,
    "cluster",
    "signals.docstring_language",
    "signals.quality",
)
"""What a summary reads of each row: no text of either side."""

MEASURES = ("anchor_chars", "anchor_words", "positive_chars", "positive_words")
VALUES = ("pair", "anchor", "positive", "group")
LABEL_CHARS = 80
"""Licence names and the like are cut to this length: some packages state the whole licence."""

_HASHES = ("key", "source", "anchor", "positive", "cluster", "group")
ROW_TYPE = np.dtype(
    [*((name, np.uint64) for name in _HASHES), ("split", np.int8), ("file", np.int32), ("row", np.int64)]
)


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """What the summaries of one audit share. `rows` is the set's size, from its manifest."""

    rows: int
    seed: int = 0
    sample_rows: int = 1 << 20
    """Sets up to this size are measured whole; of larger ones about this many rows' hashes are kept."""
    checks: CheckConfig = field(default_factory=CheckConfig)
    shown_per_language: int = 6
    shown_extremes: int = 3

    @property
    def rate(self) -> float:
        """The share of rows, and of hash values, that is kept."""
        return 1.0 if self.rows <= self.sample_rows else self.sample_rows / self.rows


@dataclass
class Summary:
    """See the module. `add` rows, `merge` summaries made with the same config, `to_bytes` to hand one on."""

    config: AuditConfig
    pairs: Counter[tuple[str, str, str | None, str]] = field(default_factory=Counter)
    """Rows by (split, kind, language, source)."""
    licenses: Counter[str | None] = field(default_factory=Counter)
    years: Counter[str | None] = field(default_factory=Counter)
    docstring_languages: Counter[str | None] = field(default_factory=Counter)
    lengths: dict[tuple[str, str | None, str], Lengths] = field(default_factory=dict)
    """By (kind, language, measure)."""
    values: dict[str, ValueCounts] = field(default_factory=dict)
    """Of a set that is too large to be measured whole: by `VALUES`, of a share of the values; see `counts_of`."""
    samples: dict[tuple[str, str | None], list[Place]] = field(default_factory=dict)
    """The rows with the smallest keyed hashes, by (kind, language)."""
    extremes: Extremes = field(init=False)
    clustered: int = 0
    """Rows that have a cluster: all of a set that went through dedupe, none before."""
    removals: dict[Rule, Removals] = field(default_factory=dict)
    """What dedupe removed, from the set's evidence."""
    checks: Checks = field(init=False)
    drops: Drops = field(default_factory=Drops)
    """Samples of what jobs on the way dropped, from the rejects that they kept."""
    extras: Extras = field(default_factory=Extras)
    """Of another set, of scores and of a tokenizer, where they were asked for."""
    _hashes: list[np.ndarray] = field(default_factory=list)
    _in_order: bool = False

    def __post_init__(self) -> None:
        self.extremes = Extremes(self.config.shown_extremes)
        self.checks = Checks(self.config.checks, self.config.checks.rate(self.config.rows), self.config.seed)
        if self.config.rate < 1:
            salt = int(mix(np.array([self.config.seed & (2**64 - 1)], dtype=np.uint64))[0])
            self.values = {name: ValueCounts(self.config.rate, len(SPLITS), salt) for name in VALUES}

    @property
    def rows(self) -> int:
        """How many rows were added."""
        return sum(self.pairs.values())

    def add(self, table: pa.Table, split: str, file: int, first_row: int) -> None:
        """Take in rows of one split, with `SUMMARY_COLUMNS`; `first_row` is the first one's place in `file`."""
        if not table.num_rows:
            return
        kinds, languages, sources = (_coded(table.column(name)) for name in ("kind", "language", "source"))
        signals = _fields(table.column("signals"))
        provenance = _fields(table.column("provenance"))
        self._count_labels(split, kinds, languages, sources)
        self.licenses.update(_labels(provenance["license"]))
        self.years.update(_years(provenance["date"]))
        if "docstring_language" in signals:
            self.docstring_languages.update(_docstring_languages(signals["docstring_language"], kinds))
        self.clustered += table.num_rows - table.column("cluster").null_count
        measures = {name: _integers(signals[name]) for name in MEASURES}
        rows = _hash_rows(table, sources, SPLITS.index(split), file, first_row, self.config.seed)
        self._count_values(rows, SPLITS.index(split))
        self._hashes.append(rows[sampled(rows["key"], self.config.rate)])
        self._in_order = False
        for kind, language, at in _blocks(kinds, languages):
            for name in MEASURES:
                values = measures[name][at]
                self.lengths.setdefault((kind, language, name), Lengths()).add(values[values >= 0])
            self._keep_samples((kind, language), _places(rows[at], self.config.shown_per_language))
        for kind, at in _kind_blocks(kinds):
            self.extremes.add(kind, signals, at, rows)

    def add_evidence(self, table: pa.Table) -> None:
        """Take in rows of an evidence file."""
        add_evidence(self.removals, table, self.config.seed & (2**64 - 1))

    def add_rejects(self, table: pa.Table, job: str) -> None:
        """Take in rows of a file of rejects that `job` wrote: of this set, or of one that it was made of."""
        self.drops.add(table, job, self.config.seed & (2**64 - 1))

    def merge(self, other: Summary) -> None:
        """Add a summary of other rows of the same set; ValueError if it was made with another config."""
        if other.config != self.config:
            raise ValueError("two summaries of different configs do not add up; make both with one AuditConfig")
        self.pairs.update(other.pairs)
        self.licenses.update(other.licenses)
        self.years.update(other.years)
        self.docstring_languages.update(other.docstring_languages)
        for key, lengths in other.lengths.items():
            self.lengths.setdefault(key, Lengths()).merge(lengths)
        for name, counts in other.values.items():
            self.values[name].merge(counts)
        for kind_language, places in other.samples.items():
            self._keep_samples(kind_language, places)
        self.extremes.merge(other.extremes)
        self.drops.merge(other.drops)
        self.checks.merge(other.checks)
        self.extras.merge(other.extras)
        self.clustered += other.clustered
        for rule, removals in other.removals.items():
            self.removals.setdefault(rule, Removals()).merge(removals)
        self._hashes.extend(other._hashes)
        self._in_order = False

    def row_hashes(self) -> np.ndarray:
        """The sampled rows' hashes (`ROW_TYPE`), by key."""
        if not self._in_order:
            parts, self._hashes = self._hashes, []
            rows = np.concatenate([np.zeros(0, dtype=ROW_TYPE), *parts])
            del parts  # or three copies are in memory
            self._hashes, self._in_order = [rows[np.lexsort((rows["row"], rows["file"], rows["key"]))]], True
        return self._hashes[0]

    def counts_of(self, name: str) -> ValueCounts:
        """Rows of each `pair` (equal hashes of both sides), `anchor`, `positive` or `group`: of all values, or of a
        share of them; where the set is measured whole also of each `cluster`."""
        if self.config.rate < 1:
            return self.values[name]
        rows, counts = self.row_hashes(), ValueCounts(1.0, len(SPLITS))
        for split in np.unique(rows["split"]).tolist():
            at = rows["split"] == split
            pair = combine(rows["anchor"][at], rows["positive"][at]) if name == "pair" else None
            counts.add(rows[name][at] if pair is None else pair, split)
        counts.compact()
        return counts

    def compact(self) -> None:
        """Sum up what was added."""
        for counts in self.values.values():
            counts.compact()
        self.row_hashes()
        self.extras.compact()

    def to_bytes(self) -> bytes:
        """For another worker of the same job; `from_bytes` reads it."""
        self.compact()
        return zlib.compress(pickle.dumps(self, protocol=5), 1)

    @staticmethod
    def from_bytes(data: bytes) -> Summary:
        """What `to_bytes` of this job wrote; never for bytes from elsewhere."""
        return pickle.loads(zlib.decompress(data))

    def _count_labels(self, split: str, kinds: _Coded, languages: _Coded, sources: _Coded) -> None:
        codes = (kinds.codes * len(languages.names) + languages.codes) * len(sources.names) + sources.codes
        for code, n in zip(*np.unique(codes, return_counts=True), strict=True):
            rest, source = divmod(int(code), len(sources.names))
            kind, language = divmod(rest, len(languages.names))
            key = (split, str(kinds.names[kind]), languages.names[language], str(sources.names[source]))
            self.pairs[key] += int(n)

    def _count_values(self, rows: np.ndarray, split: int) -> None:
        for name, counts in self.values.items():
            counts.add(combine(rows["anchor"], rows["positive"]) if name == "pair" else rows[name], split)

    def _keep_samples(self, key: tuple[str, str | None], places: Sequence[Place]) -> None:
        self.samples[key] = sorted([*self.samples.get(key, ()), *places])[: self.config.shown_per_language]


@dataclass(frozen=True, slots=True)
class _Coded:
    """A column of names as codes into a list."""

    codes: np.ndarray
    names: list[str | None]


def _coded(column: pa.ChunkedArray) -> _Coded:
    array = column.cast(pa.string()).combine_chunks().dictionary_encode(null_encoding="encode")
    return _Coded(array.indices.to_numpy(zero_copy_only=False).astype(np.int64), array.dictionary.to_pylist())


def _fields(column: pa.ChunkedArray) -> dict[str, pa.Array]:
    """The fields of a struct column, the struct's own nulls taken over."""
    array = column.combine_chunks()
    return {f.name: pc.struct_field(array, f.name) for f in array.type}


def _integers(array: pa.Array) -> np.ndarray:
    """As int64, with -1 where there is none."""
    return pc.fill_null(array.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)


def _labels(array: pa.Array) -> Counter[str | None]:
    counts: Counter[str | None] = Counter()
    for item in pc.value_counts(array).to_pylist():
        label = item["values"]
        counts[label[:LABEL_CHARS] if label else None] += item["counts"]
    return counts


def _years(array: pa.Array) -> Counter[str | None]:
    counts: Counter[str | None] = Counter()
    for label, n in _labels(pc.utf8_slice_codeunits(array, 0, 5)).items():
        is_year = label is not None and label[:4].isascii() and label[:4].isdigit() and label[4:] in ("", "-")
        counts[label[:4] if label is not None and is_year else None] += n
    return counts


def _docstring_languages(array: pa.Array, kinds: _Coded) -> Counter[str | None]:
    """Only of the kinds whose anchor is documentation of code."""
    wanted = [i for i, kind in enumerate(kinds.names) if kind in DOCSTRING_KINDS]
    return _labels(array.filter(pa.array(np.isin(kinds.codes, wanted)))) if wanted else Counter()


def _unsigned(column: pa.ChunkedArray) -> np.ndarray:
    return column.combine_chunks().to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)


def _hash_rows(table: pa.Table, sources: _Coded, split: int, file: int, first_row: int, seed: int) -> np.ndarray:
    rows = np.zeros(table.num_rows, dtype=ROW_TYPE)
    rows["key"] = hash_strings(table.column("row_id").to_pylist(), seed & (2**64 - 1))
    rows["source"] = hash_strings(str(name) for name in sources.names)[sources.codes]
    rows["anchor"] = _unsigned(table.column("anchor_hash"))
    rows["positive"] = _unsigned(table.column("positive_hash"))
    groups = _coded(table.column("group"))
    rows["group"] = hash_strings(str(name) for name in groups.names)[groups.codes]
    cluster = table.column("cluster").combine_chunks()
    known = pc.is_valid(cluster).to_numpy(zero_copy_only=False)
    named = pc.fill_null(cluster, 0).to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
    # A row without a cluster is one of its own: null never equals null.
    rows["cluster"] = np.where(known, mix(named), mix(rows["key"] ^ np.uint64(0xC1)))
    rows["split"], rows["file"] = split, file
    rows["row"] = np.arange(first_row, first_row + table.num_rows)
    return rows


def _blocks(kinds: _Coded, languages: _Coded) -> list[tuple[str, str | None, np.ndarray]]:
    codes = kinds.codes * len(languages.names) + languages.codes
    found = []
    for code in np.unique(codes):
        kind, language = divmod(int(code), len(languages.names))
        found.append((str(kinds.names[kind]), languages.names[language], np.flatnonzero(codes == code)))
    return found


def _kind_blocks(kinds: _Coded) -> list[tuple[str, np.ndarray]]:
    return [(str(kinds.names[code]), np.flatnonzero(kinds.codes == code)) for code in np.unique(kinds.codes)]


def _places(rows: np.ndarray, n: int) -> list[Place]:
    return [place_of_row(rows[i]) for i in np.argsort(rows["key"], kind="stable")[:n]]


def source_hash(name: str) -> int:
    """The value of a source's name in `ROW_TYPE`'s `source`."""
    return int(hash_strings([name])[0])
