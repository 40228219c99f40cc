"""An inverted index over the shingles of evaluation texts: every resemblance found is exact, none is guessed.

Two resemblances count, beside equality. An evaluation text stands in a side: most of its shingles are the side's. Or a
side was taken from a longer evaluation text: most of the side's shingles are the text's. Both are the overlap
coefficient |A ∩ B| / min(|A|, |B|), whose smaller set must be long enough to mean something.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from miners.near_duplicates import ShingleRule, ShingleSets, shingle_sets

MOST_ITEMS = 256
"""A shingle of more evaluation texts than this is their common frame, and tells none of them from another."""
MOST_SHINGLES = 150_000_000
"""24 bytes each while the index is made: 3.6 GB."""
_FILTER_BITS = (16, 26)
_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Lengths:
    """From how many words, or tokens of code, on a resemblance is no accident."""

    inside: int
    """A shorter evaluation text counts only where it is the whole side."""
    whole: int
    """A shorter evaluation text must stand in the side whole, not in most of its shingles."""
    side: int
    """A shorter side that stands in a long evaluation text is a commonplace."""


TEXT_LENGTHS = Lengths(inside=5, whole=13, side=13)
"""13 words are what GPT-3's decontamination takes for enough (Brown et al. 2020, appendix C)."""
CODE_LENGTHS = Lengths(inside=13, whole=30, side=30)
"""Tokens of code say less than words: `def __len__(self): return len(self.items)` has 17."""


@dataclass(frozen=True, slots=True)
class ContaminationRules:
    """When a pair counts as contaminated."""

    threshold: float = 0.6
    """Least overlap coefficient. With 0.6 a text of which one word in 40 was changed is still found, and clean pairs
    cost hardly more than with 0.8 (`benchmarks/bench_contamination.py --threshold`)."""
    commonplace_groups: int = 10
    """A short evaluation text found in more groups than this is a commonplace; GPT-3 ignored n-grams found in more
    than ten documents."""

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold <= 1.0:
            raise ValueError(f"contamination_threshold must lie above 0 and at most at 1, not {self.threshold}")
        if self.commonplace_groups < 1:
            raise ValueError(f"commonplace_groups must be 1 or more, not {self.commonplace_groups}")


@dataclass(frozen=True, slots=True)
class Matches:
    """Sides that resemble evaluation texts, as arrays of one length."""

    rows: np.ndarray
    """int64: which of the sets that were asked for."""
    items: np.ndarray
    """int64: which evaluation text."""
    overlaps: np.ndarray
    """float64: the overlap coefficient."""


@dataclass(frozen=True)
class EvaluationIndex:
    """The shingles of evaluation texts under one shingle rule; `find` asks which sides resemble which texts."""

    rule: ShingleRule
    shingles: np.ndarray
    """uint64, sorted and distinct."""
    starts: np.ndarray
    """int64, one more than shingles: where the texts of each stand in `items`."""
    items: np.ndarray
    """int32."""
    sizes: np.ndarray
    """int64: shingles of each text that are in the index."""
    words: np.ndarray
    """int64: words (tokens of code) of each text, but for repeated ones."""
    present: np.ndarray
    """bool, a power of two of them: a filter on the low bits of shingles."""

    def find(self, sets: ShingleSets, rules: ContaminationRules) -> Matches:
        """The (row, text) that resemble each other, in order of rows and texts."""
        rows, places = self._hits(sets)
        counts = self.starts[places + 1] - self.starts[places]
        rows = np.repeat(rows, counts)
        first = np.repeat(self.starts[places] - (np.cumsum(counts) - counts), counts)
        items = self.items[first + np.arange(len(rows))].astype(np.int64)
        keys, shared = np.unique(rows * len(self.sizes) + items, return_counts=True)
        rows, items = np.divmod(keys, max(1, len(self.sizes)))
        overlaps = self._overlaps(shared, self.sizes[items], self.words[items], sets.sizes()[rows])
        enough = overlaps >= rules.threshold
        return Matches(rows[enough], items[enough], overlaps[enough])

    def _hits(self, sets: ShingleSets) -> tuple[np.ndarray, np.ndarray]:
        """Rows and places of all shingles that are in the index."""
        at = np.flatnonzero(self.present[sets.hashes & np.uint64(len(self.present) - 1)])
        if not len(at) or not len(self.shingles):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        places = np.minimum(np.searchsorted(self.shingles, sets.hashes[at]), len(self.shingles) - 1)
        right = self.shingles[places] == sets.hashes[at]
        return np.searchsorted(sets.offsets, at[right], "right") - 1, places[right]

    def _overlaps(
        self, shared: np.ndarray, item_sizes: np.ndarray, item_words: np.ndarray, side_sizes: np.ndarray
    ) -> np.ndarray:
        """The overlap coefficients, 0 where the smaller set is too short to count."""
        least = CODE_LENGTHS if self.rule.is_code else TEXT_LENGTHS
        contained = shared / item_sizes
        contained[(item_words < least.whole) & (shared < item_sizes)] = 0.0
        contained[(item_words < least.inside) & (shared < side_sizes)] = 0.0
        taken = np.where(side_sizes + self.rule.size - 1 >= least.side, shared / side_sizes, 0.0)
        return np.maximum(contained, taken)


def build_index(texts: Iterable[str], rule: ShingleRule) -> EvaluationIndex:
    """Index evaluation texts, named by their place. Raises ValueError for more than an index can hold."""
    parts: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    held = 0
    remaining = iter(texts)
    while batch := list(islice(remaining, _BATCH)):
        sets = shingle_sets(batch, rule)
        parts.append(sets.hashes)
        sizes.append(sets.sizes())
        held += len(sets.hashes)
        if held > MOST_SHINGLES:
            raise ValueError(
                f"the evaluation texts hold more than {MOST_SHINGLES:,} shingles; give fewer of them in one run, "
                "such as queries and test passages without the whole corpus"
            )
    own = np.concatenate([np.zeros(0, np.int64), *sizes])
    hashes = np.concatenate([np.zeros(0, np.uint64), *parts])
    items = np.repeat(np.arange(len(own), dtype=np.int32), own)
    return _index(rule, hashes, items, own)


def _index(rule: ShingleRule, hashes: np.ndarray, items: np.ndarray, own: np.ndarray) -> EvaluationIndex:
    order = np.argsort(hashes, kind="stable")
    hashes, items = hashes[order], items[order]
    shingles, counts = np.unique(hashes, return_counts=True)
    telling = counts <= MOST_ITEMS
    kept = np.repeat(telling, counts)
    items, shingles, counts = items[kept], shingles[telling], counts[telling]
    least, most = _FILTER_BITS
    present = np.zeros(1 << min(most, max(least, (16 * len(shingles)).bit_length())), bool)
    present[shingles & np.uint64(len(present) - 1)] = True
    return EvaluationIndex(
        rule=rule,
        shingles=shingles,
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=items,
        sizes=np.bincount(items, minlength=len(own)).astype(np.int64),
        words=own + rule.size - 1,
        present=present,
    )
