"""The lines of an evaluation's result: from values an item to scores with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from train.evaluation.bootstrap import interval, resampled
from train.evaluation.measured import MeanOf, Measured
from train.evaluation.summaries import MEAN, SUMMARIES

KEPT, LEFT_OUT = "kept", "left out"


@dataclass(frozen=True)
class Score:
    """One metric of one line with its 95 % bootstrap intervals: over items, and over groups.

    An end is None where there is nothing to resample: one item, fewer than two groups, a published figure.
    """

    value: float
    low: float | None = None
    high: float | None = None
    group_low: float | None = None
    group_high: float | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """The interval to show: over groups where there are several, for items of one group are not independent."""
        low, high = (self.low, self.high) if self.group_low is None else (self.group_low, self.group_high)
        return None if low is None or high is None else (low, high)


@dataclass(frozen=True)
class ScoreRow:
    """One line of the result: which system, on which items, by which protocol, scored what. See `Measured`."""

    task: str
    data: str
    protocol: str
    part: str
    texts: str
    system: str
    items: int
    items_dropped: int
    groups: int
    scores: dict[str, Score]
    leaked: str = KEPT
    """Whether items that occur in the training set are among them: ``kept`` or ``left out``."""
    published: str | None = None
    """Where the figures were published, for a line that was not measured here."""
    details: Mapping[str, float | int | str] = field(default_factory=dict)
    summary: str = MEAN
    """How its items' values became the scores: a name of `SUMMARIES`."""
    mean_of: tuple[int, ...] = ()
    """Places in the result of the lines that this one is the mean of."""


def score_rows(
    found: Sequence[Measured | MeanOf], seed: int, without_leaked: Sequence[Measured | MeanOf] = ()
) -> list[ScoreRow]:
    """A line each, in order, and then one for each of those `without_leaked`; a mean's parts are told by identity."""
    place = {id(one): i for i, one in enumerate([*found, *without_leaked])}
    return [
        _row(one, seed, leaked, place) for lists, leaked in ((found, KEPT), (without_leaked, LEFT_OUT)) for one in lists
    ]


def _row(one: Measured | MeanOf, seed: int, leaked: str, place: Mapping[int, int]) -> ScoreRow:
    parts = one.parts if isinstance(one, MeanOf) else (one,)
    first = parts[0]
    return ScoreRow(
        task=first.task,
        data=(one.data or first.data) if isinstance(one, MeanOf) else first.data,
        protocol=first.protocol,
        part=one.part,
        texts=first.texts,
        system=first.system,
        items=sum(len(part.items) for part in parts),
        items_dropped=sum(part.dropped for part in parts),
        groups=sum(0 if part.groups is None else len(np.unique(part.groups.astype(str))) for part in parts),
        scores=_scores(one, summary_of(one), seed),
        leaked=leaked,
        details=first.details if first is one else {},
        summary=first.summary,
        mean_of=() if first is one else tuple(place[id(part)] for part in parts),
    )


def summary_of(one: Measured | MeanOf) -> np.ndarray:
    """One number a metric."""
    if isinstance(one, MeanOf):
        return np.mean([summary_of(part) for part in one.parts], axis=0)
    return SUMMARIES[one.summary](one.values)


def metrics_of(one: Measured | MeanOf) -> tuple[str, ...]:
    """The names of its metrics."""
    return one.parts[0].metrics if isinstance(one, MeanOf) else one.metrics


def _scores(one: Measured | MeanOf, values: np.ndarray, seed: int) -> dict[str, Score]:
    ends = [ends_of(resampled(one, seed, by_group), len(values)) for by_group in (False, True)]
    columns = zip(metrics_of(one), values, *ends[0], *ends[1], strict=True)
    return {name: Score(float(value), *limits) for name, value, *limits in columns}


def ends_of(samples: np.ndarray | None, metrics: int) -> tuple[list[float | None], list[float | None]]:
    """The lower and the upper ends of resampled scores, one a metric; None where there are no samples."""
    if samples is None:
        return [None] * metrics, [None] * metrics
    low, high = interval(samples)
    return low.tolist(), high.tolist()
