"""The rows at both ends of every signal: where a rule about lengths, language or quality goes wrong, it shows there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from miners.audit.place import Place, place_of_row

SIGNALS = ("anchor_chars", "anchor_words", "positive_chars", "positive_words", "language_score")
ENDS = ("lowest", "highest")
MAX_KEYS = 256
"""Keys that are kept, the first by name: a set with hundreds of quality signals fills no memory."""

Key = tuple[str, str, str]
"""(kind, signal, "lowest" or "highest")."""


@dataclass
class Extremes:
    """The most extreme rows of each kind by each signal, `shown` of each end; ties go to the smaller keyed hash."""

    shown: int
    found: dict[Key, list[tuple[float, Place]]] = field(default_factory=dict)

    def add(self, kind: str, signals: Mapping[str, pa.Array], at: np.ndarray, rows: np.ndarray) -> None:
        """Rank the rows at `at`, all of one kind; `signals` are the fields of the struct, `rows` the hashes of all."""
        for name, values, places in _measured(signals, at):
            for end in ENDS:
                self._rank((kind, name, end), _most_extreme(end, values, rows[places], self.shown))

    def merge(self, other: Extremes) -> None:
        """Take in those of other rows."""
        for key, found in other.found.items():
            self._rank(key, found)

    def _rank(self, key: Key, found: Sequence[tuple[float, Place]]) -> None:
        if not found:
            return
        sign = 1 if key[2] == "lowest" else -1
        everything = [*self.found.get(key, ()), *found]
        self.found[key] = sorted(everything, key=lambda item: (sign * item[0], item[1]))[: self.shown]
        if len(self.found) > MAX_KEYS:
            del self.found[max(self.found)]


def _measured(signals: Mapping[str, pa.Array], at: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(signal, values, rows) of every signal that some of the rows have."""
    for name in SIGNALS:
        if name in signals:
            values = pc.cast(signals[name], pa.float64()).to_numpy(zero_copy_only=False)[at]
            known = np.isfinite(values)
            yield name, values[known], at[known]
    if "quality" in signals:
        yield from _quality(signals["quality"].take(pa.array(at)), at)


def _quality(lists: pa.ListArray, at: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    parents = at[pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)]
    flat = pc.list_flatten(lists)
    names = pc.struct_field(flat, "name")
    values = pc.cast(pc.struct_field(flat, "value"), pa.float64()).to_numpy(zero_copy_only=False)
    for name in sorted(set(pc.unique(names).to_pylist()) - {None})[:MAX_KEYS]:
        mine = pc.fill_null(pc.equal(names, name), False).to_numpy(zero_copy_only=False) & np.isfinite(values)
        yield name, values[mine], parents[mine]


def _most_extreme(end: str, values: np.ndarray, rows: np.ndarray, shown: int) -> list[tuple[float, Place]]:
    order = np.lexsort((rows["key"], values if end == "lowest" else -values))[:shown]
    return [(float(values[i]), place_of_row(rows[i])) for i in order]
