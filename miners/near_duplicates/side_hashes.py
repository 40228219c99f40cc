"""Side hashes and word counts of many texts at once: those of `schemas.side_hash` and of `str.split`, bit for bit."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import xxhash

from miners.near_duplicates.kernels import compiled
from miners.near_duplicates.shingles import are_ascii, bytes_of
from schemas.side_hash import side_hash


def side_hashes(texts: pa.StringArray, is_code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(hash, words) of each text (int64, int64), by the rule for code where `is_code` says so."""
    hashes, words = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
    slow = np.ones(len(texts), bool)
    loops = compiled()
    if loops is not None:
        codes, offsets = bytes_of(texts)
        slow = is_code | ~are_ascii(codes, offsets)
        quick = np.flatnonzero(~slow)
        starts, ends = offsets[quick], offsets[quick + 1]
        normal = np.empty(int((ends - starts).sum()), np.uint8)
        bounds, counts = np.zeros(len(quick) + 1, np.int64), np.zeros(len(quick), np.int64)
        loops.normalize_ascii(codes, starts, ends, normal, bounds, counts)
        view, cuts = memoryview(normal), bounds.tolist()
        digests = (xxhash.xxh3_64_intdigest(view[a:b]) for a, b in itertools.pairwise(cuts))
        hashes[quick] = np.fromiter(digests, np.uint64, len(quick)).view(np.int64)
        words[quick] = counts
    for i in np.flatnonzero(slow).tolist():
        text = texts[i].as_py()
        hashes[i] = side_hash(text, is_code=bool(is_code[i]))
        words[i] = len(text.split())
    return hashes, words
