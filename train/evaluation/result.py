"""The result of a run: score rows as JSON, and beside them the items' values that `--compare` reads."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from train.encoders import TextEncoder
from train.evaluation.bootstrap import LEVEL, RESAMPLES
from train.evaluation.measured import MeanOf, Measured
from train.evaluation.rows import ScoreRow, score_rows
from train.evaluation.task import Prepared, Setting

LIBRARIES = ("pairmill", "bm25s", "numpy", "sentence-transformers", "torch", "transformers")


@dataclass(frozen=True)
class Result:
    """What one model scored."""

    model: str
    tasks: Mapping[str, Mapping[str, Any]]
    found: Sequence[Measured | MeanOf]
    setting: Setting
    seconds: float

    @cached_property
    def rows(self) -> list[ScoreRow]:
        """The lines of the table."""
        return score_rows(self.found, self.setting.seed)

    def as_json(self) -> dict[str, Any]:
        """All that a reader of the scores has to know."""
        return {
            "model": self.model,
            "tasks": self.tasks,
            "seed": self.setting.seed,
            "interval": {"level": LEVEL, "resamples": RESAMPLES, "method": "percentile bootstrap"},
            "device": self.setting.device,
            "seconds": round(self.seconds, 1),
            "versions": {"python": platform.python_version(), **_versions()},
            "notes": self.setting.journal.notes,
            "rows": [asdict(row) for row in self.rows],
        }


def measured_by(encoder: TextEncoder, prepared: Mapping[str, Prepared]) -> list[Measured | MeanOf]:
    """What the model and the baselines scored in every task; of one test the model stands before its baselines."""
    found: list[Measured | MeanOf] = []
    for one in prepared.values():
        found += _side_by_side([*one.measure(encoder), *one.baselines()])
    return found


def _side_by_side(found: Iterable[Measured | MeanOf]) -> list[Measured | MeanOf]:
    by_test: dict[tuple[str | None, ...], list[Measured | MeanOf]] = {}
    for one in found:
        first = one.parts[0] if isinstance(one, MeanOf) else one
        by_test.setdefault((one.data, first.protocol, one.part, first.texts), []).append(one)
    return [one for group in by_test.values() for one in group]


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def write_result(path: Path, result: Result) -> None:
    """Writes the JSON, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(result.as_json(), indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
