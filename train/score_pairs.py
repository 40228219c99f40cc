"""The rank and the score of every pair's own positive, by a model, as one Parquet file (`schemas.scores`).

Candidates are the different positives of the row's split (and source), less what the set itself says to be an answer
(`train.negatives.known_answers`). Vectors lie on the disk and are compared tile by tile, so memory is the keys of the
rows (some 80 bytes each) and a tile of scores, however large the set is.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.manifest import Manifest
from schemas.pair_set import read_manifest
from schemas.scores import DATA_ID_KEY, MODEL_KEY, SCORES_SCHEMA, WITHIN_KEY
from train.encoders import TextEncoder
from train.negatives.keys import PairKeys, data_files, file_batches, read_keys
from train.negatives.known_answers import KnownAnswers
from train.negatives.layout import Exclusions, Layout, lay_out
from train.negatives.nearest import BlockSearch
from train.negatives.work import Report, Work
from train.progress import Meter
from train.retrieval import TIE

SUFFIX = ".parquet"


@dataclass(frozen=True)
class PairScores:
    """An entry a row, in canonical order."""

    rank: np.ndarray
    """int32, from 1; of equal scores (within `train.retrieval.TIE`) each has the last place."""
    score: np.ndarray
    """float32: the cosine of the two sides."""


def score_pairs(
    folder: str,
    encoder: TextEncoder,
    model: str,
    output: Path,
    *,
    within: str,
    device: str,
    temp: str | None = None,
    quiet: bool = False,
) -> PairScores:
    """Scores every row of the set and writes `output`, whole or not at all; the vectors lie in `temp` meanwhile.

    ValueError for a set without rows, FloatingPointError for a model whose vectors are not finite.
    """
    manifest = read_manifest(folder)
    if not manifest.splits:
        raise ValueError(f"{folder} has no rows; mine more")
    keys = read_keys(folder, manifest, within)
    layout = lay_out(keys)
    with tempfile.TemporaryDirectory(prefix="score-pairs-", dir=temp or output.parent) as place:
        work = Work(Path(place), 1, encoder.dimension)
        try:
            with Meter("encode", len(keys), quiet=quiet) as meter:
                work.encode(folder, manifest, layout, encoder, meter.at)
            with Meter("rank", len(keys), quiet=quiet) as meter:
                scores = _rank(work, keys, layout, device, meter.at)
        finally:
            work.close()
    metadata = {DATA_ID_KEY: manifest.data_id.encode(), MODEL_KEY: model.encode(), WITHIN_KEY: within.encode()}
    _write(output, folder, manifest, scores, metadata)
    return scores


def _rank(work: Work, keys: PairKeys, layout: Layout, device: str, report: Report) -> PairScores:
    known = KnownAnswers(keys)
    exclusions = Exclusions(layout, known)
    scores = PairScores(np.zeros(len(keys), np.int32), np.zeros(len(keys), np.float32))
    for block in layout.blocks(known):
        first, last = map(int, layout.candidate_bounds[block.scope : block.scope + 2])
        queries = work.anchors.read(block.start, block.stop)
        positives = work.candidates.take(layout.own[block.start : block.stop])
        own = np.einsum("ij,ij->i", queries, positives)
        search = BlockSearch(
            lambda start, stop, first=first: work.candidates.read(first + start, first + stop), last - first, device
        )
        left_out, _ = exclusions.of(block)
        rows = layout.rows[block.start : block.stop]
        scores.rank[rows] = 1 + search.ahead(queries, left_out, own - np.float32(TIE))
        scores.score[rows] = own
        report(block.stop)
    return scores


def _write(output: Path, folder: str, manifest: Manifest, scores: PairScores, metadata: dict[bytes, bytes]) -> None:
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    start = 0
    try:
        with pq.ParquetWriter(temporary, SCORES_SCHEMA.with_metadata(metadata), compression="zstd") as writer:
            for entry in data_files(manifest):
                for batch in file_batches(folder, entry, ["row_id"]):
                    stop = start + len(batch)
                    columns = [batch.column("row_id"), scores.rank[start:stop], scores.score[start:stop]]
                    writer.write_table(pa.table(columns, schema=writer.schema))
                    start = stop
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
