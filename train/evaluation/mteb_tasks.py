"""The task `mteb`: tasks of the mteb library (Muennighoff et al. 2022), which has its own data, scores and cache.

Ours is only the way in: the model in the shape that the library asks for, under a name and a revision that tell its
cache two models apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from train.encoder import SIDES
from train.encoders import TextEncoder, finite_vectors
from train.evaluation.measured import MODEL, MeanOf, Measured
from train.evaluation.task import Prepared, Setting, Task

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask
    from mteb.results import TaskResult

METRIC = "main score"
"""Which metric it is differs by task and stands in the row's details."""

REVISION_TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "Le cœur déçu mais l'âme plutôt naïve.",
    "いろはにほへと ちりぬるを",
    "def sort(items):\n    return sorted(items, reverse=True)  # by size",
)


def revision_of(encoder: TextEncoder) -> str:
    """A name for the encoder's weights, for the library's cache: the hash of what they make of some texts."""
    digest = xxhash.xxh3_128()
    for side in SIDES:
        digest.update(finite_vectors(encoder, REVISION_TEXTS, side).tobytes())
    return digest.hexdigest()


def library_model(encoder: TextEncoder, model: str | None) -> Any:
    """The encoder as the library's `EncoderProtocol`: documents are encoded as positives, all else as anchors."""
    from mteb.models import ModelMeta
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ScoringFunction
    from mteb.types import PromptType

    class LibraryModel(AbsEncoder):
        mteb_model_meta = ModelMeta.create_empty(
            overwrites={
                "name": f"pairmill/{PurePath(model or MODEL).name}",
                "revision": revision_of(encoder),
                "similarity_fn_name": ScoringFunction.COSINE,
            }
        )

        def encode(self, inputs: Any, *, prompt_type: PromptType | None = None, **_: Any) -> np.ndarray:
            texts = [text for batch in inputs for text in batch["text"]]
            return finite_vectors(encoder, texts, "positive" if prompt_type == PromptType.document else "anchor")

    return LibraryModel()


def library_task(name: str) -> AbsTask:
    """The library's task of that name. ValueError where it has none."""
    import mteb

    try:
        return mteb.get_task(name)
    except KeyError as error:
        raise ValueError(f"mteb has no task {name!r}: {' '.join(str(error).split())}") from None


def measured(result: TaskResult, metric: str) -> list[Measured]:
    """The task's score by the library's own mean and, where it has several, one of each subset."""
    subsets = [
        (split, scores["hf_subset"], float(scores["main_score"]))
        for split, found in result.scores.items()
        for scores in found
    ]
    rows = [_row(result, metric, "all", ", ".join(result.scores), float(result.get_score()))]
    if len(subsets) > 1:
        rows += [_row(result, metric, subset, split, score) for split, subset, score in subsets]
    return rows


def _row(result: TaskResult, metric: str, part: str, split: str, score: float) -> Measured:
    return Measured(
        task="mteb",
        data=result.task_name,
        protocol=f"mteb {split}",
        part=part,
        system=MODEL,
        metrics=(METRIC,),
        items=[f"{result.task_name}/{split}/{part}"],
        values=np.array([[score]]),
        details={"metric": metric, "dataset revision": result.dataset_revision, "mteb": result.mteb_version or ""},
    )


def _add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--mteb",
        nargs="+",
        metavar="TASK",
        help="names of its tasks, such as STS12; needs pairmill[mteb]",
    )


def _prepare(args: argparse.Namespace, setting: Setting) -> Prepared:
    try:
        import mteb
    except ImportError:
        raise ValueError("--mteb needs the library mteb; install pairmill[mteb]") from None
    tasks = [library_task(name) for name in dict.fromkeys(args.mteb)]

    def measure(encoder: TextEncoder) -> Sequence[Measured | MeanOf]:
        setting.journal.progress(f"mteb {version('mteb')}: {', '.join(task.metadata.name for task in tasks)}")
        model = library_model(encoder, args.model)
        found = mteb.evaluate(model, tasks, cache=mteb.ResultCache(), show_progress_bar=False)
        metrics = {task.metadata.name: str(task.metadata.main_score) for task in tasks}
        lists = [measured(result, metrics[result.task_name]) for result in found.task_results]
        rows: list[Measured | MeanOf] = [row for one in lists for row in one]
        if len(lists) > 1:
            rows.append(MeanOf(tuple(one[0] for one in lists), f"mean of {len(lists)} tasks", "mteb"))
        return rows

    return Prepared({"tasks": [task.metadata.name for task in tasks], "mteb": version("mteb")}, measure)


MTEB = Task("tasks of the mteb library", "--mteb", _add_flags, _prepare)
