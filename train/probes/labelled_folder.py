"""Labelled texts of any kind and language: a folder with `train.jsonl`, `test.jsonl` and perhaps `dev.jsonl`.

A line is ``{"text": …, "label": …}``, with ``language`` (default ``all``) and ``group`` (a page, a manual) where the
data has them. Each language is a task of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.command_line import nearest
from train.evaluation.flags import data_name
from train.evaluation.text_files import Place, json_lines, language_of, text_of
from train.probes.labelled import LabelledText, ProbeSet
from train.probes.text_lines import item_name

TRAIN, DEV, TEST = "train.jsonl", "dev.jsonl", "test.jsonl"
KEYS = ("text", "label", "language", "group")


@dataclass(frozen=True)
class _Line:
    place: Place
    text: str
    label: str
    language: str
    group: str | None


def is_labelled_folder(folder: Path) -> bool:
    """Whether the folder is in this layout."""
    return (folder / TRAIN).is_file() and (folder / TEST).is_file()


def read_labelled_folder(folder: Path, train_language: str | None = None) -> list[ProbeSet]:
    """A `ProbeSet` for each language of the test file, in the order of their names.

    With `train_language` every language is tested by a probe that was trained on that one alone. ValueError, with file
    and line, for lines with other keys, an empty text, or a label that the training file does not have.
    """
    train, test = (_read(folder / name) for name in (TRAIN, TEST))
    dev = _read(folder / DEV) if (folder / DEV).is_file() else None
    languages = sorted({line.language for line in test})
    known = sorted({line.language for line in train})
    if train_language is not None and train_language not in known:
        near = nearest(train_language, known)
        raise ValueError(f"{folder / TRAIN} has no texts in {train_language!r}{near}; it has {', '.join(known)}")
    return [_of_language(folder, language, train_language or language, train, dev, test) for language in languages]


def _of_language(
    folder: Path, language: str, trained_on: str, train: list[_Line], dev: list[_Line] | None, test: list[_Line]
) -> ProbeSet:
    fitting = [line for line in train if line.language == trained_on]
    labels = tuple(sorted({line.label for line in fitting}))
    data = data_name(str(folder))
    place = {label: i for i, label in enumerate(labels)}

    def labelled(lines: list[_Line]) -> list[LabelledText]:
        for line in lines:
            if line.label not in place:
                raise ValueError(f"{line.place}: label {line.label!r} has no {trained_on} texts in {folder / TRAIN}")
        return [
            LabelledText(f"{data}/{item_name(line.place)}", line.text, place[line.label], group=line.group)
            for line in lines
        ]

    return ProbeSet(
        data=data,
        part=language,
        labels=labels,
        train=labelled(fitting),
        dev=labelled([line for line in dev if line.language == trained_on]) if dev else None,
        test=labelled([line for line in test if line.language == language]),
    )


def _read(path: Path) -> list[_Line]:
    lines = [_line(place, record) for place, record in json_lines(path)]
    if not lines:
        raise ValueError(f"{path} holds no texts")
    return lines


def _line(place: Place, record: Mapping[str, Any]) -> _Line:
    for key in record:
        if key not in KEYS:
            raise ValueError(f"{place}: there is no field {key!r}{nearest(key, KEYS)}; a line has {', '.join(KEYS)}")
    label = record.get("label")
    if not isinstance(label, str | int) or isinstance(label, bool):
        raise ValueError(f"{place}: the label is {label!r}, neither a text nor a whole number")
    has_group = record.get("group") is not None
    return _Line(
        place,
        text_of(record, "text", place),
        str(label),
        language_of(record) or "all",
        text_of(record, "group", place) if has_group else None,
    )
