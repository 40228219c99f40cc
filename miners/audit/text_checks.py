"""What is asked of the texts of a seeded sample of rows: secrets, personal data, language, markup, overlap, phrases.

The detectors take tens of microseconds to milliseconds a row, so that they see a sample; small sets are seen whole. The
result is mergeable and of bounded size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from miners.audit.boilerplate import SideLines, boilerplate
from miners.audit.estimates import share_figures
from miners.audit.exposures import PERSONAL, SECRETS, exposures
from miners.audit.markup import leftovers
from miners.audit.overlap import ALMOST_ALL, BINS, bin_of, lexical_overlap
from miners.audit.tallies import Example, Tallies, excerpt_at
from miners.audit.wrong_language import other_language
from schemas.side_hash import anchor_is_code, positive_is_code

TEXT_COLUMNS = ("row_id", "kind", "language", "group", "anchor", "positive", "signals.docstring_language")
MARKUP, LANGUAGE, OVERLAP = "markup", "wrong_language", "overlap"
NOTHING, EVERYTHING = "almost_nothing", "almost_everything"
MOST_CHARS = 20_000
"""Of a side; what stands beyond is not looked at."""


class TextRow(NamedTuple):
    """A row as the checks see it."""

    key: int
    row_id: str
    kind: str
    language: str | None
    docstring_language: str | None
    group: str
    anchor: str
    positive: str

    def sides(self) -> Iterator[tuple[str, str, bool]]:
        """(name, text, whether it is code) of both sides."""
        yield "anchor", self.anchor, anchor_is_code(self.kind)
        yield "positive", self.positive, positive_is_code(self.kind)


@dataclass
class TextChecks:
    """What was found in the rows that were looked at."""

    rows: Counter[str] = field(default_factory=Counter)
    """By kind."""
    tallies: Tallies = field(default_factory=Tallies)
    overlaps: dict[str, np.ndarray] = field(default_factory=dict)
    """By kind: rows by their lexical overlap, in `BINS` bins."""
    languages: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(stated, found) of rows in a wrong language."""
    lines: SideLines = field(default_factory=SideLines)

    def add(self, row: TextRow) -> None:
        """Look at one row."""
        row = row._replace(anchor=row.anchor[:MOST_CHARS], positive=row.positive[:MOST_CHARS])
        self.rows[row.kind] += 1
        self._expose(row)
        self._leftovers(row)
        self._language(row)
        self._overlap(row)
        self.lines.add(row.key, row.group, [text for _, text, is_code in row.sides() if not is_code])

    def merge(self, other: TextChecks) -> None:
        """Add what was found in other rows."""
        self.rows.update(other.rows)
        self.tallies.merge(other.tallies)
        for kind, counts in other.overlaps.items():
            self.overlaps[kind] = self.overlaps.get(kind, np.zeros(BINS, np.int64)) + counts
        self.languages.update(other.languages)
        self.lines.merge(other.lines)

    def _count(self, row: TextRow, check: str, found: list[tuple[str, str, str, int]]) -> None:
        """Count a row for each (what, side, excerpt, times) and once for all of them."""
        if not found:
            return
        self.tallies.add(check, "", _example(row, found[0][1], found[0][2]), sum(n for *_, n in found))
        first: dict[str, tuple[str, str]] = {}
        times: Counter[str] = Counter()
        for what, side, excerpt, n in found:
            first.setdefault(what, (side, excerpt))
            times[what] += n
        for what, (side, excerpt) in first.items():
            self.tallies.add(check, what, _example(row, side, excerpt), times[what])

    def _expose(self, row: TextRow) -> None:
        found: dict[str, list[tuple[str, str, str, int]]] = {SECRETS: [], PERSONAL: []}
        for side, text, _ in row.sides():
            for one in exposures(text):
                found[one.check].append((one.detector, side, one.excerpt, 1))
        for check, those in found.items():
            self._count(row, check, those)

    def _leftovers(self, row: TextRow) -> None:
        self._count(
            row,
            MARKUP,
            [
                (what, side, excerpt_at(text, start, end), n)
                for side, text, is_code in row.sides()
                if not is_code
                for what, n, start, end in leftovers(text)
            ],
        )

    def _language(self, row: TextRow) -> None:
        wrong = other_language(row.kind, row.language, row.docstring_language, row.anchor, row.positive)
        if wrong:
            side, language = wrong
            text = row.anchor if side == "anchor" else row.positive
            self._count(row, LANGUAGE, [(language, side, excerpt_at(text, 0, 0), 1)])
            self.languages[row.docstring_language or row.language or "", language] += 1

    def _overlap(self, row: TextRow) -> None:
        overlap = lexical_overlap(row.anchor, row.positive, is_code=positive_is_code(row.kind))
        if overlap is None:
            return
        self.overlaps.setdefault(row.kind, np.zeros(BINS, np.int64))[bin_of(overlap)] += 1
        if overlap == 0 or overlap >= ALMOST_ALL:
            what = EVERYTHING if overlap else NOTHING
            self.tallies.add(OVERLAP, what, _example(row, "positive", excerpt_at(row.positive, 0, 0)))


def text_figures(checks: TextChecks, total: int, set_path: str) -> dict[str, Any]:
    """The figures of all checks; `total` rows were there to draw from."""
    looked_at = sum(checks.rows.values())
    figures = {
        name: check_figures(checks.tallies, name, looked_at, total, set_path)
        for name in (SECRETS, PERSONAL, MARKUP, LANGUAGE)
    }
    figures[LANGUAGE]["confusions"] = [
        {"stated": stated, "found": found, "rows": n}
        for (stated, found), n in sorted(checks.languages.items(), key=lambda item: (-item[1], item[0]))[:20]
    ]
    figures[OVERLAP] = _overlap_figures(checks, total, set_path)
    rows, lines = boilerplate(checks.lines)
    figures["boilerplate"] = {**share_figures(rows, looked_at, total), "lines": lines}
    return {"looked_at": looked_at, **figures}


def check_figures(tallies: Tallies, check: str, looked_at: int, total: int, set_path: str) -> dict[str, Any]:
    """A check's share of rows with its interval, and the same by what was found, with examples."""
    every = tallies.of(check)
    found = {what: tallies.of(check, what) for what in tallies.names(check)}
    return {
        **share_figures(every.rows, looked_at, total),
        "found": every.found,
        "found_estimated": every.found if looked_at >= total else round(every.found * total / max(1, looked_at)),
        "by_name": [
            {
                "name": what,
                **share_figures(tally.rows, looked_at, total),
                "found": tally.found,
                "examples": [example.figures(set_path) for example in tally.examples],
            }
            for what, tally in found.items()
        ],
    }


def _overlap_figures(checks: TextChecks, total: int, set_path: str) -> dict[str, Any]:
    measured = {kind: int(counts.sum()) for kind, counts in checks.overlaps.items()}
    looked_at = sum(checks.rows.values())
    figures: dict[str, Any] = {
        "measured": sum(measured.values()),
        "by_kind": [
            {
                "kind": kind,
                "rows": measured[kind],
                "bins": [{"from": i / BINS, "to": (i + 1) / BINS, "rows": n} for i, n in enumerate(counts.tolist())],
            }
            for kind, counts in sorted(checks.overlaps.items())
        ],
    }
    for what in (NOTHING, EVERYTHING):
        tally = checks.tallies.of(OVERLAP, what)
        examples = [example.figures(set_path) for example in tally.examples]
        figures[what] = {**share_figures(tally.rows, looked_at, total), "examples": examples}
    return figures


def text_rows(columns: Mapping[str, list[Any]], keys: np.ndarray) -> Iterator[TextRow]:
    """Rows from the columns of `TEXT_COLUMNS`, `signals` as a list of mappings; each with its key."""
    names = ("row_id", "kind", "language", "signals", "group", "anchor", "positive")
    for key, (row_id, kind, language, signals, *rest) in zip(
        keys.tolist(), zip(*(columns[name] for name in names), strict=True), strict=True
    ):
        yield TextRow(key, row_id, kind, language, (signals or {}).get("docstring_language"), *rest)


def _example(row: TextRow, side: str, excerpt: str) -> Example:
    return Example(row.key, row.row_id, side, excerpt)
