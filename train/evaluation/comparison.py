"""`--compare A B`: what two models scored on the same items, the differences, and which of them are real.

Both are resampled together: each bootstrap sample draws the same items (or groups of items) for both, so that what
makes an item hard for everybody cancels out. A difference is called real where its 95 % interval does not hold 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from train.evaluation.bootstrap import resampled
from train.evaluation.measured import MODEL, MeanOf, Measured
from train.evaluation.rows import ends_of, metrics_of, summary_of
from train.evaluation.table import aligned, percent
from train.journal import Journal

Test = tuple[str, str, str, str, str]
"""Task, data, protocol, part, texts."""


@dataclass(frozen=True)
class Difference:
    """One metric of one test: A's score, B's, and B less A with its interval; no interval where there is one item."""

    task: str
    data: str
    protocol: str
    part: str
    texts: str
    metric: str
    items: int
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None

    @property
    def is_real(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.is_real:
            return "not shown"
        return "B is better" if self.difference > 0 else "A is better"


def compare(
    a: Iterable[Measured | MeanOf], b: Iterable[Measured | MeanOf], seed: int, journal: Journal
) -> list[Difference]:
    """The differences of all tests that both models took; tests of one model alone and of other items are noted."""
    ours, theirs = ({_test(one): one for one in found if _first(one).system == MODEL} for found in (a, b))
    for test in [*(ours.keys() - theirs.keys()), *(theirs.keys() - ours.keys())]:
        journal.note(f"only one of the two was measured by {', '.join(test)}: no difference")
    found: list[Difference] = []
    for test, one in ours.items():
        if test in theirs:
            other = _in_order_of(one, theirs[test])
            if other is None:
                journal.note(f"the two were measured on other items by {', '.join(test)}: no difference")
            else:
                found += _differences(test, one, other, seed)
    return found


def _first(one: Measured | MeanOf) -> Measured:
    return one.parts[0] if isinstance(one, MeanOf) else one


def _test(one: Measured | MeanOf) -> Test:
    first = _first(one)
    return first.task, one.data or first.data, first.protocol, one.part, first.texts


def _in_order_of(one: Measured | MeanOf, other: Measured | MeanOf) -> Measured | MeanOf | None:
    """`other` with its items in the order of `one`; None where the items or the metrics are not the same."""
    if isinstance(one, MeanOf) or isinstance(other, MeanOf):
        if not isinstance(one, MeanOf) or not isinstance(other, MeanOf) or len(one.parts) != len(other.parts):
            return None
        pairs = [_in_order_of(mine, its) for mine, its in zip(one.parts, other.parts, strict=True)]
        parts = tuple(part for part in pairs if isinstance(part, Measured))
        return replace(other, parts=parts) if len(parts) == len(pairs) else None
    place = {item: i for i, item in enumerate(other.items)}
    if one.metrics != other.metrics or place.keys() != set(one.items):
        return None
    order = np.array([place[item] for item in one.items], np.int64)
    return replace(other, items=one.items, values=other.values[order], groups=one.groups)


def _differences(test: Test, one: Measured | MeanOf, other: Measured | MeanOf, seed: int) -> Iterator[Difference]:
    a, b = summary_of(one), summary_of(other)
    lows, highs = ends_of(_resampled_difference(one, other, seed), len(a))
    items = sum(len(part.items) for part in (one.parts if isinstance(one, MeanOf) else (one,)))
    for metric, mine, its, low, high in zip(metrics_of(one), a.tolist(), b.tolist(), lows, highs, strict=True):
        yield Difference(*test, metric, items, mine, its, its - mine, low, high)


def _resampled_difference(one: Measured | MeanOf, other: Measured | MeanOf, seed: int) -> np.ndarray | None:
    """B less A in the same samples: of whole groups where there are several, else of items."""
    for by_group in (True, False):
        samples = resampled(one, seed, by_group), resampled(other, seed, by_group)
        if samples[0] is not None and samples[1] is not None:
            return samples[1] - samples[0]
    return None


def format_differences(found: Sequence[Difference]) -> str:
    """The differences as a table, in percent."""
    head = ["task", "data", "protocol", "part", "texts", "metric", "items", "A", "B", "B - A", "95 %", "verdict"]
    lines = [head]
    for one in found:
        between = "-" if one.low is None or one.high is None else f"{percent(one.low)}..{percent(one.high)}"
        names = [one.task, one.data, one.protocol, one.part, one.texts, one.metric, f"{one.items:,}"]
        lines.append([*names, *map(percent, (one.a, one.b, one.difference)), between, one.verdict])
    return aligned(lines, left=6)
