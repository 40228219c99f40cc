"""First pass of dedupe: a unit of input files to shingle sets, signatures, what is known of each row, and match keys.

In: one unit, some 256 MB of input files. Out, under the temporary folder: its rows' facts, sets and signatures, and one
file of match blocks in partition order; rows of equal content in one split are matched once a unit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import BinaryIO

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from miners.near_duplicates import ShingleRuns, ShingleSets, band_hashes, distinct, run_signatures
from miners.near_duplicates.hash_filter import marks_of
from miners.near_duplicates.resolve import ANCHOR, EMPTY, JOINT, KEPT, POSITIVE, REMOVED, SIDES, TAG_BITS
from miners.near_duplicates.shingles import side_runs
from miners.near_duplicates.survivor_order import docstring_quality, merit
from pipelines import storage
from pipelines.deduping.config import Comparison, DedupeConfig
from pipelines.deduping.contamination import FOUND_KINDS, Decontamination, UnitFinds
from pipelines.deduping.existing import ExistingUnit, read_existing
from pipelines.deduping.files import TemporaryFiles, array_bytes, table_bytes, write_arrays
from pipelines.deduping.groups import GROUP_KINDS, count_groups
from pipelines.deduping.inputs import InputUnit, read_pair_sets, read_plain_tables
from pipelines.deduping.keys import KeySegments, unit_contents
from pipelines.deduping.passing import PASSING
from pipelines.deduping.plain_tables import BadRow
from pipelines.removed_rows import NOTHING_REMOVED, RemovedRows
from pipelines.row_ids import hex_ids
from schemas.ledger import LISTED_FAILURES
from schemas.pair import DOCSTRING_KINDS, SCHEMA, SPLITS
from schemas.side_hash import anchor_is_code, positive_is_code

COLUMNS = (
    "row_id",
    "pair_id",
    "kind",
    "anchor",
    "positive",
    "anchor_hash",
    "positive_hash",
    "group",
    "provenance.license",
    "provenance.date",
    "provenance.url",
)


class ScanUnit(beam.DoFn):
    """InputUnit → (unit, where its match keys lie, by partition), and (PASSING, the unit's rows)."""

    def __init__(
        self,
        config: DedupeConfig,
        files: TemporaryFiles,
        partitions: int,
        wanted: Decontamination | None = None,
        removed: RemovedRows = NOTHING_REMOVED,
    ) -> None:
        self.config, self.files, self.partitions, self.wanted, self.removed = config, files, partitions, wanted, removed

    def process(self, unit: InputUnit | None) -> Iterator[tuple[str, bytes]]:
        """Scan the unit; END passes as it is."""
        if unit is None:
            yield PASSING, b"{}"
            return
        kinds = ("keys", "marks", "anchor", "positive", "signatures")
        names = {kind: self.files.path(kind, unit.number) for kind in kinds}
        known, sizes = [], []
        is_new = not isinstance(unit, ExistingUnit)
        finds = UnitFinds(self.wanted) if self.wanted and is_new else None
        bad: list[tuple[str, BadRow]] = []
        with ExitStack() as stack:
            out = {kind: stack.enter_context(storage.writing(name)) for kind, name in names.items()}
            comparisons = self.config.comparisons()
            segments = KeySegments(len(comparisons), self.partitions, unit.number, out["keys"])
            keys = UnitKeys(comparisons, segments, out["marks"])
            first = 0
            for batch in self._batches(unit, stack, bad):
                for side, sets in (("anchor", batch.anchor), ("positive", batch.positive)):
                    out[side].write(array_bytes(sets.hashes))
                both = np.stack([batch.signatures[ANCHOR], batch.signatures[POSITIVE]], 1)
                out["signatures"].write(array_bytes(both))
                keys.add(first, batch)
                if finds:
                    finds.add(first, *batch.searched())
                known.append(batch.known)
                sizes.append(np.stack([batch.anchor.sizes(), batch.positive.sizes()]))
                first += batch.known.num_rows
            blocks = segments.close()
        offsets = np.zeros((2, first + 1), "<i8")
        if sizes:
            np.cumsum(np.concatenate(sizes, axis=1), axis=1, out=offsets[:, 1:])
            scanned = pa.concat_tables(known).unify_dictionaries()
            storage.write_atomically(self.files.path("rows", unit.number), table_bytes(scanned))
            with storage.writing(self.files.path("groups", unit.number)) as file:
                write_arrays(file, count_groups(scanned["group"]), GROUP_KINDS)
        storage.write_atomically(self.files.path("offsets", unit.number), offsets.tobytes())
        if finds:
            with storage.writing(self.files.path("contamination", unit.number)) as file:
                write_arrays(file, finds.arrays(), FOUND_KINDS)
        for partition, block in blocks:
            yield f"{unit.number:06d}", replace(block, part=partition).pack()
        listed = [(f"{path}: row {row.number}", row.why) for path, row in bad[:LISTED_FAILURES]]
        told = {"unit": unit.number, "rows": first, "bad": len(bad), "listed": listed}
        told["existing"] = "" if is_new else unit.data_id
        yield PASSING, json.dumps(told).encode()

    def _batches(self, unit: InputUnit, stack: ExitStack, bad: list[tuple[str, BadRow]]) -> Iterator[ScannedBatch]:
        """The batches of a unit, scanned; those of an earlier set keep their signatures, split and cluster."""
        if unit.is_plain:
            yield from map(self._scan, self._plain(unit, stack, bad))
            return
        if not isinstance(unit, ExistingUnit):
            yield from map(self._scan, read_pair_sets(unit, COLUMNS))
            return
        for table, both in read_existing(unit, (*COLUMNS, "cluster")):
            batch = self._scan(table, {ANCHOR: both[:, 0], POSITIVE: both[:, 1]})
            split = pa.array(np.full(table.num_rows, unit.split, "u1"))
            known = batch.known.set_column(batch.known.schema.get_field_index("split"), "split", split)
            known = known.set_column(known.schema.get_field_index("cluster"), "cluster", table["cluster"])
            yield replace(batch, known=known)

    def _plain(self, unit: InputUnit, stack: ExitStack, bad: list[tuple[str, BadRow]]) -> Iterator[pa.Table]:
        """The rows of plain tables as pairs, kept as such for the pass that routes; bad ones are listed in `bad`."""
        file = stack.enter_context(storage.writing(self.files.path("converted", unit.number)))
        converted = stack.enter_context(pa.ipc.new_stream(file, SCHEMA))
        for path, batch in read_plain_tables(unit):
            bad += [(path, row) for row in batch.bad]
            if batch.pairs.num_rows:
                converted.write_table(batch.pairs)
                yield batch.pairs

    def _scan(self, table: pa.Table, stored: dict[int, np.ndarray] | None = None) -> ScannedBatch:
        kinds = table["kind"].cast(pa.string()).to_pylist()
        text, code = self.config.rules()
        config = self.config.signatures()
        positive_code = np.fromiter(map(positive_is_code, kinds), bool, len(kinds))
        anchor_code = np.fromiter(map(anchor_is_code, kinds), bool, len(kinds))
        anchors, positives = table["anchor"].combine_chunks(), table["positive"].combine_chunks()
        anchor = side_runs(anchors, anchor_code, text, code)
        positive = side_runs(positives, positive_code, text, code)
        signatures = stored or {ANCHOR: run_signatures(anchor, config), POSITIVE: run_signatures(positive, config)}
        signatures[JOINT] = np.minimum(signatures[ANCHOR], signatures[POSITIVE])
        barred = np.where((anchor.sizes() == 0) | (positive.sizes() == 0), EMPTY, KEPT).astype("u1")
        if stored is None:
            barred[self.removed.names(table) & (barred == KEPT)] = REMOVED
        known = self._known(table, kinds, barred)
        return ScannedBatch(anchor, positive, signatures, positive_code, known)

    def _known(self, table: pa.Table, kinds: list[str], barred: np.ndarray) -> pa.Table:
        provenance = table["provenance"].combine_chunks()
        licenses = pc.struct_field(provenance, "license").to_pylist()
        dates = pc.struct_field(provenance, "date").to_pylist()
        urls = pc.struct_field(provenance, "url").to_pylist()
        # The link of code is one to its lines: what stands in one file is no capture of one page.
        pages = (0 if kind in DOCSTRING_KINDS else page_hash(url) for kind, url in zip(kinds, urls, strict=True))
        quality = [0] * len(kinds)
        documented = [i for i, kind in enumerate(kinds) if kind in DOCSTRING_KINDS]
        for i, text in zip(documented, table["anchor"].take(pa.array(documented, pa.int64())).to_pylist(), strict=True):
            quality[i] = docstring_quality(text)
        merits = np.fromiter(map(merit, licenses, quality, dates), np.uint64, len(kinds))
        lengths = pc.add(pc.utf8_length(table["anchor"]), pc.utf8_length(table["positive"])).cast(pa.int64())
        groups = table["group"].combine_chunks().dictionary_encode()
        splits = np.array([SPLITS.index(self.config.split_of(group)) for group in groups.dictionary.to_pylist()], "u1")
        pair, row = hex_ids(table["pair_id"]), hex_ids(table["row_id"])
        columns = {
            "pair_high": pair[:, 0],
            "pair_low": pair[:, 1],
            "row_high": row[:, 0],
            "row_low": row[:, 1],
            "anchor_hash": table["anchor_hash"].to_numpy(),
            "positive_hash": table["positive_hash"].to_numpy(),
            "merit": merits,
            "page": np.fromiter(pages, np.uint64, len(kinds)),
            "length": lengths.to_numpy(),
            "split": splits[groups.indices.to_numpy()],
            "barred": barred,
            "cluster": pair[:, 1].astype("<u8").view("<i8"),
        }
        return pa.table({**{name: pa.array(values) for name, values in columns.items()}, "group": groups})


@dataclass(frozen=True)
class ScannedBatch:
    """What a batch of rows turned into."""

    anchor: ShingleRuns
    positive: ShingleRuns
    signatures: dict[int, np.ndarray]
    positive_code: np.ndarray
    known: pa.Table

    def searched(self) -> tuple[dict[int, np.ndarray], dict[int, ShingleSets], pa.DictionaryArray]:
        """What evaluation texts are looked for in: side hashes, shingle sets, and each row's group."""
        hashes = {side: self.known[f"{SIDES[side]}_hash"].to_numpy() for side in (ANCHOR, POSITIVE)}
        sets = {ANCHOR: distinct(self.anchor), POSITIVE: distinct(self.positive)}
        return hashes, sets, self.known["group"].combine_chunks()


class UnitKeys:
    """What the rows of a unit can be matched by, but for leaks of train's rows (`pipelines.deduping.leaks`)."""

    def __init__(self, comparisons: tuple[Comparison, ...], segments: KeySegments, marks: BinaryIO) -> None:
        self.comparisons, self.segments, self.marks = comparisons, segments, marks
        self.seen: list[set[int]] = [set() for _ in range(3)]

    def add(self, first: int, batch: ScannedBatch) -> None:
        """Take in a batch whose rows begin at `first`."""
        known = {name: batch.known[name].to_numpy() for name in batch.known.column_names if name != "group"}
        rows = np.flatnonzero(known["barred"] == KEPT)
        contents = unit_contents(known, rows, batch.anchor.sizes()[rows], batch.positive.sizes()[rows])
        bits = (1 << known["split"][rows]).astype("u1")
        hashes = [contents[side].names for side in (ANCHOR, POSITIVE)]
        self.segments.put(0, contents[JOINT].names)
        self.segments.put(1, np.concatenate(hashes), np.concatenate([bits, bits | np.uint8(8)]))
        references = ((first + rows) << 3 | bits).astype("<u4")
        beyond_train = np.flatnonzero(bits != 1)
        fresh = {side: self._fresh(side, contents[side].names, bits, beyond_train) for side in (ANCHOR, POSITIVE)}
        fresh[JOINT] = self._fresh(JOINT, contents[JOINT].names, bits, np.arange(len(rows)))
        for i, comparison in enumerate(self.comparisons):
            # Duplicates are found among pairs, leaks among whatever stands on the side in question.
            content = contents[comparison.side]
            if comparison.across_splits:
                chosen = fresh[comparison.side] & (bits != 1)
            else:
                content = replace(content, names=contents[JOINT].names)
                chosen = fresh[JOINT] & (batch.positive_code[rows] == comparison.of_code)
            hashes = band_hashes(batch.signatures[comparison.side][rows[chosen]], comparison.banding, salt=i)
            self.segments.put_bands(i, hashes, content.tags(chosen), references[chosen])
            if comparison.across_splits:
                self.marks.write(array_bytes(marks_of(hashes)))
        self.segments.flush_if_full()

    def _fresh(self, side: int, names: np.ndarray, bits: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Which contents, of those at `places`, are the first of their kind in their split, in this unit."""
        seen = self.seen[side]
        fresh = np.zeros(len(names), bool)
        keys = ((names[places] & TAG_BITS) << np.uint64(3) | bits[places]).tolist()
        for place, key in zip(places.tolist(), keys, strict=True):
            if key not in seen:
                seen.add(key)
                fresh[place] = True
        return fresh


def page_hash(url: str | None) -> int:
    """What captures of one page share; 0 for a row of no page."""
    if not url:
        return 0
    # Here, since it brings all of web mining with it: a fifth of a second in each process that has no page.
    from miners.web.urls import normalize_url

    return xxhash.xxh3_64_intdigest(normalize_url(url).encode("utf-8", "surrogatepass"))
