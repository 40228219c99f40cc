"""Exact Jaccard similarity of shingle sets, many pairs at a time."""

from __future__ import annotations

import numpy as np

from miners.near_duplicates.kernels import compiled
from miners.near_duplicates.runs import ShingleSets


def jaccard(sets: ShingleSets, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """|A ∩ B| / |A ∪ B| of sets left[i] and right[i], float64; 0 where either is empty."""
    if not len(left):
        return np.zeros(0)
    loops = compiled()
    if loops is None:
        shared = _numpy_shared(sets, left, right)
    else:
        shared = np.empty(len(left), np.int64)
        loops.count_shared(sets.hashes, sets.offsets, left.astype(np.int64), right.astype(np.int64), shared)
    sizes = sets.sizes()
    union = sizes[left] + sizes[right] - shared
    return np.divide(shared, union, out=np.zeros(len(left)), where=union > 0)


def _numpy_shared(sets: ShingleSets, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    from scipy.sparse import csr_array  # here: a third of a second that the compiled loop does not need

    columns, numbered = np.unique(sets.hashes, return_inverse=True)
    ones = np.ones(len(numbered), np.int32)
    # int64 offsets: a chunk may hold more than 2^31 shingles only in theory, but scipy then picks the index type.
    rows = csr_array((ones, numbered, sets.offsets), shape=(len(sets), max(1, len(columns))))
    return np.asarray(rows[left].multiply(rows[right]).sum(axis=1)).reshape(-1).astype(np.int64)
