"""Scores of pairs, as a job's workers have them: looked up by row_id (`schemas.scores` says what the files hold)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.options import UsageError
from pipelines.row_ids import packed_ids
from schemas.scores import SCORES_SCHEMA


@dataclass(frozen=True)
class PairScores:
    """Files of scores, each by its path and sha256; in a worker they take 24 bytes a row, and are read once."""

    files: tuple[tuple[str, str], ...]

    @property
    def identities(self) -> list[str]:
        """What tells these scores from others."""
        return sorted({sha256 for _, sha256 in self.files})

    def look_up(self, row_ids: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
        """Rank (int32, 0 where there is none) and score (float32) of each row. Raises ValueError for a damaged file."""
        ids, ranks, scores = _load(self.files)
        wanted = packed_ids(row_ids)
        if not len(ids):
            return np.zeros(len(wanted), np.int32), np.zeros(len(wanted), np.float32)
        at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
        return np.where(ids[at] == wanted, ranks[at], 0), scores[at]


def find_scores(patterns: Sequence[str]) -> PairScores:
    """The files that the patterns name, each with the columns of scores. Raises UsageError."""
    files = []
    for info in storage.expand(patterns):
        with storage.open_read(info.path) as stream:
            try:
                there = pq.read_schema(stream)
            except (OSError, pa.ArrowException):
                raise UsageError(f"{info.path} is no Parquet file; scores are Parquet with {_columns()}") from None
        for field in SCORES_SCHEMA:
            if field.name not in there.names:
                raise UsageError(f"{info.path} has no column {field.name}; scores have the columns {_columns()}")
        files.append((info.path, storage.checksum(info.path)[1]))
    return PairScores(tuple(sorted(files, key=lambda file: file[1])))


def _columns() -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in SCORES_SCHEMA)


@lru_cache(maxsize=1)
def _load(files: tuple[tuple[str, str], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row ids in order, with rank and score of each."""
    ids, ranks, scores = [np.zeros(0, "S16")], [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for path, _ in files:
        for some, table in _batches(path):
            if pc.any(pc.less(table["rank"], 1)).as_py():
                raise ValueError(f"{path}: a rank is below 1; the best has rank 1")
            ids.append(some)
            ranks.append(table["rank"].to_numpy())
            scores.append(table["score"].to_numpy())
    every = np.concatenate(ids)
    order = np.argsort(every, kind="stable")
    every, rank, score = every[order], np.concatenate(ranks)[order], np.concatenate(scores)[order]
    same = every[1:] == every[:-1]
    if (same & ((rank[1:] != rank[:-1]) | (score[1:] != score[:-1]))).any():
        raise ValueError("the scores name a row twice with different values; give the scores of one model")
    return every, rank, score


def _batches(path: str) -> Iterator[tuple[np.ndarray, pa.Table]]:
    """Row ids and scores. Raises ValueError for a file that is damaged, or holds something else."""
    with storage.open_read(path) as stream:
        try:
            for batch in pq.ParquetFile(stream).iter_batches(columns=SCORES_SCHEMA.names):
                table = pa.Table.from_batches([batch]).select(SCORES_SCHEMA.names).cast(SCORES_SCHEMA)
                ids = packed_ids(table["row_id"])
                if len(ids) != table.num_rows:
                    raise ValueError("a row_id has not 32 hexadecimal digits")
                yield ids, table
        except (OSError, pa.ArrowException, ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}: scores have the columns {_columns()}: {error}") from None
