"""`units/<unit>.json`: the only sign that a unit of a job is done, written after all that the unit has written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipelines import storage
from schemas.manifest import UNITS_FOLDER


def has_marker(output: str, unit: str) -> bool:
    """Whether an attempt has finished the unit."""
    return storage.exists(_path(output, unit))


def write_marker(output: str, unit: str, value: Mapping[str, Any]) -> None:
    """The unit is done; `value` is what the last step needs of it."""
    storage.write_atomically(_path(output, unit), json.dumps({"unit": unit, **value}, ensure_ascii=False).encode())


def read_marker(output: str, unit: str) -> dict[str, Any]:
    """What a finished unit has left. Raises ValueError, naming the file, where that was damaged since."""
    path = _path(output, unit)
    try:
        value = json.loads(storage.read_bytes(path))
        if not isinstance(value, dict):
            raise ValueError("it holds no object")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it, and --resume does its unit again") from None
    return value


def read_markers(output: str, units: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What finished units have left, in the order given; several are read at once where each is a request."""
    return storage.each(output, lambda unit: read_marker(output, unit), units)


def done_units(output: str) -> set[str]:
    """The units that are done."""
    infos = storage.list_files(storage.join(output, UNITS_FOLDER))
    names = (storage.last_part(info.path) for info in infos)
    return {name.removesuffix(".json") for name in names if name.endswith(".json")}


def _path(output: str, unit: str) -> str:
    return storage.join(output, UNITS_FOLDER, f"{unit}.json")
