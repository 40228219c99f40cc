"""Lines that stand in many groups: menus, notices, licence heads and stock phrases that tell no page from another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from miners.audit.hashing import hash_strings
from miners.audit.redaction import redacted
from schemas.side_hash import normalize_text

LEAST_CHARS = 24
"""Of a line: "Returns the name." and the like are common and short."""
LEAST_GROUPS = 5
"""A line in so many domains or repositories is nobody's own; FineWeb and C4 drop such lines by far rougher rules."""
LEAST_GROUP_SHARE = 0.002
SHOWN = 10
SHOWN_CHARS = 120
_MOST_LINES = 64
"""Of one side."""
LINE_TYPE = np.dtype([("line", np.uint64), ("group", np.uint64), ("key", np.uint64)])


@dataclass
class SideLines:
    """The lines of sampled rows as (line, group, row), and how each begins."""

    parts: list[np.ndarray] = field(default_factory=list)
    beginnings: dict[int, str] = field(default_factory=dict)

    def add(self, key: int, group: str, texts: Sequence[str]) -> None:
        """The lines of a row's sides that are no code."""
        lines = sorted({line for text in texts for line in lines_of(text)})
        if lines:
            part = np.zeros(len(lines), LINE_TYPE)
            part["line"] = hash_strings(lines)
            self.beginnings |= zip(part["line"].tolist(), (line[:SHOWN_CHARS] for line in lines), strict=True)
            part["group"] = hash_strings([group])[0]
            part["key"] = key
            self.parts.append(part)

    def merge(self, other: SideLines) -> None:
        """Add those of other rows."""
        self.parts.extend(other.parts)
        self.beginnings |= other.beginnings

    def compact(self) -> np.ndarray:
        """All of them, by line, group and row."""
        whole = np.concatenate([np.zeros(0, LINE_TYPE), *self.parts])
        self.parts = [whole[np.lexsort((whole["key"], whole["group"], whole["line"]))]]
        return self.parts[0]


def lines_of(text: str) -> set[str]:
    """The lines that are long enough, normalised as side hashes are."""
    lines = (normalize_text(line) for line in text.splitlines()[:_MOST_LINES] if len(line) >= LEAST_CHARS)
    return {line for line in lines if len(line) >= LEAST_CHARS}


def boilerplate(lines: SideLines) -> tuple[int, list[dict[str, Any]]]:
    """How many of the rows have a line that stands in many groups, and the most frequent of those lines.

    Many is `LEAST_GROUPS`, and `LEAST_GROUP_SHARE` of the groups that were looked at.
    """
    found = lines.compact()
    if not len(found):
        return 0, []
    starts = np.flatnonzero(np.append(True, found["line"][1:] != found["line"][:-1]))
    new_group = np.append(True, (found["line"][1:] != found["line"][:-1]) | (found["group"][1:] != found["group"][:-1]))
    groups = np.add.reduceat(new_group.astype(np.int64), starts)
    rows = np.diff(np.append(starts, len(found)))
    least = max(LEAST_GROUPS, LEAST_GROUP_SHARE * len(np.unique(found["group"])))
    common = np.flatnonzero(groups >= least)
    in_common = np.isin(found["line"], found["line"][starts[common]])
    order = common[np.lexsort((found["line"][starts[common]], -groups[common]))][:SHOWN]
    top = [
        {
            "line": redacted(lines.beginnings[int(found["line"][starts[i]])]),
            "rows": int(rows[i]),
            "groups": int(groups[i]),
        }
        for i in order
    ]
    return len(np.unique(found["key"][in_common])), top
