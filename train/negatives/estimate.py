"""What a search would take, from a small sample of it: for `--dry-run`."""

from __future__ import annotations

import time

import numpy as np

from schemas.manifest import Manifest
from train.encoders import TextEncoder, finite_vectors
from train.negatives.choice import ChoiceRule
from train.negatives.keys import data_files, file_batches, read_keys
from train.negatives.layout import QUERIES, lay_out
from train.negatives.nearest import BlockSearch, tile_size

SAMPLE_ROWS = 512
_TILES = 4


def estimate(
    data: str, manifest: Manifest, encoder: TextEncoder | None, within: str, rule: ChoiceRule, device: str
) -> str:
    """Lines for a person: rows and candidates by scope, and with a model seconds, core-hours and bytes."""
    layout = lay_out(keys := read_keys(data, manifest, within))
    rows, candidates = np.diff(layout.row_bounds), np.diff(layout.candidate_bounds)
    sizes = zip(keys.scopes, rows.tolist(), candidates.tolist(), strict=True)
    lines = [f"{name}: {n:,} rows, {m:,} different candidates" for name, n, m in sizes]
    batch = next(file_batches(data, data_files(manifest)[0], ("anchor", "positive"), SAMPLE_ROWS))
    anchors, positives = batch.column("anchor").to_pylist(), batch.column("positive").to_pylist()
    text_bytes = float(np.mean([len(text.encode()) for text in positives]))
    stored = sum(entry.bytes for entry in manifest.data_files())
    added = text_bytes * rule.count * len(keys)
    lines.append(f"input: {stored:,} bytes; output: at most {stored + added:,.0f} bytes before compression")
    if encoder is None:
        return "\n".join([*lines, "BM25 is not estimated: its time depends on how common the words are"])
    began = time.perf_counter()
    vectors = finite_vectors(encoder, anchors, "anchor")
    finite_vectors(encoder, positives, "positive")
    encoding = (time.perf_counter() - began) / len(anchors) * len(keys)
    searching = _seconds_a_cell(vectors, rule.ranks[1], device) * float((rows * candidates).sum())
    temporary = 4 * encoder.dimension * (len(keys) + int(candidates.sum())) + text_bytes * float(candidates.sum())
    lines.append(f"encoding: about {encoding:,.0f} s; search: about {searching:,.0f} s, on {device}")
    lines.append(f"together: about {(encoding + searching) / 3600:.2f} hours of this machine")
    return "\n".join([*lines, f"temporary files: about {temporary:,.0f} bytes"])


def _seconds_a_cell(vectors: np.ndarray, count: int, device: str) -> float:
    """Of one query against one candidate, measured on a block of the size that the search has."""
    none = np.zeros(0, np.int64)
    queries = np.resize(vectors, (QUERIES, vectors.shape[1]))
    size = _TILES * tile_size(device)
    search = BlockSearch(lambda start, stop: np.resize(vectors, (stop - start, vectors.shape[1])), size, device)
    began = time.perf_counter()
    search.best(queries, (none, none), count)
    return (time.perf_counter() - began) / (QUERIES * size)
