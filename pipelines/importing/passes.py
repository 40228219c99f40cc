"""The three passes of import: read all files, index the texts that have ids, make pairs of what is said of them.

Tables need the first alone: a row holds its whole pair. Every item is counted in the pass that decides on it; the
ledgers of all units together add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import msgspec
import numpy as np

from miners.near_duplicates.kernels import compiled
from miners.supervised.joining import FATES, KEPT, Joined, Statements, join
from miners.supervised.line_readers import Layout
from miners.supervised.statements import Statement, Text
from miners.supervised.table_rows import EmptySideError, RowRules, pair_of_row
from pipelines.importing.inputs import Source, split_named
from pipelines.importing.lines import BadRow, LineRange, read_lines
from pipelines.importing.segments import PLACE, Segments, TextReader
from pipelines.importing.tables import table_rows
from pipelines.units import SplitPair, Unit
from schemas.ledger import Ledger
from schemas.pair import NLI, SPLITS, Provenance, make_pair
from schemas.rejects import Reject

JOB = "import"
_PAIRS_AT_ONCE = 2048
_MISSING = "missing_text"
_GROUPS = {NLI: "premise"}
"""What the group of a kind is called; `query` where it is not here."""

Made = SplitPair | Reject


@dataclass(frozen=True)
class ReadFiles:
    """First pass: rows of tables become pairs, lines of other layouts a segment."""

    rules: RowRules
    segments: Segments
    keep_rejects: bool
    job: ClassVar[str] = JOB

    def prepare(self) -> None:
        """Load the loops that hash the sides."""
        compiled()

    def mine(self, unit: Unit, ledger: Ledger) -> Iterator[Made]:
        """Read a file, or a range of it."""
        source = msgspec.convert(unit.extra["source"], Source)
        layout = source.layout
        found = self._table(unit, source, ledger) if layout is None else self._lines(unit, source, layout, ledger)
        for made in found:
            if self.keep_rejects or not isinstance(made, Reject):
                yield made

    def _table(self, unit: Unit, source: Source, ledger: Ledger) -> Iterator[Made]:
        if source.broken:
            yield _failed(source, BadRow(0, "unreadable_file", source.broken), ledger)
            return
        if source.columns is None:
            return
        rules = replace(self.rules, language=self.rules.language or source.language)
        for item in table_rows(source.path, _part(unit), unit.extra["groups"], source.columns.names):
            if isinstance(item, BadRow):
                yield _failed(source, item, ledger)
                continue
            number, row = item
            try:
                pair, split = pair_of_row(row, source.columns, rules, source.name, source.path, number)
            except EmptySideError as error:
                _count_row(ledger)
                ledger.drop("pair", "empty_side")
                yield _reject(source, number, "pair", "empty_side", str(error))
            except ValueError as error:
                yield _failed(source, BadRow(number, "bad_row", " ".join(str(error).split())), ledger)
            else:
                _count_row(ledger)
                ledger.keep("pair")
                yield SplitPair(pair, source.split if split is None else split_named(split))

    def _lines(self, unit: Unit, source: Source, layout: Layout, ledger: Ledger) -> Iterator[Reject]:
        read, is_header = layout.reader(), bool(layout.header) and unit.start == 0
        lines = said_count = refused = 0
        with self.segments.write(unit.unit_id) as segment:
            for item in read_lines(source.path, _part(unit)):
                if isinstance(item, BadRow):
                    yield _failed(source, item, ledger)
                    continue
                if is_header:
                    is_header = False
                    continue
                number, line = item
                try:
                    said = read(line)
                except ValueError as error:
                    yield _failed(source, BadRow(number, "bad_row", " ".join(str(error).split())), ledger)
                    continue
                lines += 1
                said_count += len(said)
                for one in said:
                    if isinstance(one, Text):
                        segment.add_text(one, number)
                    elif isinstance(one, Statement):
                        segment.add_statement(one, number)
                    else:
                        refused += 1
                        ledger.drop("record", one.reason)
                        yield _reject(source, number, "record", one.reason, line)
        ledger.read("line", lines)
        ledger.keep("line", lines)
        ledger.made("line", said_count)
        ledger.read("record", refused)


@dataclass(frozen=True)
class IndexTexts:
    """Second pass: where the text of each key of one partition lies; of an id that stands twice the first counts."""

    segments: Segments
    keep_rejects: bool
    job: ClassVar[str] = JOB

    def prepare(self) -> None:
        """Sorting needs nothing."""

    def mine(self, unit: Unit, ledger: Ledger) -> Iterator[Reject]:
        """`unit.start` is the partition."""
        texts, of_segment = self.segments.texts(unit.start)
        order = np.argsort(texts["key"], kind="stable")
        keys = texts["key"][order]
        is_first = np.ones(len(keys), bool)
        is_first[1:] = keys[1:] != keys[:-1]
        places = np.zeros(int(is_first.sum()), PLACE)
        for column in ("offset", "length"):
            places[column] = texts[column][order[is_first]]
        places["segment"] = of_segment[order[is_first]]
        self.segments.write_index(unit.start, keys[is_first], places)
        with_ids = np.array([segment.holds_ids for segment in self.segments.all], bool)[of_segment[order]]
        ledger.read("record", int(with_ids.sum()))
        ledger.keep("record", int((with_ids & is_first).sum()))
        repeated = order[with_ids & ~is_first]
        ledger.drop("record", "same_id", len(repeated))
        for i in repeated.tolist() if self.keep_rejects else ():
            place = Provenance(uri=self.segments.all[of_segment[i]].uri, ordinal=int(texts["number"][i]))
            yield Reject("record", "same_id", place)


@dataclass(frozen=True)
class MakePairs:
    """Third pass: the statements of one partition, joined, with their texts."""

    segments: Segments
    most_negatives: int
    seed: int
    keep_rejects: bool
    job: ClassVar[str] = JOB

    def prepare(self) -> None:
        """Load the loops that hash the sides."""
        compiled()

    def mine(self, unit: Unit, ledger: Ledger) -> Iterator[Made]:
        """`unit.start` is the partition."""
        items, of_segment = self.segments.statements(unit.start)
        kinds = sorted({segment.kind for segment in self.segments.all})
        parts = [kinds.index(segment.kind) * len(SPLITS) + SPLITS.index(segment.split) for segment in self.segments.all]
        columns = {name: items[name] for name in ("role", "left", "right", "other")}
        said = Statements(part=np.array(parts, np.int64)[of_segment], **columns)
        known, places = self.segments.find(said.mentioned())
        joined = join(said, known, places["length"] == 0, self.most_negatives, self.seed)
        yield from self._left_out(said, known, joined, items["number"], of_segment, ledger)
        ledger.made("record", len(joined.statement))
        ledger.read("pair", len(joined.statement))
        reader = TextReader(self.segments)
        for begin in range(0, len(joined.statement), _PAIRS_AT_ONCE):
            chosen = range(begin, min(begin + _PAIRS_AT_ONCE, len(joined.statement)))
            wanted = _wanted(said, joined, chosen)
            at = np.searchsorted(known, wanted)
            texts = dict(zip(wanted.tolist(), reader.read(places[at]), strict=True))
            for i in chosen:
                yield self._pair(joined, i, said, items["number"], of_segment, texts, ledger)

    def _left_out(
        self,
        said: Statements,
        known: np.ndarray,
        joined: Joined,
        numbers: np.ndarray,
        of_segment: np.ndarray,
        ledger: Ledger,
    ) -> Iterator[Reject]:
        """Count what became of the statements; what mentions a text that is not there is listed."""
        ledger.read("record", len(numbers))
        counts = dict(zip(FATES, np.bincount(joined.fates, minlength=len(FATES)).tolist(), strict=True))
        ledger.keep("record", counts[KEPT])
        for fate in FATES[2:]:
            if fate != _MISSING:
                ledger.drop("record", fate, counts[fate])
        missing = FATES.index(_MISSING)
        lost = joined.fates > FATES.index(KEPT) if self.keep_rejects else joined.fates == missing
        for i in np.flatnonzero(lost).tolist():
            segment, number, fate = self.segments.all[of_segment[i]], int(numbers[i]), FATES[joined.fates[i]]
            if fate == _MISSING:
                store = "passages" if np.isin(said.left[i], known) else "queries"
                why = f"it names an id that no file of {store} has"
                ledger.fail("record", fate, where=f"{segment.uri}:{number + 1}", why=why)
            if self.keep_rejects:
                yield Reject("record", fate, Provenance(uri=segment.uri, ordinal=number))

    def _pair(
        self,
        joined: Joined,
        i: int,
        said: Statements,
        numbers: np.ndarray,
        of_segment: np.ndarray,
        texts: dict[int, str],
        ledger: Ledger,
    ) -> Made:
        statement = int(joined.statement[i])
        segment, number = self.segments.all[of_segment[statement]], int(numbers[statement])
        left, right = int(said.left[statement]), int(said.right[statement])
        place = Provenance(uri=segment.uri, ordinal=number)
        if not texts[left] or not texts[right]:
            ledger.drop("pair", "empty_side")
            return Reject("pair", "empty_side", place, texts[left] or texts[right])
        ledger.keep("pair")
        negatives = joined.negatives[joined.bounds[i] : joined.bounds[i + 1]].tolist()
        pair = make_pair(
            kind=segment.kind,
            language=segment.language,
            anchor=texts[left],
            positive=texts[right],
            place=(segment.name, number, *((right,) if segment.has_many_a_line else ())),
            group=f"{_GROUPS.get(segment.kind, 'query')}-{left:016x}",
            provenance=place,
            negatives=[texts[key] for key in negatives],
        )
        return SplitPair(pair, segment.split)


def _wanted(said: Statements, joined: Joined, chosen: Sequence[int]) -> np.ndarray:
    """The keys of all texts of some pairs."""
    statements = joined.statement[chosen[0] : chosen[-1] + 1]
    negatives = joined.negatives[joined.bounds[chosen[0]] : joined.bounds[chosen[-1] + 1]]
    return np.unique(np.concatenate([said.left[statements], said.right[statements], negatives]))


def _part(unit: Unit) -> LineRange:
    return msgspec.convert(unit.extra["part"], LineRange)


def _count_row(ledger: Ledger) -> None:
    """A row of a table is one record, and that makes one pair."""
    for stage in ("line", "record"):
        ledger.read(stage)
        ledger.keep(stage)
        ledger.made(stage, 1)
    ledger.read("pair")


def _failed(source: Source, bad: BadRow, ledger: Ledger) -> Reject:
    ledger.read("line")
    ledger.fail("line", bad.reason, where=f"{source.path}:{bad.number + 1}", why=bad.why)
    return _reject(source, bad.number, "line", bad.reason, bad.why)


def _reject(source: Source, number: int, stage: str, reason: str, excerpt: str) -> Reject:
    return Reject(stage, reason, Provenance(uri=source.path, ordinal=number), excerpt)
