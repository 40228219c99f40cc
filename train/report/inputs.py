"""What the report is made of: the results that `--output` wrote, and the runs whose models they are of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from train.run_folder import RunFolder

DEPTH = ("*.json", "*/*.json")
"""Results lie in a folder that is named or in one right below it, such as a run's."""


@dataclass(frozen=True)
class Run:
    """A training run: its recipe and what it logged."""

    folder: Path
    recipe: Mapping[str, Any]
    losses: Sequence[tuple[int, float]] = ()
    """(step, loss)."""
    scores: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    """(step, score) of each validation metric."""
    seen: Mapping[int, int] = field(default_factory=dict)
    """Pairs that it was trained on up to and with each step; a pair that is seen twice counts twice."""

    @property
    def steps(self) -> int:
        """Steps that it took."""
        return max((step for step, _ in self.losses), default=-1) + 1

    @property
    def pairs(self) -> int:
        """Pairs that it was trained on."""
        return max(self.seen.values(), default=0)

    @property
    def batch(self) -> int:
        """Pairs in a step."""
        return int(self.recipe["batch"])


@dataclass(frozen=True)
class Result:
    """One evaluation: of which model, with which rows. `run` is the run that made the model, where it is there."""

    path: Path
    model: str
    label: str
    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    run: Run | None


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    results: Sequence[Result]
    runs: Sequence[Run]


def read_folders(folders: Iterable[str]) -> Report:
    """The results and runs in the folders, in the order of their paths, in which numbers count as numbers.

    ValueError for a folder that is not there, for one without any of both, and for a file that is damaged.
    """
    runs: dict[Path, Run] = {}
    found: dict[Path, Mapping[str, Any]] = {}
    for name in folders:
        folder = Path(name)
        if not folder.is_dir():
            raise ValueError(f"there is no folder {name}; --report takes folders with results (JSON) or training runs")
        before = len(runs) + len(found)
        for place in (folder, *_in_order(path for path in folder.iterdir() if path.is_dir())):
            _add_run(place, runs)
        for path in _in_order(one for pattern in DEPTH for one in folder.glob(pattern)):
            value = _read_json(path)
            if isinstance(value, dict) and isinstance(value.get("rows"), list) and "model" in value:
                found[path.resolve()] = value
        if len(runs) + len(found) == before:
            raise ValueError(f"{name} holds neither results of `pairmill evaluate --output` nor a training run")
    results = [_result(path, value, runs) for path, value in found.items()]
    return Report(_with_different_labels(results), list(runs.values()))


def _in_order(paths: Iterable[Path]) -> list[Path]:
    """``batch-64`` before ``batch-256``."""

    def key(path: Path) -> list[tuple[str, int]]:
        return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", str(path))]

    return sorted(paths, key=key)


def _add_run(folder: Path, runs: dict[Path, Run]) -> None:
    if folder.resolve() not in runs and RunFolder(folder).recipe.is_file():
        runs[folder.resolve()] = read_run(folder)


def read_run(folder: Path) -> Run:
    """The run of that folder; without a log it has no curves. ValueError where a file of it is damaged."""
    place = RunFolder(folder)
    try:
        recipe = yaml.safe_load(place.recipe.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        recipe = None
    if not isinstance(recipe, dict) or not isinstance(recipe.get("batch"), int):
        raise ValueError(f"{place.recipe} is no recipe that a training run wrote")
    losses: list[tuple[int, float]] = []
    scores: dict[str, list[tuple[int, float]]] = {}
    seen: dict[int, int] = {}
    pairs = 0
    lines = place.metrics.read_text(encoding="utf-8").splitlines() if place.metrics.is_file() else []
    for number, line in enumerate(lines, start=1):
        value = _log_line(line)
        if value is None and number == len(lines):
            break  # a run that was killed, or goes on, ends in the middle of a line
        if value is None:
            raise ValueError(f"{place.metrics}, line {number}: no JSON object with a step")
        if isinstance(value.get("loss"), int | float):
            losses.append((value["step"], float(value["loss"])))
            pairs += value.get("pairs") or recipe["batch"]
            seen[value["step"]] = pairs
        for metric, score in _scores_of(value.get("eval")).items():
            scores.setdefault(metric, []).append((value["step"], score))
    return Run(folder, recipe, losses, scores, seen)


def _log_line(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("step"), int) else None


def _scores_of(evaluation: Any) -> dict[str, float]:
    if not isinstance(evaluation, Mapping):
        return {}
    return {name: float(value) for name, value in evaluation.items() if isinstance(value, int | float)}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {' '.join(str(error).split())[:200]}") from None


def _result(path: Path, value: Mapping[str, Any], runs: dict[Path, Run]) -> Result:
    for number, row in enumerate(value["rows"], start=1):
        if not isinstance(row, dict) or not {"task", "data", "protocol", "part", "system", "scores"} <= row.keys():
            raise ValueError(f"{path}, row {number}: this is no row of `pairmill evaluate`; measure again")
    model = str(value["model"])
    run = _run_of(path, model, runs)
    label = run.folder.resolve().name if run else Path(model).name or model
    return Result(path, model, label, value["rows"], list(value.get("notes") or ()), run)


def _run_of(path: Path, model: str, runs: dict[Path, Run]) -> Run | None:
    """The run in whose folder the model lies, or else the result; one that was not named is read too."""
    of_model = Path(model).resolve().parent
    if Path(model).is_dir():
        _add_run(of_model, runs)
    return runs.get(of_model) or next((run for folder, run in runs.items() if folder in path.parents), None)


def _with_different_labels(results: Sequence[Result]) -> list[Result]:
    """Models of one name get their folder before it."""
    by_label: dict[str, set[str]] = {}
    for one in results:
        by_label.setdefault(one.label, set()).add(one.model)
    return [
        one
        if len(by_label[one.label]) == 1
        else Result(one.path, one.model, str(one.run.folder if one.run else one.model), one.rows, one.notes, one.run)
        for one in results
    ]
