"""Which rows `pairmill select` keeps: by what they are, by their scores, by caps a value, and by chance.

Chance is a keyed hash of row_id: the same rows in any order of the files, whatever the workers. Caps and samples have
keys of their own, so that what is drawn from capped sources is not drawn by what capped them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipelines import storage
from pipelines.deduping.files import read_table, write_table
from pipelines.input_sets import SetFile
from pipelines.pair_scores import PairScores
from pipelines.row_ids import row_order
from schemas.evidence import EVIDENCE_SCHEMA
from schemas.ledger import Ledger
from schemas.where import Where, parse_where

JOB = "select"
VERDICTS = (
    ("", ""),
    ("where", "not_selected"),
    ("scores", "no_score"),
    ("scores", "low_rank"),
    ("scores", "low_score"),
    ("balance", "over_cap"),
    ("sample", "not_sampled"),
)
KEPT, NOT_SELECTED, NO_SCORE, LOW_RANK, LOW_SCORE, OVER_CAP, NOT_SAMPLED = range(7)
BALANCED_COLUMNS = ("source", "language", "kind", "group")
LEAST_SHARE = 0.5
"""Of the rows; a balance that leaves less without being told how many is warned of."""
_CUTS = "cuts"
_CUT_SCHEMA = pa.schema([("split", pa.string()), ("value", pa.string()), ("most", pa.uint64())])
"""`most`: the largest hash that stays, of a value of a split; in the one row without a split, of the sample."""


@dataclass(frozen=True)
class Selection:
    """The rules, in the order in which they are applied; what is None is not asked."""

    where: str | None = None
    scores: PairScores | None = None
    max_rank: int | None = None
    min_score: float | None = None
    balance: str | None = None
    per_value: int | None = None
    """Rows of a value in a split; None: as many as the split's rarest value has."""
    sample: int | float | None = None
    """Rows in all, or (a float) the share of each row's chance."""
    seed: int = 0
    job: str = JOB
    verdicts: tuple[tuple[str, str], ...] = VERDICTS

    @property
    def columns(self) -> tuple[str, ...]:
        """By which it decides."""
        of_where = parse_where(self.where).columns if self.where is not None else ()
        of_balance = (self.balance,) if self.balance else ()
        return tuple(dict.fromkeys(("row_id", *of_balance, *of_where)))

    @property
    def needs_survey(self) -> bool:
        """Whether a row's fate depends on other rows."""
        return self.balance is not None or isinstance(self.sample, int)

    def begin(self, file: SetFile, temporary: str) -> FileSelection:
        """The rules for a file's rows."""
        cuts = read_table(storage.read_bytes(storage.join(temporary, _CUTS))) if self.needs_survey else None
        return FileSelection(self, file.split, cuts)

    def warnings(self, ledger: Ledger) -> list[str]:
        """Scores of no row are those of another set; a rare value makes balance costly."""
        told = []
        asked, capped = ledger.stages["scores"], ledger.stages["balance"]
        if asked.read and asked.dropped.get("no_score", 0) == asked.read:
            told.append("no row has a score: give --scores the file that was made of this set")
        if self.balance is not None and self.per_value is None and capped.kept < LEAST_SHARE * capped.read:
            caps = ", ".join(f"{n:,} in {split}" for split, n in self._caps(ledger).items())
            told.append(f"the rarest {self.balance} has few rows ({caps}), and each was cut to that; give --per-value")
        return told

    def _caps(self, ledger: Ledger) -> dict[str, int]:
        """The rows that a value may have, by split, as `settle` noted them."""
        prefix = f"rows_per_{self.balance}_"
        return {name.removeprefix(prefix): n for name, n in ledger.notes.items() if name.startswith(prefix)}

    def survey(self, file: SetFile, tables: Iterable[pa.Table], temporary: str) -> None:
        """Write the value and both hashes of each row that the rules about single rows keep."""
        alone = FileSelection(self, file.split, None)
        kept = [_row_table(alone, table) for table in tables]
        write_table(_surveyed(temporary, file), pa.concat_tables([_row_table(alone, None), *kept]).unify_dictionaries())

    def settle(self, files: Sequence[SetFile], temporary: str) -> Mapping[str, int]:
        """Where each value, and the sample, are cut; notes of the caps. Memory: 20 bytes a row."""
        cuts, notes, left = [_CUT_SCHEMA.empty_table()], {}, [np.zeros(0, np.uint64)]
        for split in dict.fromkeys(file.split for file in files):
            own = [_surveyed(temporary, file) for file in files if file.split == split]
            rows = pa.concat_tables([read_table(storage.read_bytes(path)) for path in own])
            rows = rows.unify_dictionaries().combine_chunks()
            kept = np.ones(rows.num_rows, bool)
            if self.balance is not None and rows.num_rows:
                cap, kept, cut = balanced(rows, self.per_value)
                columns = [pa.array([split] * cut.num_rows, pa.string()), cut["value"], cut["most"]]
                cuts.append(pa.Table.from_arrays(columns, schema=_CUT_SCHEMA))
                notes[f"rows_per_{self.balance}_{split}"] = cap
            left.append(rows["sample"].to_numpy()[kept])
        every = np.concatenate(left)
        if isinstance(self.sample, int) and len(every) > self.sample:
            most = np.partition(every, self.sample - 1)[self.sample - 1]
            cuts.append(pa.table([[None], [None], pa.array([most])], schema=_CUT_SCHEMA))
        write_table(storage.join(temporary, _CUTS), pa.concat_tables(cuts))
        return notes


class FileSelection:
    """The rules for the rows of one file, with what the survey has settled (None: rules about single rows alone)."""

    def __init__(self, rules: Selection, split: str, cuts: pa.Table | None) -> None:
        self.rules = rules
        self._where: Where | None = parse_where(rules.where) if rules.where is not None else None
        self._balance_key, self._sample_key = (_key(rules.seed, name) for name in ("balance", "sample"))
        self._values: pa.Array | None = None
        self._most: np.ndarray | None = None
        self._sample_most = _share_cut(rules.sample) if isinstance(rules.sample, float) else None
        if cuts is not None:
            own = cuts.filter(pc.equal(cuts["split"], split)).combine_chunks()
            self._values, self._most = own["value"].combine_chunks(), own["most"].to_numpy()
            of_sample = cuts.filter(pc.is_null(cuts["split"]))["most"].to_pylist()
            self._sample_most = of_sample[0] if of_sample else self._sample_most

    def codes(self, table: pa.Table) -> np.ndarray:
        """The verdict of each row."""
        codes = self.codes_alone(table)
        if self._values is not None and len(self._values):
            place = pc.index_in(values_of(table, self.rules.balance), self._values).fill_null(-1).to_numpy()
            most = np.append(self._most, np.uint64(2**64 - 1))[place]
            self._drop(table, codes, self._balance_key, most, OVER_CAP)
        if self._sample_most is not None:
            most = np.full(table.num_rows, self._sample_most, np.uint64)
            self._drop(table, codes, self._sample_key, most, NOT_SAMPLED)
        return codes

    def codes_alone(self, table: pa.Table) -> np.ndarray:
        """The verdicts of the rules that look at a single row."""
        codes = np.zeros(table.num_rows, np.uint8)
        if self._where is not None:
            codes[~self._where.matches(table)] = NOT_SELECTED
        if self.rules.scores is not None:
            ranks, scores = self.rules.scores.look_up(table["row_id"])
            known = (ranks > 0) & ~np.isnan(scores)
            codes[(codes == KEPT) & ~known] = NO_SCORE
            if self.rules.max_rank is not None:
                codes[(codes == KEPT) & (ranks > self.rules.max_rank)] = LOW_RANK
            if self.rules.min_score is not None:
                codes[(codes == KEPT) & (scores < np.float32(self.rules.min_score))] = LOW_SCORE
        return codes

    def hashes(self, table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """The hashes that caps and samples draw by."""
        row_ids = table["row_id"].to_pylist()
        return row_order(row_ids, self._balance_key), row_order(row_ids, self._sample_key)

    def changed(self, table: pa.Table) -> pa.Table:
        """Rows stay as they are."""
        return table

    def evidence(self) -> pa.Table:
        """None: no row goes for another."""
        return EVIDENCE_SCHEMA.empty_table()

    def _drop(self, table: pa.Table, codes: np.ndarray, key: int, most: np.ndarray, reason: int) -> None:
        """Give a reason to the rows kept so far whose hash is above the most that stays."""
        kept = np.flatnonzero(codes == KEPT)
        hashes = row_order(table["row_id"].take(pa.array(kept)).to_pylist(), key)
        codes[kept[hashes > most[kept]]] = reason


def balanced(rows: pa.Table, per_value: int | None) -> tuple[int, np.ndarray, pa.Table]:
    """The cap, which rows stay (bool), and of each value with more rows than the cap the largest hash that stays."""
    values = rows["value"].combine_chunks()
    codes, hashes = values.indices.to_numpy(), rows["balance"].to_numpy()
    order = np.lexsort((hashes, codes))
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    counts = np.diff(np.append(starts, len(codes)))
    cap = per_value or int(counts.min())
    kept = np.zeros(len(codes), bool)
    kept[order[np.arange(len(codes)) - np.repeat(starts, counts) < cap]] = True
    over = counts > cap
    last = order[starts[over] + cap - 1]
    names = values.dictionary.take(pa.array(codes[order][starts[over]]))
    return cap, kept, pa.table({"value": names.cast(pa.string()), "most": hashes[last]})


def values_of(table: pa.Table, column: str) -> pa.ChunkedArray:
    """The column as texts; a row without a value has the empty one."""
    return table[column].cast(pa.string()).fill_null("")


def _row_table(alone: FileSelection, table: pa.Table | None) -> pa.Table:
    """Value and hashes of the rows that are kept so far; an empty table of that shape for None."""
    schema = pa.schema(
        [("value", pa.dictionary(pa.int32(), pa.string())), ("balance", pa.uint64()), ("sample", pa.uint64())]
    )
    if table is None:
        return schema.empty_table()
    kept = table.filter(pa.array(alone.codes_alone(table) == KEPT))
    column = alone.rules.balance
    values = values_of(kept, column) if column else pa.chunked_array([[""] * kept.num_rows], pa.string())
    encoded = values.combine_chunks().dictionary_encode().cast(schema.field("value").type)
    return pa.Table.from_arrays([encoded, *map(pa.array, alone.hashes(kept))], schema=schema)


def _surveyed(temporary: str, file: SetFile) -> str:
    return storage.join(temporary, f"survey-{file.unit}")


def _key(seed: int, purpose: str) -> int:
    return xxhash.xxh3_64_intdigest(f"{purpose} {seed}".encode())


def _share_cut(share: float) -> int:
    """The largest hash of so large a share of all hashes."""
    return max(0, int(share * 2**64) - 1)
