"""The task `sts`: how well cosines of sentence pairs follow people's scores, by Spearman's and Pearson's correlation.

A file is a TSV or CSV table whose first line names two columns of sentences and one of scores (sentence1, sentence2 and
score in GLUE's files), or a table without such a line, whose columns are given by number (6,7,5 in SemEval's files).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from train.bm25_baseline import text_words
from train.encoders import TextEncoder, finite_vectors
from train.evaluation.flags import check_different_names
from train.evaluation.measured import ALL, MODEL, Measured
from train.evaluation.summaries import CORRELATIONS
from train.evaluation.task import ItemKey, ItemTexts, Prepared, Setting, Task, together
from train.evaluation.text_files import Record, files_in, number_of, table_cells, table_records, text_of
from train.journal import Journal

COLUMNS = ("sentence1", "sentence2", "score")
METRICS = ("spearman", "pearson")
DIGITS = 6
"""Of a similarity: equal pairs differ in the last bits of a float32 product, and ranks must not see that."""
_LANGUAGE_COLUMNS = ("language", "lang")


@dataclass(frozen=True)
class ScoredPairs:
    """The pairs of one file, with people's scores."""

    name: str
    first: list[str]
    second: list[str]
    scores: np.ndarray
    languages: list[str]
    """Empty texts where the file states none."""
    journal: Journal

    def measure(self, encoder: TextEncoder) -> list[Measured]:
        """The cosines of the model beside people's scores, all pairs and each language's."""
        self.journal.progress(f"{self.name}: encoding {2 * len(self.first):,} sentences")
        vectors = finite_vectors(encoder, [*self.first, *self.second], "anchor")
        first, second = vectors[: len(self.first)], vectors[len(self.first) :]
        return self._lists(MODEL, np.einsum("ij,ij->i", first, second))

    def baselines(self) -> list[Measured]:
        """The share of words that the two sentences have in common (Jaccard's)."""
        words = [[set(text_words(text)) for text in texts] for texts in (self.first, self.second)]
        shared = [len(a & b) / max(1, len(a | b)) for a, b in zip(*words, strict=True)]
        return self._lists("shared words", np.array(shared))

    def item_texts(self) -> Mapping[ItemKey, ItemTexts]:
        """Both sentences of each pair."""
        return {
            (self.name, name): ItemTexts((first, second))
            for name, first, second in zip(self._names, self.first, self.second, strict=True)
        }

    def _lists(self, system: str, similarities: np.ndarray) -> list[Measured]:
        whole = Measured(
            task="sts",
            data=self.name,
            protocol="cosine",
            part=ALL,
            system=system,
            metrics=METRICS,
            items=self._names,
            values=np.column_stack([np.round(similarities.astype(np.float64), DIGITS), self.scores]),
            summary=CORRELATIONS,
        )
        of_pair = np.array(self.languages)
        return [whole, *(whole.take(of_pair == one, part=one) for one in sorted(set(self.languages) - {""}))]

    @cached_property
    def _names(self) -> list[str]:
        return [str(i) for i in range(1, len(self.first) + 1)]


def read_scored_pairs(path: Path, columns: Sequence[str], journal: Journal) -> ScoredPairs:
    """The pairs of a table, columns by name or by number; ValueError, with file and line, for what is wrong in it."""
    first: list[str] = []
    second: list[str] = []
    scores: list[float] = []
    languages: list[str] = []
    by_number = all(name.isdigit() for name in columns)
    for place, record in _numbered(path, columns) if by_number else table_records(path, columns):
        first.append(text_of(record, columns[0], place))
        second.append(text_of(record, columns[1], place))
        scores.append(number_of(record, columns[2], place))
        languages.append(next((record[name].strip() for name in _LANGUAGE_COLUMNS if record.get(name)), ""))
    if len(set(scores)) < 2:
        raise ValueError(f"{path} has {len(scores):,} pairs and no two different scores: nothing can correlate")
    return ScoredPairs(path.name, first, second, np.array(scores), languages, journal)


def _numbered(path: Path, columns: Sequence[str]) -> Iterator[Record]:
    """The wanted columns of a table without a head, by their numbers, from 1."""
    for place, cells in table_cells(path):
        if len(cells) < max(map(int, columns)):
            raise ValueError(f"{place}: {len(cells)} columns, where number {max(map(int, columns))} is wanted")
        yield place, {name: cells[int(name) - 1] for name in columns}


def _add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--sts", nargs="+", metavar="FILE", help="tables of scored sentence pairs, TSV or CSV")
    group.add_argument(
        "--sts-columns",
        default=",".join(COLUMNS),
        metavar="A,B,SCORE",
        help="names of the two sentences' columns and of the score's, or numbers of columns in files without a first "
        f"line of names (default: {','.join(COLUMNS)}; SemEval's STS benchmark: 6,7,5)",
    )


def _prepare(args: argparse.Namespace, setting: Setting) -> Prepared:
    columns = [name.strip() for name in args.sts_columns.split(",")]
    if len(columns) != len(COLUMNS) or not all(columns) or "0" in columns:
        raise ValueError(f"--sts-columns {args.sts_columns} is not three names or numbers, such as {','.join(COLUMNS)}")
    prepared = []
    files = files_in(args.sts, (".tsv", ".csv"), "--sts")
    check_different_names(map(str, files))
    for path in files:
        pairs = read_scored_pairs(path, columns, setting.journal)
        identity = {"file": str(path), "pairs": len(pairs.first), "columns": columns}
        prepared.append(Prepared(identity, pairs.measure, pairs.baselines, pairs.item_texts))
    return together(prepared, "files", args.sts)


STS = Task("similarity of sentence pairs, beside people's scores", "--sts", _add_flags, _prepare)
