"""What a task of the evaluator is. In: the command line. Out: values an item, and what identifies the input."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from train.encoders import TextEncoder
from train.evaluation.flags import shared_name
from train.evaluation.measured import ALL, MeanOf, Measured
from train.journal import Journal


@dataclass(frozen=True)
class Setting:
    """What every task of a run shares."""

    device: str
    seed: int
    journal: Journal


ItemKey = tuple[str, str]
"""An item's data set and its name there, as `Measured.data` and `Measured.items` have them."""


@dataclass(frozen=True)
class ItemTexts:
    """The texts of one evaluation item that a training set must not hold: a query and what answers it, both sentences
    of a pair, the labelled text."""

    texts: tuple[str, ...]
    is_code: tuple[bool, ...] = ()
    """One a text: whether it is hashed and cut as code; empty where none is."""


@dataclass(frozen=True)
class Prepared:
    """A task whose input has been read and checked."""

    identity: Mapping[str, Any]
    """What was measured on, for the JSON: paths, hashes, counts, options."""
    measure: Callable[[TextEncoder], Sequence[Measured | MeanOf]]
    """The encoder's values. FloatingPointError, OSError and RuntimeError are reported in one sentence."""
    baselines: Callable[[], Sequence[Measured | MeanOf]] = field(default=lambda: [])
    """The values of what needs no model (BM25), computed once for any number of models."""
    item_texts: Callable[[], Mapping[ItemKey, ItemTexts]] | None = None
    """Texts of every item, for the leak check; None: the task knows none of its items."""


def together(prepared: Sequence[Prepared], what: str, paths: Sequence[str]) -> Prepared:
    """Several inputs of one task as one, their identities as a list under `what` ("sets").

    Where there are several, the plain mean of what each scored on all of its items follows, as papers average data
    sets: under the name of the folder that all `paths` lie in, its part "mean of 3 sets".
    """

    def with_means(lists: Iterable[Sequence[Measured | MeanOf]]) -> list[Measured | MeanOf]:
        found = [one for of_input in lists for one in of_input]
        wholes: dict[tuple[str, str, str], list[Measured]] = {}
        for one in found:
            if isinstance(one, Measured) and one.part == ALL:
                wholes.setdefault((one.system, one.protocol, one.texts), []).append(one)
        part, name = f"mean of {len(prepared)} {what}", shared_name(paths)
        means = [MeanOf(tuple(parts), part, name) for parts in wholes.values() if len(parts) == len(prepared) > 1]
        return [*found, *means]

    def item_texts() -> dict[ItemKey, ItemTexts]:
        return {key: texts for one in prepared if one.item_texts for key, texts in one.item_texts().items()}

    return Prepared(
        {what: [one.identity for one in prepared]},
        lambda encoder: with_means(one.measure(encoder) for one in prepared),
        lambda: with_means(one.baselines() for one in prepared),
        item_texts,
    )


@dataclass(frozen=True)
class Task:
    """One thing to measure."""

    summary: str
    flag: str
    """The flag that gives the task its input, such as ``--data``: who gives it asks for the task."""
    add_flags: Callable[[argparse._ArgumentGroup], None]
    """Adds the task's own flags, `flag` with default None among them, to its group of ``--help``."""
    prepare: Callable[[argparse.Namespace, Setting], Prepared]
    """Reads and checks the input before a model is loaded. ValueError, in one sentence: the user's mistake."""
