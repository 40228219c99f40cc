"""The guard against boilerplate: a short evaluation text that stands in many places is nobody's secret.

An evaluation set holds sentences such as "Returns the name." that are found in thousands of documents; dropping each of
them would cost far more than it protects.
"""

from __future__ import annotations

import numpy as np

NEVER_COMMON_WORDS = 50
"""A longer text found in many places was copied there: that is contamination, however often it happened."""


def spared_items(items: np.ndarray, groups: np.ndarray, words: np.ndarray, most_groups: int) -> np.ndarray:
    """The evaluation texts (sorted, distinct) that are commonplaces.

    In: of each match its text and a hash of its row's group; `words` of every text.
    """
    pairs = np.unique(np.stack([items.astype(np.int64), groups.astype(np.uint64).view(np.int64)], 1), axis=0)
    found, spread = np.unique(pairs[:, 0], return_counts=True)
    return found[(spread > most_groups) & (words[found] < NEVER_COMMON_WORDS)]
