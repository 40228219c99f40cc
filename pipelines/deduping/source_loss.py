"""The alarm of dedupe: a source or a large group that lost more of its rows than it should, and to which rules.

Public pipelines have thrown whole sources away without a word; here each one is named in the manifest's warnings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from miners.near_duplicates.resolve import RULES
from schemas.ledger import Ledger

LEAST_ROWS = 100
"""Of a source, and of a group: chance alone empties smaller ones."""
MOST_NAMED = 20
NOTE = "lost/"


@dataclass
class Loss:
    """Rows of one source or group: how many there were, and how many went by each verdict code."""

    rows: int = 0
    codes: dict[int, int] = field(default_factory=dict)

    def add(self, rows: int, codes: Mapping[int, int]) -> None:
        """Count more rows of it."""
        self.rows += rows
        for code, n in codes.items():
            self.codes[code] = self.codes.get(code, 0) + n

    @property
    def lost(self) -> int:
        """Rows that went."""
        return sum(self.codes.values())

    def is_over(self, most: float) -> bool:
        """Whether it is large enough to judge, and lost more than the share `most`."""
        return self.rows >= LEAST_ROWS and self.lost > most * self.rows

    def why(self) -> str:
        """The reasons, the greatest first."""
        reasons: dict[str, int] = {}
        for code, n in self.codes.items():
            reasons[RULES[code][1]] = reasons.get(RULES[code][1], 0) + n
        return ", ".join(
            f"{reason} {n:,}" for reason, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        )


def count_losses(names: pa.ChunkedArray, codes: np.ndarray) -> dict[str, Loss]:
    """The losses by name; `codes` are the verdicts of the rows, 0 for kept."""
    encoded = names.cast(pa.string()).combine_chunks().dictionary_encode()
    places = encoded.indices.to_numpy()
    labels = encoded.dictionary.to_pylist()
    table = np.zeros((len(labels), len(RULES)), np.int64)
    np.add.at(table, (places, codes), 1)
    return {
        label: Loss(int(row.sum()), {code: int(row[code]) for code in np.flatnonzero(row).tolist() if code})
        for label, row in zip(labels, table, strict=True)
    }


def note_losses(ledger: Ledger, kind: str, losses: Mapping[str, Loss], most: float) -> list[str]:
    """Warnings for those of LEAST_ROWS or more that lost more than the share `most`, the worst first; each is noted."""
    over = {name: loss for name, loss in losses.items() if loss.is_over(most)}
    worst = sorted(over, key=lambda name: (-over[name].lost / over[name].rows, name))
    lines = []
    for name in worst[:MOST_NAMED]:
        loss = over[name]
        ledger.note(f"{NOTE}{kind}/{name}", loss.lost)
        lines.append(f"{kind} {name} lost {loss.lost / loss.rows:.1%} of its {loss.rows:,} rows: {loss.why()}")
    unnamed = len(worst) - MOST_NAMED
    return lines + ([f"{unnamed:,} more of kind {kind} lost more than {most:.0%}"] if unnamed > 0 else [])


def is_alarm(notes: Mapping[str, int]) -> bool:
    """Whether a source or group lost too much, by a finished job's notes."""
    return any(name.startswith(NOTE) for name in notes)


def losses_to_json(losses: Mapping[str, Loss]) -> dict[str, list[object]]:
    """As it travels between passes."""
    return {name: [loss.rows, {str(code): n for code, n in loss.codes.items()}] for name, loss in losses.items()}


def sum_losses(told: Sequence[Mapping[str, list]]) -> dict[str, Loss]:
    """The losses of all units."""
    total: dict[str, Loss] = {}
    for losses in told:
        for name, (rows, codes) in losses.items():
            total.setdefault(name, Loss()).add(rows, {int(code): n for code, n in codes.items()})
    return total
