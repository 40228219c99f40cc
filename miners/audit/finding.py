"""One remark on a set, as the report's first page shows it."""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = ("bad", "warn", "good")


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. `figure` is the dotted path of the figure behind it, None where there is none."""

    level: str
    title: str
    detail: str
    figure: str | None = None
