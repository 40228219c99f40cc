"""The task `probe`: accuracy of classifiers on frozen embeddings, on SentEval's tasks or on any labelled texts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from train.encoders import TextEncoder
from train.evaluation.flags import data_name, known_names
from train.evaluation.measured import MODEL, MeanOf, Measured
from train.evaluation.summaries import F1, MEAN
from train.evaluation.task import ItemKey, ItemTexts, Prepared, Setting, Task
from train.evaluation.text_files import NO_WORDS
from train.journal import Journal
from train.probes.labelled import LabelledText, ProbeSet, features, label_array
from train.probes.labelled_folder import DEV, TEST, TRAIN, is_labelled_folder, read_labelled_folder
from train.probes.senteval import LAYOUTS, find_tasks, read_task
from train.probes.splits import CLASSIFIERS, Predictions, check_folds, predict
from train.probes.zero_shot import PROMPTS, Prompts, read_prompts, zero_shot

ZERO_SHOT = "zero-shot"
KINDS = (*CLASSIFIERS, ZERO_SHOT)
NAMES = {"linear": "linear probe", "knn": "nearest neighbours", ZERO_SHOT: "zero-shot by prompt"}


@dataclass(frozen=True)
class _Source:
    """The classification tasks of one folder of the command line, and how their protocol is named."""

    folder: str
    probes: Sequence[ProbeSet]
    rule: str
    mean: str


@dataclass(frozen=True)
class Probing:
    """What is measured: the sources, by which classifiers."""

    sources: Sequence[_Source]
    kinds: Sequence[str]
    prompts: Prompts
    journal: Journal

    def measure(self, encoder: TextEncoder) -> list[Measured | MeanOf]:
        """A list of right and wrong answers for each task and classifier, and the means over several tasks."""
        found: list[Measured | MeanOf] = []
        for source in self.sources:
            by_kind: dict[str, list[Measured]] = {kind: [] for kind in self.kinds}
            for probe in source.probes:
                self.journal.progress(f"encoding the texts of {probe.data}, {probe.part}")
                encoded = _Encoded.by(encoder, probe)
                for kind in self._kinds_for(probe):
                    self.journal.progress(f"{NAMES[kind]}: {probe.data}, {probe.part}")
                    said = self._predict(kind, encoder, probe, encoded)
                    protocol = f"{source.rule} {kind}"
                    by_kind[kind].append(_measured(probe, said, protocol, kind))
                    found.append(by_kind[kind][-1])
                    if probe.has_f1:
                        found.append(_f1(probe, said, protocol))
            found += [
                MeanOf(tuple(lists), source.mean, data_name(source.folder))
                for lists in by_kind.values()
                if len(lists) > 1
            ]
        return found

    def _kinds_for(self, probe: ProbeSet) -> list[str]:
        return [kind for kind in self.kinds if kind != ZERO_SHOT or probe.data in self.prompts]

    def _predict(self, kind: str, encoder: TextEncoder, probe: ProbeSet, encoded: _Encoded) -> Predictions:
        if kind == ZERO_SHOT:
            return zero_shot(encoder, probe, self.prompts[probe.data], encoded.of(probe.tested))
        return predict(probe, CLASSIFIERS[kind], encoded.of)


@dataclass(frozen=True)
class _Encoded:
    """The features of all of a task's texts, each computed once."""

    place: Mapping[str, int]
    features: np.ndarray

    @classmethod
    def by(cls, encoder: TextEncoder, probe: ProbeSet) -> _Encoded:
        texts = [*probe.train, *(probe.dev or ()), *(probe.test or ())]
        return cls({one.name: i for i, one in enumerate(texts)}, features(encoder, texts))

    def of(self, texts: Sequence[LabelledText]) -> np.ndarray:
        return self.features[[self.place[one.name] for one in texts]]


def _measured(probe: ProbeSet, said: Predictions, protocol: str, kind: str) -> Measured:
    details: dict[str, float | str] = {"accuracy as SentEval rounds it": said.accuracy}
    if said.chosen:
        name = CLASSIFIERS[kind].parameter
        details[f"chosen {name}"] = ", ".join(f"{value:g}" for value in sorted(set(said.chosen)))
    right = (said.labels == label_array(said.texts)).astype(np.float64)
    return _list(probe, said, protocol, ("accuracy",), right[:, None], details=details)


def _f1(probe: ProbeSet, said: Predictions, protocol: str) -> Measured:
    values = np.column_stack([label_array(said.texts), said.labels]).astype(np.float64)
    return _list(probe, said, f"{protocol}, F1", ("f1",), values, summary=F1)


def _list(
    probe: ProbeSet,
    said: Predictions,
    protocol: str,
    metrics: tuple[str, ...],
    values: np.ndarray,
    *,
    summary: str = MEAN,
    details: Mapping[str, float | str] | None = None,
) -> Measured:
    has_groups = any(one.group is not None for one in said.texts)
    return Measured(
        task="probe",
        data=probe.data,
        protocol=protocol,
        part=probe.part,
        system=MODEL,
        metrics=metrics,
        items=[one.name for one in said.texts],
        values=values,
        summary=summary,
        groups=np.array([one.group or one.name for one in said.texts]) if has_groups else None,
        details=details or {},
    )


def _add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--probe",
        nargs="+",
        metavar="FOLDER",
        help=f"SentEval's data/downstream or folders of its tasks ({', '.join(LAYOUTS)}); or labelled texts: a folder "
        f"with {TRAIN}, {TEST} and perhaps {DEV}, lines of text, label and perhaps language and group",
    )
    group.add_argument(
        "--classifier",
        default="linear",
        metavar="NAMES",
        help="comma-separated, default linear (linear: logistic regression; knn: the nearest training texts; "
        "zero-shot: the nearest prompt, nothing is trained)",
    )
    group.add_argument(
        "--prompts",
        metavar="FILE",
        help='of zero-shot, as JSON: {"DATA": {"LABEL": "prompt"}} (SentEval\'s tasks have some)',
    )
    group.add_argument(
        "--probe-train-language",
        metavar="LANGUAGE",
        help="train on the labelled texts of this language alone, and test on every language",
    )


def _prepare(args: argparse.Namespace, setting: Setting) -> Prepared:
    kinds = known_names(args.classifier, KINDS, "classifier")
    sources = [_read(folder, args.probe_train_language) for folder in args.probe]
    _check_names(sources)
    probes = {probe.data: probe for source in sources for probe in source.probes}
    if ZERO_SHOT not in kinds and args.prompts:
        raise ValueError("--prompts is for --classifier zero-shot")
    prompts = read_prompts(Path(args.prompts), probes) if args.prompts else PROMPTS
    for source in sources:
        _check(source, kinds, prompts, setting.journal)
    identity: dict[str, Any] = {"folders": list(args.probe), "classifiers": list(kinds)}
    identity["texts"] = {
        f"{probe.data}, {probe.part}": len(probe.tested) for source in sources for probe in source.probes
    }
    if ZERO_SHOT in kinds:
        identity["prompts"] = {data: prompts[data] for data in probes if data in prompts}
    probing = Probing(sources, kinds, prompts, setting.journal)
    return Prepared(identity, probing.measure, item_texts=lambda: _item_texts(sources))


def _read(folder: str, train_language: str | None) -> _Source:
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(f"--probe {folder}: there is no such folder")
    if is_labelled_folder(path):
        rule = f"trained on {train_language}," if train_language else "labelled,"
        return _Source(folder, read_labelled_folder(path, train_language), rule, "mean of languages")
    found = [read_task(name, at) for name, at in find_tasks(path)]
    if not found:
        raise ValueError(
            f"--probe {folder}: there is neither {TRAIN} and {TEST} nor a file of SentEval's {', '.join(LAYOUTS)}"
        )
    return _Source(folder, found, "senteval", f"mean of {len(found)} tasks")


def _check_names(sources: Sequence[_Source]) -> None:
    """ValueError where two data sets bear one name: their rows could not be told apart."""
    named: dict[str, str] = {}
    for source in sources:
        for data in {probe.data for probe in source.probes}:
            if data in named:
                raise ValueError(
                    f"{named[data]} and {source.folder} both hold a data set named {data}; rename or leave out one"
                )
            named[data] = source.folder


def _check(source: _Source, kinds: Sequence[str], prompts: Prompts, journal: Journal) -> None:
    """ValueError where a classifier cannot be trained; a note for what is missing from a mean."""
    for probe in source.probes:
        if set(kinds) - {ZERO_SHOT}:
            check_folds(probe)
        if blank := sum(not one.text for one in probe.tested):
            journal.note(f"{probe.data} has {blank:,} blank lines, which count as sentences: {NO_WORDS!r} is encoded")
        if ZERO_SHOT in kinds and probe.data not in prompts:
            journal.note(f"{probe.data} has no prompts and gets no zero-shot score; --prompts gives some")
    names = {probe.data for probe in source.probes}
    if source.rule == "senteval" and len(names) < len(LAYOUTS):
        missing = ", ".join(name for name in LAYOUTS if name not in names)
        journal.note(f"{source.folder} has no {missing}: the mean is not the papers' mean of {len(LAYOUTS)} tasks")


def _item_texts(sources: Sequence[_Source]) -> dict[ItemKey, ItemTexts]:
    return {
        (probe.data, one.name): ItemTexts(tuple(text for text in (one.text, one.second) if text))
        for source in sources
        for probe in source.probes
        for one in probe.tested
    }


PROBE = Task("classification on frozen embeddings (SentEval)", "--probe", _add_flags, _prepare)
