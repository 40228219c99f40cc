"""A run's figures as TensorBoard reads them: RUN/tensorboard, where the package tensorboard is installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MISSING = "the package tensorboard is not installed, so there are no event files; metrics.jsonl has all figures"


class EventFile:
    """Event files of one run. `note` says what is missing where nothing can be written, and is empty otherwise."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """`first_step`: whatever an earlier run wrote from that step on is not shown any more."""
        self.note = ""
        self._writer = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.note = MISSING
            return
        self._writer = SummaryWriter(str(folder), purge_step=first_step, flush_secs=30)

    def add(self, line: Mapping[str, Any]) -> None:
        """One line of the metrics; loss and accuracy also by source."""
        if self._writer is None:
            return
        step, source = line["step"], line.get("source")
        for name, value in _flat(line):
            self._writer.add_scalar(_tag(name), value, step)
            if source and name in ("loss", "accuracy"):
                self._writer.add_scalar(_tag(f"{name}_by_source/{source}"), value, step)

    def close(self) -> None:
        """Writes what is held back."""
        if self._writer is not None:
            self._writer.close()


def _flat(line: Mapping[str, Any], before: str = "") -> list[tuple[str, float]]:
    found = []
    for name, value in line.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{before}{name}/")
        elif isinstance(value, int | float) and name != "step":
            found.append((f"{before}{name}", value))
    return found


def _tag(name: str) -> str:
    return re.sub(r"[^\w/.-]", "_", name)
