"""Which texts may not be a row's negative, because the set itself says that they answer it, or are it.

The rule is the trainer's mask of known false negatives (`train.known_pairs`), applied to texts: whatever text a related
row holds is excluded wherever else it stands. Pages are added: passages of one page are about the same thing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from train.known_pairs import EqualKeys
from train.negatives.keys import PairKeys

CAUSES = {
    "own_positive": "the row's own positive, or a text equal to it",
    "own_anchor": "the row's own anchor",
    "same_anchor": "the positive of a row with an equal anchor",
    "continued": "the positive of a row whose anchor is this row's positive",
    "cluster": "either text of a row of the same cluster",
    "page": "either text of a row of the same page (text, not code)",
    "given": "a negative that the row has already",
}
"""Why a candidate is excluded, in the order in which causes are counted: each candidate of a row once."""

Related = tuple[str, np.ndarray, np.ndarray]
"""A cause; places in the rows asked for; the side hash of a text that is excluded there."""


class KnownAnswers:
    """The excluded texts of any rows of a set, by side hash."""

    def __init__(self, keys: PairKeys) -> None:
        self._keys = keys
        self._anchors = EqualKeys(keys.anchor_hash)
        self._clusters = EqualKeys(keys.cluster, keys.has_cluster)
        self._pages = EqualKeys(keys.page, keys.has_page)

    def sizes(self, rows: np.ndarray) -> np.ndarray:
        """How many texts `related` gives for each of these rows, an equal text counted as often as it is found."""
        keys = self._keys
        return (
            2
            + self._anchors.counts(keys.anchor_hash[rows])
            + self._anchors.counts(keys.positive_hash[rows])
            + 2 * self._clusters.counts(keys.cluster[rows], keys.has_cluster[rows])
            + 2 * self._pages.counts(keys.page[rows], keys.has_page[rows])
            + np.diff(keys.given_offsets)[rows]
        )

    def related(self, rows: np.ndarray) -> Iterator[Related]:
        """The texts excluded for these rows, cause by cause in the order of `CAUSES`; a text may come several times."""
        keys, every = self._keys, np.arange(len(rows))
        yield "own_positive", every, keys.positive_hash[rows]
        yield "own_anchor", every, keys.anchor_hash[rows]
        places, others = self._anchors.pairs(keys.anchor_hash[rows])
        yield "same_anchor", places, keys.positive_hash[others]
        places, others = self._anchors.pairs(keys.positive_hash[rows])
        yield "continued", places, keys.positive_hash[others]
        for cause, found in (
            ("cluster", self._clusters.pairs(keys.cluster[rows], keys.has_cluster[rows])),
            ("page", self._pages.pairs(keys.page[rows], keys.has_page[rows])),
        ):
            places, others = found
            yield cause, places, keys.positive_hash[others]
            yield cause, places, keys.anchor_hash[others]
        counts = np.diff(keys.given_offsets)[rows]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield "given", np.repeat(every, counts), keys.given_hashes[np.repeat(keys.given_offsets[rows], counts) + within]
