"""Texts with their labels, and the set of them that a probe is trained and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.encoders import TextEncoder, finite_vectors
from train.evaluation.text_files import NO_WORDS


@dataclass(frozen=True)
class LabelledText:
    """One example; `second` is the other sentence where a pair is judged."""

    name: str
    """File and line, such as ``rt-polarity.pos:17``: unique in its set, and the same in every run."""
    text: str
    """Without a word where SentEval has a blank line, which counts as a sentence there."""
    label: int
    second: str | None = None
    group: str | None = None
    """What shares its difficulty (a manual, a page), for intervals over groups."""


@dataclass(frozen=True)
class ProbeSet:
    """One classification task. Which files it has decides how it is tested: see `train.probes.splits.tested`."""

    data: str
    """The data set's name: ``MR``."""
    part: str
    """The language, or ``all``."""
    labels: tuple[str, ...]
    """What label 0, 1, … mean."""
    train: Sequence[LabelledText]
    dev: Sequence[LabelledText] | None = None
    test: Sequence[LabelledText] | None = None
    has_f1: bool = False
    """Whether F1 of label 1 is reported beside the accuracy, as SentEval does for paraphrases."""

    @property
    def tested(self) -> Sequence[LabelledText]:
        """The texts that get a prediction: the test file's, or, by cross-validation, all."""
        return self.train if self.test is None else self.test


def features(encoder: TextEncoder, texts: Sequence[LabelledText]) -> np.ndarray:
    """float32 features, a row a text: its normalised embedding u; of a pair |u - v| beside u * v, as SentEval's MRPC.

    All texts are encoded as anchors: a sentence that is classified answers nothing.
    """
    first = finite_vectors(encoder, [one.text or NO_WORDS for one in texts], "anchor")
    seconds = [one.second for one in texts if one.second is not None]
    if not seconds:
        return first
    second = finite_vectors(encoder, seconds, "anchor")
    return np.hstack([np.abs(first - second), first * second])


def label_array(texts: Sequence[LabelledText]) -> np.ndarray:
    """The labels as int64."""
    return np.array([one.label for one in texts], np.int64)
