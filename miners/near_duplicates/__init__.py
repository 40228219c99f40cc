"""Near-duplicate texts and pairs: shingles, MinHash signatures, verified similarity, survivors.

In: texts, or arrays made of them. Out: arrays. Plain numpy functions without I/O, Beam or torch. Nothing is lost here:
these functions say what resembles what and which of two is the better; the dedupe job acts on it.
"""

from miners.near_duplicates.bands import Banding, band_hashes, banding_for
from miners.near_duplicates.candidates import bucket_pairs
from miners.near_duplicates.minhash import SignatureConfig, run_signatures, signatures
from miners.near_duplicates.runs import ShingleRuns, ShingleSets, distinct
from miners.near_duplicates.shingle_rule import CODE, TEXT, ShingleRule
from miners.near_duplicates.shingles import shingle_runs, shingle_sets
from miners.near_duplicates.similarity import jaccard
from miners.near_duplicates.survivors import components, greedy_survivors

__all__ = [
    "CODE",
    "TEXT",
    "Banding",
    "ShingleRule",
    "ShingleRuns",
    "ShingleSets",
    "SignatureConfig",
    "band_hashes",
    "banding_for",
    "bucket_pairs",
    "components",
    "distinct",
    "greedy_survivors",
    "jaccard",
    "run_signatures",
    "shingle_runs",
    "shingle_sets",
    "signatures",
]
