"""The score of a model in training: retrieval on a pair set's validation split, ranked as `train/evaluate.py` ranks."""

from __future__ import annotations

from collections.abc import Callable

from train.encoder import Encoder
from train.encoders import finite_vectors
from train.retrieval import METRICS, cosine_blocks, metric_values, ranks_of
from train.split_rows import read_split

MOST_ROWS = 10_000
"""Of the split, whose canonical order is a shuffled one."""


def validation_of(data: str, device: str) -> Callable[[Encoder], float]:
    """What gives an encoder's MRR over the positives of the validation split, all sources together, known answers left
    out. ValueError where the set has no validation rows."""
    rows = read_split(data, "validation")
    count = min(len(rows), MOST_ROWS)
    known = rows.known.take(slice(count))

    def measure(encoder: Encoder) -> float:
        anchors = finite_vectors(encoder, rows.anchors[:count], "anchor")
        positives = finite_vectors(encoder, rows.positives[:count], "positive")
        ranks = ranks_of(cosine_blocks(anchors, positives, device), count, count, [known])[0].rank
        return float(metric_values(ranks)[:, METRICS.index("mrr")].mean())

    return measure
