"""Zero-shot classification: a text gets the label whose prompt has the nearest embedding; nothing is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from train.command_line import nearest
from train.encoders import TextEncoder, finite_vectors
from train.probes.labelled import ProbeSet, label_array
from train.probes.splits import Predictions

Prompts = Mapping[str, Mapping[str, str]]
"""Label's name -> prompt, by the data set's name."""

_SENTIMENT = "This is an example of a {} {}."


def _opinions(subject: str) -> dict[str, str]:
    return {label: _SENTIMENT.format(label, subject) for label in ("negative", "positive")}


PROMPTS: Prompts = {
    "MR": _opinions("movie review"),
    "CR": _opinions("customer review"),
    "SUBJ": {
        "subjective": "This is a subjective opinion about a movie.",
        "objective": "This is an objective description of a movie's plot.",
    },
    "MPQA": _opinions("opinion"),
    "SST2": _opinions("movie review"),
    "TREC": {
        "ABBR": "This question asks what an abbreviation stands for.",
        "DESC": "This question asks for a definition, a description or a reason.",
        "ENTY": "This question asks for a thing, such as an animal, a product or a word.",
        "HUM": "This question asks for a person or a group of people.",
        "LOC": "This question asks for a place.",
        "NUM": "This question asks for a number, a date or an amount.",
    },
}
"""Our own wording; MRPC, whose labels are of pairs, has none."""


def read_prompts(path: Path, probes: Mapping[str, ProbeSet]) -> Prompts:
    """Prompts of a JSON file, ``{"DATA": {"LABEL": "prompt", …}, …}``, and ours for other data.

    ValueError for what is not in that form, for data that is not among `probes` (by the data set's name), and for a
    label without a prompt.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"the prompts {path} cannot be read as JSON: {error}") from None
    if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
        raise ValueError(f'the prompts {path} must be {{"DATA": {{"LABEL": "prompt"}}}}')
    for data, prompts in value.items():
        if data not in probes:
            raise ValueError(f"{path} has prompts for {data}{nearest(data, probes)}, which is not measured")
        for label in probes[data].labels:
            if not isinstance(prompts.get(label), str) or not prompts[label].strip():
                raise ValueError(f"{path} has no prompt for label {label!r} of {data}")
    return {**PROMPTS, **value}


def zero_shot(encoder: TextEncoder, probe: ProbeSet, prompts: Mapping[str, str], vectors: np.ndarray) -> Predictions:
    """The label with the nearest prompt for every tested text, whose normalised embeddings are `vectors`."""
    anchors = finite_vectors(encoder, [prompts[label] for label in probe.labels], "anchor")
    said = np.argmax(vectors @ anchors.T, axis=1)
    return Predictions(probe.tested, said, (), round(100 * float((said == label_array(probe.tested)).mean()), 2))
