"""Labelled texts of any kind and language: a folder with `train.jsonl`, `test.jsonl` and perhaps `dev.jsonl`.

A line is ``{"text": …, "label": …}``, with ``language`` (default ``all``) and ``group`` (a page, a manual) where the
data has them. Each language is a task of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.command_line import nearest
from train.probes.labelled import LabelledText, ProbeSet
from train.probes.text_lines import numbered_lines, refuse

TRAIN, DEV, TEST = "train.jsonl", "dev.jsonl", "test.jsonl"
KEYS = ("text", "label", "language", "group")


@dataclass(frozen=True)
class _Line:
    name: str
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
    place = {label: i for i, label in enumerate(labels)}

    def labelled(lines: list[_Line], path: Path) -> list[LabelledText]:
        for line in lines:
            if line.label not in place:
                number = int(line.name.rpartition(":")[2])
                refuse(path, number, f"label {line.label!r} has no {trained_on} texts in {folder / TRAIN}")
        return [LabelledText(line.name, line.text, place[line.label], group=line.group) for line in lines]

    return ProbeSet(
        data=folder.name,
        part=language,
        labels=labels,
        train=labelled(fitting, folder / TRAIN),
        dev=labelled([line for line in dev if line.language == trained_on], folder / DEV) if dev else None,
        test=labelled([line for line in test if line.language == language], folder / TEST),
    )


def _read(path: Path) -> list[_Line]:
    lines = [_line(path, number, text) for number, text in numbered_lines(path, "utf-8") if text.strip()]
    if not lines:
        raise ValueError(f"{path} holds no texts")
    return lines


def _line(path: Path, number: int, text: str) -> _Line:
    try:
        value = json.loads(text)
    except ValueError as error:
        refuse(path, number, f"the line is no JSON ({error})")
    if not isinstance(value, dict):
        refuse(path, number, "a line is a JSON object")
    for key in value:
        if key not in KEYS:
            refuse(path, number, f"there is no key {key!r}{nearest(key, KEYS)}; a line has {', '.join(KEYS)}")
    label = value.get("label")
    if not isinstance(label, str | int) or isinstance(label, bool):
        refuse(path, number, f"the label is {label!r}, neither a text nor a whole number")
    return _Line(
        f"{path.parent.name}/{path.name}:{number}",
        _string(path, number, value, "text"),
        str(label),
        _string(path, number, value, "language", "all"),
        _string(path, number, value, "group", None),
    )


def _string(path: Path, number: int, value: Mapping[str, Any], key: str, *default: str | None) -> Any:
    """The text under `key`; the line is refused where it is empty, or absent without a default."""
    if default and value.get(key) is None:
        return default[0]
    if not isinstance(value.get(key), str) or not value[key].strip():
        refuse(path, number, f"{key!r} is {value.get(key)!r}, where a text has to stand")
    return value[key]
