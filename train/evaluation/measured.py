"""What a task hands over: the values of one system on one list of items, an item a row and a metric a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from train.evaluation.summaries import MEAN

MODEL = "model"
"""The system's name in the rows of the model that is evaluated; baselines bear their own (``bm25``)."""

AS_WRITTEN = "as written"
ALL = "all"
"""The part of all items together."""


@dataclass(frozen=True)
class Measured:
    """One list of items, measured. Equal (task, data, protocol, part, texts) is the same test."""

    task: str
    data: str
    """The data set: its folder's or file's name, not its path."""
    protocol: str
    """By what rule. Numbers of different protocols are not comparable, so the name says all that matters."""
    part: str
    """The language, the source, the subset; ``all`` where the data states none."""
    system: str
    metrics: tuple[str, ...]
    items: Sequence[str]
    """The items' names, each once; the same items in every run on the same data."""
    values: np.ndarray
    """float64 of (items, columns)."""
    summary: str = MEAN
    """How some items' values become one number a metric: a name of `train.evaluation.summaries.SUMMARIES`."""
    texts: str = AS_WRITTEN
    """Which texts were measured, where there are several ("comments removed")."""
    groups: np.ndarray | None = None
    """Strings, one an item: what shares its difficulty (repository, page) and is resampled as a whole."""
    dropped: int = 0
    """Items that the protocol leaves out (the last partial chunk)."""
    details: Mapping[str, float | int | str] = field(default_factory=dict)
    """What else a reader has to know, for the JSON: candidates a query, the chosen regularisation."""

    def take(self, keep: np.ndarray, part: str | None = None) -> Measured:
        """The same of the items where `keep` (bool, one an item) is true, as another `part` where one is named."""
        return replace(
            self,
            part=part or self.part,
            items=[item for item, kept in zip(self.items, keep, strict=True) if kept],
            values=self.values[keep],
            groups=None if self.groups is None else self.groups[keep],
        )


@dataclass(frozen=True)
class MeanOf:
    """The plain mean of several lists' scores, as papers average languages or data sets; the lists are resampled
    apart. All have the same metrics and are of the same system."""

    parts: tuple[Measured, ...]
    part: str
    """Its name, such as ``mean of languages``."""
    data: str | None = None
    """Its data set's name where the parts are several data sets; None: the first part's."""
