"""RUN/: where a training run keeps what it makes, and whether a new run may write there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.model_folder import read_settings


@dataclass(frozen=True)
class RunFolder:
    """The places in a run's folder. `model` is there when the run is finished, and only then."""

    root: Path

    @property
    def model(self) -> Path:
        """What sentence-transformers loads."""
        return self.root / "model"

    @property
    def checkpoints(self) -> Path:
        """See `train.checkpoint`."""
        return self.root / "checkpoints"

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.root / "recipe.yaml"

    @property
    def metrics(self) -> Path:
        """One JSON object a step."""
        return self.root / "metrics.jsonl"

    @property
    def events(self) -> Path:
        """The same figures as TensorBoard reads them."""
        return self.root / "tensorboard"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer trained on the shards, where the base has none."""
        return self.root / "tokenizer.json"

    @property
    def tokens(self) -> Path:
        """The token caches of this run's data."""
        return self.root / "tokens"

    @property
    def graphs(self) -> Path:
        """How many graphs a step keeps: see `train.graph_memory`."""
        return self.root / "graphs.json"

    @property
    def is_finished(self) -> bool:
        """Whether the model is there."""
        return self.model.is_dir() and read_settings(self.model) is not None

    def prepare(self, *, overwrite: bool, resume: bool) -> None:
        """Makes the folder fit to write to. ValueError, with the mend, where it holds what may not be lost."""
        if overwrite:
            self.clear()
        if self.is_finished:
            raise ValueError(f"{self.root} holds a finished model; give another --output, or --overwrite")
        if self.checkpoints.is_dir() and not resume:
            raise ValueError(
                f"{self.root} holds an unfinished run; go on with --resume, or start again with --overwrite"
            )
        self.root.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Deletes what a run makes, and nothing else."""
        for folder in (self.model, self.checkpoints, self.events, self.tokens):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.recipe, self.metrics, self.tokenizer, self.graphs):
            file.unlink(missing_ok=True)

    def keep_metrics_before(self, step: int) -> None:
        """Drops the lines of steps that a resumed run will take again, and a line that a crash cut short."""
        if not self.metrics.is_file():
            return
        kept = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] < step:
                    kept.append(line + "\n")
            except ValueError:
                break
        self.metrics.write_text("".join(kept), encoding="utf-8")

    def read_metrics(self) -> Iterator[dict[str, Any]]:
        """Every whole line."""
        if self.metrics.is_file():
            with self.metrics.open(encoding="utf-8") as file:
                yield from (json.loads(line) for line in file)

    def add_metrics(self, values: Mapping[str, Any]) -> None:
        """Appends one line."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
