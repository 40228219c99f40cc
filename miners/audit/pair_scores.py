"""A model's opinion of the pairs, summed up: rank and score of each pair's own positive, and the worst of them.

Ranks and scores are those of `pairmill evaluate --score-pairs` (`schemas.scores`). Mergeable, of bounded size: ranks in
the bins of `lengths`, scores in bins at most 0.8 % of the value wide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from miners.audit.lengths import Lengths

WORST = 5
"""Rows shown of each kind."""
TOPS = (1, 2, 10, 100)
"""A consistency filter keeps the rows whose own positive is among the best so many."""
SCORE_BINS = 32
_UNIT = 1 << 40
_SIGN = 1 << 31
_SHIFT = 16


@dataclass
class Scored:
    """Ranks and scores of some rows."""

    ranks: Lengths = field(default_factory=Lengths)
    tops: dict[int, int] = field(default_factory=lambda: dict.fromkeys(TOPS, 0))
    reciprocal: int = 0
    """The sum of 1 / rank, in units of 2^-40, so that the order of sums changes nothing."""
    scores: Counter[int] = field(default_factory=Counter)
    """Rows by `score_bin`."""

    def add(self, ranks: np.ndarray, scores: np.ndarray) -> None:
        """Take in rows: their ranks (from 1) and scores."""
        self.ranks.add(ranks)
        for top in TOPS:
            self.tops[top] += int((ranks <= top).sum())
        distinct, counts = np.unique(ranks, return_counts=True)
        self.reciprocal += sum(_UNIT // int(rank) * int(n) for rank, n in zip(distinct, counts, strict=True))
        bins, counts = np.unique(score_bin(scores), return_counts=True)
        self.scores.update(dict(zip(bins.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: Scored) -> None:
        """Add other rows."""
        self.ranks.merge(other.ranks)
        for top, n in other.tops.items():
            self.tops[top] += n
        self.reciprocal += other.reciprocal
        self.scores.update(other.scores)

    def figures(self) -> dict[str, Any]:
        """Plain values; shares are of the rows that have a score."""
        n = self.ranks.n
        bins = sorted(self.scores)
        edges, ends = score_edge(np.array(bins)), np.cumsum([self.scores[b] for b in bins])
        quantiles = {"p5": 0.05, "median": 0.5, "p95": 0.95}
        return {
            "pairs": n,
            **{f"first_{top}": self.tops[top] / n for top in TOPS},
            "mrr": self.reciprocal / _UNIT / n,
            "median_rank": self.ranks.quantile(0.5),
            "p95_rank": self.ranks.quantile(0.95),
            **{f"{name}_score": float(edges[np.searchsorted(ends, q * n)]) for name, q in quantiles.items()},
        }

    def rank_bins(self) -> list[dict[str, int]]:
        """Rows by rank, in bins of half a doubling."""
        return [{"from": low, "to": high, "pairs": n} for low, high, n in self.ranks.doubling_bins()]

    def score_bins(self) -> list[dict[str, float]]:
        """Rows by score, in `SCORE_BINS` bins of one width from the least to the greatest."""
        edges = score_edge(np.array(sorted(self.scores)))
        counts, cuts = np.histogram(edges, SCORE_BINS, weights=[self.scores[b] for b in sorted(self.scores)])
        return [
            {"from": float(low), "to": float(high), "pairs": int(n)}
            for low, high, n in zip(cuts[:-1], cuts[1:], counts, strict=True)
        ]


@dataclass
class ScoreSummary:
    """The scores of a set's rows. `worst` holds (rank, score, what the caller knows a row by) of each kind."""

    missing: int = 0
    """Rows that the files of scores do not name."""
    scored: dict[tuple[str, str], Scored] = field(default_factory=dict)
    """By (kind, source)."""
    worst: dict[str, list[tuple[int, float, Any]]] = field(default_factory=dict)

    def add(self, kinds: np.ndarray, sources: np.ndarray, ranks: np.ndarray, scores: np.ndarray, rows: Any) -> None:
        """Take in rows: names of kind and source, ranks (0: not named) and scores; `rows[i]` is a row's place."""
        known = ranks > 0
        self.missing += int((~known).sum())
        for kind in np.unique(kinds[known]):
            of_kind = known & (kinds == kind)
            for source in np.unique(sources[of_kind]):
                at = of_kind & (sources == source)
                self.scored.setdefault((str(kind), str(source)), Scored()).add(ranks[at], scores[at])
            here = np.flatnonzero(of_kind)
            worst = here[np.lexsort((scores[here], -ranks[here].astype(np.int64)))[: 4 * WORST]]
            self._keep(str(kind), [(int(ranks[i]), float(scores[i]), rows[i]) for i in worst.tolist()])

    def merge(self, other: ScoreSummary) -> None:
        """Add the scores of other rows."""
        self.missing += other.missing
        for name, scored in other.scored.items():
            self.scored.setdefault(name, Scored()).merge(scored)
        for kind, rows in other.worst.items():
            self._keep(kind, rows)

    def places(self) -> list[Any]:
        """The rows to show."""
        return [row for rows in self.worst.values() for _, _, row in rows]

    def _keep(self, kind: str, rows: list[tuple[int, float, Any]]) -> None:
        everything = [*self.worst.get(kind, ()), *rows]
        self.worst[kind] = sorted(everything, key=lambda row: (-row[0], row[1], row[2]))[:WORST]


def score_figures(
    summary: ScoreSummary, shown: Mapping[Any, Mapping[str, Any]], about: Mapping[str, Any]
) -> dict[str, Any]:
    """The figures of the scores; `about` says what is known of the files, `shown` holds the rows of `places`."""
    every, kinds = Scored(), dict[str, Scored]()
    for (kind, _), scored in sorted(summary.scored.items()):
        every.merge(scored)
        kinds.setdefault(kind, Scored()).merge(scored)
    n = every.ranks.n
    sources = sorted(summary.scored.items(), key=lambda item: (-item[1].ranks.n, item[0]))
    return {
        **about,
        "missing": summary.missing,
        "missing_share": summary.missing / (summary.missing + n) if summary.missing + n else 0.0,
        **(every.figures() if n else {"pairs": 0}),
        "by_kind": [
            {"kind": kind, **scored.figures(), "rank_bins": scored.rank_bins(), "score_bins": scored.score_bins()}
            for kind, scored in kinds.items()
        ],
        "by_source": [{"kind": kind, "source": source, **scored.figures()} for (kind, source), scored in sources][:40],
        "worst": [
            {"kind": kind, "rows": [{"rank": rank, "score": score, **shown[row]} for rank, score, row in rows]}
            for kind, rows in sorted(summary.worst.items())
        ],
    }


def score_bin(scores: np.ndarray) -> np.ndarray:
    """Bins of float32 that ascend with the value, each at most 2^-7 of its value wide."""
    bits = (scores.astype(np.float32) + np.float32(0)).view(np.uint32).astype(np.int64)
    return np.where(bits & _SIGN, (_SIGN * 2 - 1) - bits, bits + _SIGN) >> _SHIFT


def score_edge(bins: np.ndarray) -> np.ndarray:
    """The value of each bin that is nearest to zero."""
    whole = bins.astype(np.int64) << _SHIFT
    positive = whole >= _SIGN
    bits = np.where(positive, whole - _SIGN, (_SIGN * 2 - 1) - (whole + (1 << _SHIFT) - 1))
    return bits.astype(np.uint32).view(np.float32)
