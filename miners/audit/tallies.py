"""Rows that have something, counted by what it is, with a few of them as examples: mergeable, of bounded size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from miners.audit.redaction import redacted
from miners.audit.samples import explain_command

EXAMPLES = 5
EXCERPT_CHARS = 160


@dataclass(frozen=True, slots=True, order=True)
class Example:
    """One row that has it. Of several the smallest keys are kept, so that order and workers change nothing."""

    key: int
    row_id: str
    side: str
    excerpt: str

    def figures(self, set_path: str) -> dict[str, Any]:
        """As plain values for the report, the excerpt without secrets and personal data."""
        command = explain_command(set_path, self.row_id)
        return {"row_id": self.row_id, "side": self.side, "excerpt": redacted(self.excerpt), "explain": command}


@dataclass
class Tally:
    """How many rows have it, and how often it was found in them."""

    rows: int = 0
    found: int = 0
    examples: list[Example] = field(default_factory=list)

    def merge(self, other: Tally) -> None:
        """Add a tally of other rows."""
        self.rows += other.rows
        self.found += other.found
        self.examples = sorted({*self.examples, *other.examples})[:EXAMPLES]


@dataclass
class Tallies:
    """Tallies by (check, what of it); what is empty for the rows that have any of it."""

    by_name: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def add(self, check: str, what: str, example: Example, found: int = 1) -> None:
        """One row more."""
        self.add_rows(check, what, 1, found, [example])

    def add_rows(self, check: str, what: str, rows: int, found: int, examples: list[Example]) -> None:
        """Rows of which some are given as examples."""
        self.by_name.setdefault((check, what), Tally()).merge(Tally(rows, found, examples))

    def merge(self, other: Tallies) -> None:
        """Add the tallies of other rows."""
        for name, tally in other.by_name.items():
            self.by_name.setdefault(name, Tally()).merge(tally)

    def of(self, check: str, what: str = "") -> Tally:
        """The tally of that name; an empty one where nothing was found."""
        return self.by_name.get((check, what), Tally())

    def names(self, check: str) -> list[str]:
        """What was found of a check, most rows first."""
        named = [(what, tally.rows) for (of, what), tally in self.by_name.items() if of == check and what]
        return [what for what, _ in sorted(named, key=lambda item: (-item[1], item[0]))]


def excerpt_at(text: str, start: int, end: int) -> str:
    """The part of a text around a place, on one line, with … where something is left off."""
    room = max(0, EXCERPT_CHARS - (end - start)) // 2
    low, high = max(0, start - room), min(len(text), max(end, start) + room)
    high = min(high, low + EXCERPT_CHARS)
    return f"{'…' if low else ''}{' '.join(text[low:high].split())}{'…' if high < len(text) else ''}"
