"""`pairmill audit --compare`, `--scores` and `--tokenizer`: what is read for them, beside the audit's own reading.

Each reads the columns that it needs, and hands on a summary that holds its part alone; the last step merges them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from miners.audit.compared_rows import COMPARED_COLUMNS, SIDES, CompareConfig, ComparedRows
from miners.audit.extra_figures import Asked
from miners.audit.hashing import hash_strings, sampled
from miners.audit.place import Place
from miners.audit.summary import SUMMARY_COLUMNS, AuditConfig, Summary
from miners.audit.tokens import TokenLengths, read_tokenizer
from pipelines import storage
from pipelines.auditing.files import DataFile, open_parquet, rows_at
from pipelines.options import UsageError
from pipelines.pair_scores import PairScores, find_scores
from pipelines.set_files import check_files, load_manifest
from schemas.manifest import Manifest
from schemas.pair import SPLITS
from schemas.scores import DATA_ID_KEY, MODEL_KEY, WITHIN_KEY

SET, OTHER = SIDES
TOKEN_ROWS = 20_000
"""Of so many rows the tokens are counted: of all in sets up to this size."""


@dataclass(frozen=True)
class ExtraReading:
    """What is asked for, and what workers need for it."""

    asked: Asked
    config: AuditConfig
    files: tuple[DataFile, ...]
    others: tuple[DataFile, ...] = ()
    """The other set's files."""
    scores: PairScores | None = None
    tokenizer: str | None = None
    """Its definition."""

    def parts(self, pipeline: beam.Pipeline) -> list[beam.PCollection[tuple[str, bytes]]]:
        """The summaries of what was asked for, each as ("", its bytes)."""
        asked: list[tuple[str, Sequence[Any], beam.DoFn]] = []
        if self.asked.compared is not None:
            sides = [(side, file) for side, files in ((SET, self.files), (OTHER, self.others)) for file in files]
            others = replace(self.config, rows=sum(file.rows for file in self.others))
            asked.append(("compare sets", sides, ReadCompared(self.config, self.asked.compared, others)))
        if self.scores is not None:
            asked.append(("look up scores", self.files, ReadScores(self.config, self.scores)))
        if self.tokenizer is not None:
            asked.append(("count tokens", self.files, CountTokens(self.config, self.tokenizer)))
        return [
            pipeline
            | f"files to {name}" >> beam.Create(list(files))
            | f"spread to {name}" >> beam.Reshuffle()
            | name >> beam.ParDo(reader)
            for name, files, reader in asked
        ]


class ReadCompared(beam.DoFn):
    """Reads one file of a side for the comparison; of the other set, whose config is `others`, it is summarised too."""

    def __init__(self, config: AuditConfig, compared: CompareConfig, others: AuditConfig) -> None:
        self.config = config
        self.compared = compared
        self.others = others

    def process(self, element: tuple[str, DataFile]) -> Iterator[tuple[str, bytes]]:
        """Gives ("", a summary)."""
        side, file = element
        summary, other = Summary(self.config), Summary(self.others) if side == OTHER else None
        rows = summary.extras.rows[side] = ComparedRows(self.compared)
        summary.extras.other = other
        columns = dict.fromkeys((*COMPARED_COLUMNS, *(SUMMARY_COLUMNS if other else ())))
        for first, table in _tables(file, list(columns)):
            rows.add(table, SPLITS.index(file.split))
            if other:
                other.add(table, file.split, file.index, first)
        yield "", summary.to_bytes()


class ReadScores(beam.DoFn):
    """Looks up the scores of one file's rows."""

    def __init__(self, config: AuditConfig, scores: PairScores) -> None:
        self.config = config
        self.scores = scores

    def process(self, file: DataFile) -> Iterator[tuple[str, bytes]]:
        """Gives ("", a summary)."""
        summary = Summary(self.config)
        for first, table in _tables(file, ["row_id", "kind", "source"]):
            names = (table.column(name).cast(pa.string()).to_pylist() for name in ("kind", "source"))
            kinds, sources = (np.array(values, object) for values in names)
            ranks, scores = self.scores.look_up(table.column("row_id"))
            places = _Places(_keys(table, self.config), file.index, first)
            summary.extras.scores.add(kinds, sources, ranks, scores, places)
        yield "", summary.to_bytes()


class CountTokens(beam.DoFn):
    """Counts the tokens of the sampled rows of one file."""

    def __init__(self, config: AuditConfig, definition: str) -> None:
        self.config = config
        self.definition = definition

    def process(self, file: DataFile) -> Iterator[tuple[str, bytes]]:
        """Gives ("", a summary)."""
        summary = Summary(self.config)
        rate = min(1.0, TOKEN_ROWS / max(self.config.rows, 1))
        with storage.open_read(file.path) as stream:
            parquet = open_parquet(stream, file.path)
            for group in range(parquet.num_row_groups):
                keys = _keys(parquet.read_row_group(group, columns=["row_id"]), self.config)
                chosen = np.flatnonzero(sampled(keys, rate))
                if len(chosen):
                    rows = rows_at(parquet, group, ["kind", "anchor", "positive"], chosen)
                    _count(summary.extras.tokens, rows, self.definition)
        yield "", summary.to_bytes()


def _count(tokens: TokenLengths, rows: pa.Table, definition: str) -> None:
    kinds = rows.column("kind").cast(pa.string()).to_pylist()
    for side in ("anchor", "positive"):
        tokens.add(definition, kinds, side, rows.column(side).to_pylist())


@dataclass(frozen=True, slots=True)
class _Places(Sequence[Place]):
    """The places of a table's rows, made when they are asked for."""

    keys: np.ndarray
    file: int
    first: int

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, row: Any) -> Any:
        return Place(int(self.keys[row]), self.file, self.first + int(row))


def find_extras(
    args: Any, set_path: str, manifest: Manifest, config: AuditConfig, files: Sequence[DataFile]
) -> ExtraReading:
    """What the flags `--compare`, `--scores` and `--tokenizer` ask for. Raises UsageError or PairSetError."""
    reading = ExtraReading(Asked(), config, tuple(files))
    if args.compare is not None:
        reading = _with_other(reading, args.compare.rstrip("/") or "/", set_path)
    if args.scores:
        scores = find_scores(args.scores)
        about = _scores_about(scores, set_path, manifest)
        reading = replace(reading, scores=scores, asked=replace(reading.asked, scores=about))
    if args.tokenizer is not None:
        definition, name = read_tokenizer(args.tokenizer), PurePath(args.tokenizer.rstrip("/")).name
        reading = replace(reading, tokenizer=definition, asked=replace(reading.asked, tokenizer=name))
    return reading


def _with_other(reading: ExtraReading, other: str, set_path: str) -> ExtraReading:
    if other == set_path:
        raise UsageError(f"--compare {other} is the set itself; name another one")
    manifest = load_manifest(other)
    entries = manifest.data_files()
    check_files(other, entries)
    rows = max(reading.config.rows, sum(manifest.splits.values()))
    asked = replace(
        reading.asked,
        compared=CompareConfig(rows, reading.config.seed),
        other_path=other,
        other_manifest=manifest,
    )
    others = [DataFile(i, storage.join(other, f.path), f.split or "train", f.rows) for i, f in enumerate(entries)]
    return replace(reading, asked=asked, others=tuple(others))


def _scores_about(scores: PairScores, set_path: str, manifest: Manifest) -> dict[str, Any]:
    """What the files say of themselves. Raises UsageError for scores of another set."""
    about: dict[str, Any] = {"model": None, "within": "source"}
    for path, _ in scores.files:
        with storage.open_read(path) as stream:
            metadata = pq.read_schema(stream).metadata or {}
        scored = metadata.get(DATA_ID_KEY, b"").decode()
        if scored and scored not in (manifest.data_id, *manifest.formerly):
            raise UsageError(
                f"{path} holds scores of the set {scored}, not of {set_path} ({manifest.data_id}); "
                f"score this one: pairmill evaluate MODEL --score-pairs {set_path} --output scores.parquet"
            )
        if MODEL_KEY in metadata:
            about["model"] = metadata[MODEL_KEY].decode()
        if WITHIN_KEY in metadata:
            about["within"] = metadata[WITHIN_KEY].decode()
    return about


def _tables(file: DataFile, columns: list[str]) -> Iterator[tuple[int, pa.Table]]:
    """(its first row's number, row group) of one file."""
    first = 0
    with storage.open_read(file.path) as stream:
        parquet = open_parquet(stream, file.path)
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group, columns=columns)
            yield first, table
            first += table.num_rows


def _keys(table: pa.Table, config: AuditConfig) -> np.ndarray:
    """The keyed hash of each row, by which rows are sampled."""
    return hash_strings(table.column("row_id").to_pylist(), config.seed & (2**64 - 1))
