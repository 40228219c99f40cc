"""The audit's search for near-duplicates and leaks that are left: from stored signatures, else for a sample of rows.

Create(partitions) | ParDo(search one)                                       with signatures
files | ParDo(pick) | GroupByKey | ParDo(choose)  →  files | ParDo(compare)   without
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from miners.audit.hashing import hash_strings
from miners.audit.near_pairs import NearPairs
from miners.audit.near_sample import DUPLICATE_ROWS, LEAK_ROWS, Batch, Query, SampleSearch, Thresholds, choose
from miners.audit.summary import Summary
from miners.near_duplicates.resolve import SIDES
from pipelines import storage
from pipelines.auditing.files import DataFile, open_parquet
from pipelines.auditing.rows import spread
from pipelines.auditing.signatures import SignatureSearch, search_partition
from pipelines.auditing.summary_files import SummaryFiles
from pipelines.deduping.config import DedupeConfig
from pipelines.planned import numbers_below
from pipelines.row_ids import hex_ids
from schemas.pair import SPLITS

NEAR_PASS = "near"
BATCH_ROWS = 2048
_COLUMNS = ["pair_id", "kind", "anchor", "positive", "anchor_hash", "positive_hash"]


def near_thresholds() -> dict[str, float]:
    """From which Jaccard index on pairs of text and of code are near-duplicates, and held-out rows leaks: dedupe's."""
    config = DedupeConfig()
    return {"text": config.text_threshold, "code": config.code_threshold, "leak": config.leak_threshold}


def search_near(
    pipeline: beam.Pipeline, summaries: SummaryFiles, search: SignatureSearch | None, files: Sequence[DataFile]
) -> beam.PCollection:
    """("", the name of a summary that holds what was found), many times."""
    if search is not None:
        every = pipeline | "partitions" >> beam.Create([search.partitions])
        partitions = every | "each partition" >> beam.FlatMap(numbers_below) | "spread partitions" >> beam.Reshuffle()
        return partitions | "search" >> beam.ParDo(SearchPartition(summaries, search))
    listed = spread(pipeline, summaries, "data files", DataFile, files)
    chosen = (
        listed
        | "pick" >> beam.ParDo(PickRows(summaries.config.seed))
        | "gather picked" >> beam.GroupByKey()
        | "choose" >> beam.Map(lambda element: _chosen(element[1]))
    )
    beyond = sum(file.rows for file in files if file.split != SPLITS[0])
    return listed | "compare" >> beam.ParDo(CompareFile(summaries, beyond), beam.pvalue.AsSingleton(chosen, b""))


class SearchPartition(beam.DoFn):
    """A partition of the bands' hashes → what is shared in it, verified."""

    def __init__(self, files: SummaryFiles, search: SignatureSearch) -> None:
        self.files, self.search = files, search

    def process(self, partition: int) -> Iterator[tuple[str, str]]:
        """Search one partition."""
        yield "", _put(self.files, partition, search_partition(self.search, partition))


class PickRows(beam.DoFn):
    """A data file → its rows of the smallest keys, of all and of what lies beyond train."""

    def __init__(self, seed: int) -> None:
        self.seed = seed & (2**64 - 1)

    def process(self, file: DataFile) -> Iterator[tuple[str, bytes]]:
        """Read the ids of all rows and the texts of the picked ones."""
        most = DUPLICATE_ROWS if file.split == SPLITS[0] else max(DUPLICATE_ROWS, LEAK_ROWS)
        with storage.open_read(file.path) as stream:
            parquet = open_parquet(stream, file.path)
            ids = parquet.read(columns=["row_id"]).column("row_id").to_pylist()
            keys = hash_strings(ids, self.seed)
            rows = np.sort(np.argsort(keys, kind="stable")[:most])
            picked: list[Query] = []
            start = 0
            for group in range(parquet.num_row_groups):
                end = start + parquet.metadata.row_group(group).num_rows
                here = rows[(rows >= start) & (rows < end)]
                if len(here):
                    table = parquet.read_row_group(group, columns=_COLUMNS).take(pa.array(here - start))
                    picked += _queries(file, here, keys[here], table)
                start = end
        yield "", pickle.dumps(picked)


class CompareFile(beam.DoFn):
    """A data file and the chosen rows → how alike its rows are to them."""

    def __init__(self, files: SummaryFiles, beyond: int) -> None:
        self.files, self.beyond = files, beyond

    def process(self, file: DataFile, chosen: bytes) -> Iterator[tuple[str, str]]:
        """Compare every row of the file."""
        duplicates, leaks = pickle.loads(chosen)
        search = SampleSearch(duplicates, leaks, self.files.config.rows, self.beyond, _thresholds())
        first = 0
        with storage.open_read(file.path) as stream:
            for batch in open_parquet(stream, file.path).iter_batches(BATCH_ROWS, columns=_COLUMNS):
                table = pa.Table.from_batches([batch])
                kinds = table["kind"].cast(pa.string()).to_pylist()
                texts = (table[side].to_pylist() for side in SIDES[1:])
                search.add(Batch(file.index, first, SPLITS.index(file.split), kinds, _names(table), *texts))
                first += table.num_rows
        yield "", _put(self.files, file.index, search.found)


def _put(files: SummaryFiles, number: int, found: NearPairs) -> str:
    summary = Summary(files.config)
    summary.checks.near = found
    return files.put(NEAR_PASS, number, summary)


def _chosen(parts: Iterable[bytes]) -> bytes:
    """The rows to compare, of those that the files' picks hold."""
    return pickle.dumps(choose(query for part in parts for query in pickle.loads(part)))


def _thresholds() -> Thresholds:
    config = DedupeConfig()
    sides = SIDES.index(config.text_on), SIDES.index(config.code_on)
    return Thresholds(config.text_threshold, config.code_threshold, config.leak_threshold, *sides)


def _names(table: pa.Table) -> np.ndarray:
    hashes = [table[f"{side}_hash"].to_numpy().astype(np.int64).view(np.uint64) for side in SIDES[1:]]
    return np.stack([hex_ids(table["pair_id"])[:, 1], *hashes], 1)


def _queries(file: DataFile, rows: np.ndarray, keys: np.ndarray, table: pa.Table) -> list[Query]:
    split = SPLITS.index(file.split)
    columns: list[Any] = [table[name].to_pylist() for name in ("kind", *SIDES[1:])]
    return [
        Query(key, file.index, row, split, kind, tuple(names), anchor, positive)
        for key, row, names, kind, anchor, positive in zip(
            keys.tolist(), rows.tolist(), _names(table).tolist(), *columns, strict=True
        )
    ]
