"""Which of a row's nearest wrong candidates become its negatives: a window of ranks, a margin, and how many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.negatives.nearest import Found
from train.retrieval import TIE


@dataclass(frozen=True)
class ChoiceRule:
    """ValueError, with the mend, for values that choose nothing."""

    count: int = 5
    """Negatives a row, at most."""
    ranks: tuple[int, int] = (1, 100)
    """First and last place, from 1, among the candidates that are no known answer."""
    margin: float | None = 0.0
    """A negative scores less than the own positive less this; None: whatever it scores."""
    relative_margin: float | None = None
    """And less than the own positive less this share of its score: NV-Retriever's TopK-PercPos of 95 % is 0.05
    (Moreira et al. 2024, arXiv 2407.15831)."""

    def __post_init__(self) -> None:
        first, last = self.ranks
        if not 1 <= first <= last:
            raise ValueError(
                f"--ranks {first} {last} is no window of ranks; the first is 1 or more, the last not below"
            )
        if not 1 <= self.count <= last - first + 1:
            raise ValueError(f"--count {self.count} does not fit into --ranks {first} {last}; widen the window")
        if self.relative_margin is not None and not 0 <= self.relative_margin < 1:
            raise ValueError(f"--relative-margin {self.relative_margin} is no share; give one such as 0.05")


def choose(found: Found, own: np.ndarray, rule: ChoiceRule) -> tuple[np.ndarray, int]:
    """The negatives of each row, best first, -1 where there are fewer; and how many in the ranks the margin refused.

    `own` is the score of each row's own positive. Scores that tie with the limit are refused.
    """
    first, last = rule.ranks
    candidates, scores = found.candidates[:, first - 1 : last], found.scores[:, first - 1 : last]
    limit = np.full(len(own), np.inf)
    if rule.margin is not None:
        limit = own.astype(np.float64) - rule.margin - TIE
    if rule.relative_margin is not None:
        limit = np.minimum(limit, own - np.abs(own) * rule.relative_margin - TIE)
    there = candidates >= 0
    fits = there & (scores < limit[:, None])
    place = np.cumsum(fits, axis=1) - 1
    rows, columns = np.nonzero(fits & (place < rule.count))
    chosen = np.full((len(own), rule.count), -1, np.int64)
    chosen[rows, place[rows, columns]] = candidates[rows, columns]
    return chosen, int(np.count_nonzero(there & ~fits))
