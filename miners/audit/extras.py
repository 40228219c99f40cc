"""What an audit is asked for beside the set itself, summed up: another set, scores of the pairs, lengths in tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from miners.audit.compared_rows import ComparedRows
from miners.audit.pair_scores import ScoreSummary
from miners.audit.tokens import TokenLengths

if TYPE_CHECKING:
    from miners.audit.summary import Summary


@dataclass
class Extras:
    """A mergeable part of the set's summary; empty where nothing was asked for."""

    scores: ScoreSummary = field(default_factory=ScoreSummary)
    tokens: TokenLengths = field(default_factory=TokenLengths)
    rows: dict[str, ComparedRows] = field(default_factory=dict)
    """By side of the comparison."""
    other: Summary | None = None
    """The summary of the other set."""

    def merge(self, more: Extras) -> None:
        """Add what was read of other rows."""
        self.scores.merge(more.scores)
        self.tokens.merge(more.tokens)
        for side, rows in more.rows.items():
            self.rows.setdefault(side, ComparedRows(rows.config)).merge(rows)
        if self.other is None:
            self.other = more.other
        elif more.other is not None:
            self.other.merge(more.other)

    def compact(self) -> None:
        """Sum up what was added."""
        for rows in self.rows.values():
            rows.compact()
        if self.other is not None:
            self.other.compact()
