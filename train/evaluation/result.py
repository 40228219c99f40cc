"""The result of a run: score rows as JSON, and beside them the items' values that `--compare` reads."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from train.encoders import TextEncoder
from train.evaluation.bootstrap import LEVEL, RESAMPLES
from train.evaluation.leaks import Leaks
from train.evaluation.measured import MODEL, MeanOf, Measured
from train.evaluation.published import published_rows
from train.evaluation.rows import KEPT, ScoreRow, score_rows
from train.evaluation.task import Prepared, Setting

_ITEMS = pa.schema(
    [("row", pa.int32()), ("item", pa.string()), ("group", pa.string()), ("values", pa.list_(pa.float64()))]
)
"""The place of the item's list among the JSON's rows, the item's name, its group, and its values, a column each."""

LIBRARIES = ("pairmill", "bm25s", "numpy", "pytrec-eval-terrier", "sentence-transformers", "torch", "transformers")


@dataclass(frozen=True)
class Result:
    """What one model scored."""

    model: str
    tasks: Mapping[str, Mapping[str, Any]]
    found: Sequence[Measured | MeanOf]
    setting: Setting
    leaks: Leaks | None
    seconds: float

    @cached_property
    def rows(self) -> list[ScoreRow]:
        """The lines of the table: of all items, of those that did not leak, and of the papers."""
        clean = self.leaks.left_out(self.found) if self.leaks else []
        rows = score_rows(self.found, self.setting.seed, clean)
        return [*rows, *published_rows(rows)]

    def as_json(self) -> dict[str, Any]:
        """All that a reader of the scores has to know."""
        return {
            "model": self.model,
            "tasks": self.tasks,
            "leaks": self.leaks.as_json() if self.leaks else None,
            **circumstances(self.setting, self.seconds),
            "rows": [asdict(row) for row in self.rows],
        }


def circumstances(setting: Setting, seconds: float) -> dict[str, Any]:
    """What a figure depends on besides the model and the data."""
    return {
        "seed": setting.seed,
        "interval": {"level": LEVEL, "resamples": RESAMPLES, "method": "percentile bootstrap"},
        "device": setting.device,
        "seconds": round(seconds, 1),
        "versions": {"python": platform.python_version(), **_versions()},
        "notes": setting.journal.notes,
    }


def measured_by(encoder: TextEncoder, prepared: Mapping[str, Prepared]) -> list[Measured | MeanOf]:
    """What the model and the baselines scored in every task."""
    return [row for one in prepared.values() for row in (*one.measure(encoder), *one.baselines())]


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def write_result(path: Path, result: Result) -> None:
    """Writes the JSON, and beside it the values of the model's items as Parquet; each whole or not at all."""
    _write_items(items_path(path), result.found)
    write_json(path, result.as_json())


def items_path(path: Path) -> Path:
    """Where the items' values of a result lie: ``scores.items.parquet`` beside ``scores.json``."""
    return path.with_suffix(".items.parquet")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    with _whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_items(path: Path, found: Sequence[Measured | MeanOf]) -> None:
    with _whole(path) as temporary, pq.ParquetWriter(temporary, _ITEMS, compression="zstd") as writer:
        for row, one in enumerate(found):
            if isinstance(one, MeanOf) or one.system != MODEL:
                continue
            count = len(one.items)
            groups = [None] * count if one.groups is None else one.groups.astype(str).tolist()
            width = one.values.shape[1]
            offsets = pa.array(range(0, count * width + 1, width), pa.int32())
            values = pa.ListArray.from_arrays(offsets, pa.array(one.values.reshape(-1), pa.float64()))
            columns = [pa.array([row] * count, pa.int32()), pa.array(list(one.items)), pa.array(groups, pa.string())]
            writer.write_table(pa.table([*columns, values], schema=_ITEMS))


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes `path` when all went well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_found(path: Path) -> tuple[str, list[Measured | MeanOf]]:
    """The model's name and what it scored, of a result that `write_result` wrote; ValueError where it is none."""
    beside = items_path(path)
    if not beside.is_file():
        raise ValueError(f"{path} has no {beside.name} beside it; measure the model with --output {path.name} again")
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        items = pq.read_table(beside, schema=_ITEMS)
        found: dict[int, Measured | MeanOf] = {}
        for place in items["row"].unique().to_pylist():
            found[place] = _measured(result["rows"][place], items.filter(pc.equal(items["row"], place)))
        for place, row in enumerate(result["rows"]):
            if row["mean_of"] and row["leaked"] == KEPT and row["system"] == MODEL and not row["published"]:
                parts = tuple(part for i in row["mean_of"] if isinstance(part := found.get(i), Measured))
                data = None if row["data"] == parts[0].data else row["data"]
                found[place] = MeanOf(parts, row["part"], data)
        return result["model"], [found[place] for place in sorted(found)]
    except (OSError, KeyError, IndexError, TypeError, ValueError, pa.ArrowException) as error:
        raise ValueError(f"{path} is no result of this command ({type(error).__name__}: {error})") from None


def _measured(row: Mapping[str, Any], items: pa.Table) -> Measured:
    groups = items["group"].to_pylist()
    return Measured(
        task=row["task"],
        data=row["data"],
        protocol=row["protocol"],
        part=row["part"],
        system=row["system"],
        metrics=tuple(row["scores"]),
        items=items["item"].to_pylist(),
        values=np.array(items["values"].to_pylist(), np.float64),
        summary=row["summary"],
        texts=row["texts"],
        groups=None if None in groups else np.array(groups, dtype=object),
    )
