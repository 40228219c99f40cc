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
from pipelines.auditing.rows import data_files, spread
from pipelines.auditing.summary_files import SummaryFiles
from pipelines.live_progress import Expected
from pipelines.options import UsageError
from pipelines.pair_scores import PairScores, find_scores
from pipelines.set_files import check_files, load_manifest
from schemas.manifest import Manifest
from schemas.pair import SPLITS
from schemas.scores import DATA_ID_KEY, MODEL_KEY, WITHIN_KEY

SET, OTHER = SIDES
COMPARE_PASS, SCORES_PASS, TOKENS_PASS = "compare", "scores", "tokens"
TOKEN_ROWS = 20_000
"""Of so many rows the tokens are counted: of all in sets up to this size."""


@dataclass(frozen=True, slots=True)
class ComparedFile:
    """A data file of one side of a comparison, and its place among those of both."""

    number: int
    side: str
    file: DataFile


@dataclass(frozen=True)
class ExtraReading:
    """What is asked for, and what workers need for it."""

    asked: Asked
    files: tuple[DataFile, ...]
    others: tuple[DataFile, ...] = ()
    """The other set's files."""
    scores: PairScores | None = None
    tokenizer: str | None = None
    """Its definition."""

    def parts(self, pipeline: beam.Pipeline, summaries: SummaryFiles) -> list[beam.PCollection[tuple[str, str]]]:
        """The summaries of what was asked for, each as ("", its name)."""
        asked: list[tuple[str, type, Sequence[Any], beam.DoFn]] = []
        if self.asked.compared is not None:
            others = replace(summaries.config, rows=sum(file.rows for file in self.others))
            reader = ReadCompared(summaries, self.asked.compared, others)
            asked.append(("compare sets", ComparedFile, self._sides(), reader))
        if self.scores is not None:
            asked.append(("look up scores", DataFile, self.files, ReadScores(summaries, self.scores)))
        if self.tokenizer is not None:
            asked.append(("count tokens", DataFile, self.files, CountTokens(summaries, self.tokenizer)))
        return [
            spread(pipeline, summaries, f"files to {name}", kind, files) | name >> beam.ParDo(reader)
            for name, kind, files, reader in asked
        ]

    def expected(self) -> dict[str, Expected]:
        """The summaries that the passes leave, by the kind in their names."""
        rows = {file.index: file.rows for file in self.files}
        found: dict[str, Expected] = {}
        if self.asked.compared is not None:
            sides = {one.number: one.file.rows for one in self._sides()}
            found[COMPARE_PASS] = Expected("compare", len(sides), sides)
        if self.scores is not None:
            found[SCORES_PASS] = Expected("scores", len(rows), rows)
        if self.tokenizer is not None:
            found[TOKENS_PASS] = Expected("tokens", len(rows), rows)
        return found

    def _sides(self) -> list[ComparedFile]:
        """The files of both sets."""
        files = [(side, file) for side, files in ((SET, self.files), (OTHER, self.others)) for file in files]
        return [ComparedFile(number, side, file) for number, (side, file) in enumerate(files)]


class ReadCompared(beam.DoFn):
    """Reads one file of a side for the comparison; of the other set, whose config is `others`, it is summarised too."""

    def __init__(self, summaries: SummaryFiles, compared: CompareConfig, others: AuditConfig) -> None:
        self.summaries = summaries
        self.compared = compared
        self.others = others

    def process(self, element: ComparedFile) -> Iterator[tuple[str, str]]:
        """Gives ("", the name of a summary)."""
        side, file = element.side, element.file
        summary, other = Summary(self.summaries.config), Summary(self.others) if side == OTHER else None
        rows = summary.extras.rows[side] = ComparedRows(self.compared)
        summary.extras.other = other
        columns = dict.fromkeys((*COMPARED_COLUMNS, *(SUMMARY_COLUMNS if other else ())))
        for first, table in _tables(file, list(columns)):
            rows.add(table, SPLITS.index(file.split))
            if other:
                other.add(table, file.split, file.index, first)
        yield "", self.summaries.put(COMPARE_PASS, element.number, summary)


class ReadScores(beam.DoFn):
    """Looks up the scores of one file's rows."""

    def __init__(self, summaries: SummaryFiles, scores: PairScores) -> None:
        self.summaries = summaries
        self.scores = scores

    def process(self, file: DataFile) -> Iterator[tuple[str, str]]:
        """Gives ("", the name of a summary)."""
        config = self.summaries.config
        summary = Summary(config)
        for first, table in _tables(file, ["row_id", "kind", "source"]):
            names = (table.column(name).cast(pa.string()).to_pylist() for name in ("kind", "source"))
            kinds, sources = (np.array(values, object) for values in names)
            ranks, scores = self.scores.look_up(table.column("row_id"))
            places = _Places(_keys(table, config), file.index, first)
            summary.extras.scores.add(kinds, sources, ranks, scores, places)
        yield "", self.summaries.put(SCORES_PASS, file.index, summary)


class CountTokens(beam.DoFn):
    """Counts the tokens of the sampled rows of one file."""

    def __init__(self, summaries: SummaryFiles, definition: str) -> None:
        self.summaries = summaries
        self.definition = definition

    def process(self, file: DataFile) -> Iterator[tuple[str, str]]:
        """Gives ("", the name of a summary)."""
        config = self.summaries.config
        summary = Summary(config)
        rate = min(1.0, TOKEN_ROWS / max(config.rows, 1))
        with storage.open_read(file.path) as stream:
            parquet = open_parquet(stream, file.path)
            for group in range(parquet.num_row_groups):
                keys = _keys(parquet.read_row_group(group, columns=["row_id"]), config)
                chosen = np.flatnonzero(sampled(keys, rate))
                if len(chosen):
                    rows = rows_at(parquet, group, ["kind", "anchor", "positive"], chosen)
                    _count(summary.extras.tokens, rows, self.definition)
        yield "", self.summaries.put(TOKENS_PASS, file.index, summary)


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
    reading = ExtraReading(Asked(), tuple(files))
    if args.compare is not None:
        reading = _with_other(reading, config, args.compare.rstrip("/") or "/", set_path)
    if args.scores:
        scores = find_scores(args.scores)
        about = _scores_about(scores, set_path, manifest)
        reading = replace(reading, scores=scores, asked=replace(reading.asked, scores=about))
    if args.tokenizer is not None:
        definition, name = read_tokenizer(args.tokenizer), PurePath(args.tokenizer.rstrip("/")).name
        reading = replace(reading, tokenizer=definition, asked=replace(reading.asked, tokenizer=name))
    return reading


def _with_other(reading: ExtraReading, config: AuditConfig, other: str, set_path: str) -> ExtraReading:
    if other == set_path:
        raise UsageError(f"--compare {other} is the set itself; name another one")
    manifest = load_manifest(other)
    entries = manifest.data_files()
    check_files(other, entries)
    rows = max(config.rows, sum(manifest.splits.values()))
    asked = replace(
        reading.asked,
        compared=CompareConfig(rows, config.seed),
        other_path=other,
        other_manifest=manifest,
    )
    return replace(reading, asked=asked, others=data_files(other, manifest))


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
