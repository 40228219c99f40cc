"""Reads recipes: YAML in, a `Recipe` out, every mistake one sentence.

Keys that a file leaves out take the defaults of `train.recipe`, keys that are not there are refused, and the command
line overrides any by `--set key=value`, for instance `--set static.dimension=128`. The trainer's own recipes lie in
`train/recipes/`.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from train.command_line import nearest
from train.recipe import Recipe

RECIPES = Path(__file__).resolve().parent / "recipes"


def read_recipe(name: str, settings: Sequence[str] = ()) -> Recipe:
    """The recipe of a file, or of that name in `train/recipes/`, with `settings` ("key=value", dots between levels).

    ValueError, in one sentence, for a recipe that is not there, a key that is unknown or a value of the wrong kind.
    """
    values = _read_file(_find(name))
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--set takes key=value, not {setting!r}")
        _put(values, key.strip().split("."), _value(text), key)
    return make_recipe(values)


def make_recipe(values: Mapping[str, Any]) -> Recipe:
    """The recipe of plain values, defaults filled in. ValueError as `read_recipe`."""
    return _build(Recipe, values, "")


def _find(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    stem = name.removesuffix(".yaml")
    known = {recipe.stem: recipe for recipe in sorted(RECIPES.glob("*.yaml"))}
    if stem not in known:
        raise ValueError(f"there is no recipe {name}{nearest(stem, known)}; give a file, or one of {', '.join(known)}")
    return known[stem]


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"the recipe {path} is not readable YAML: {' '.join(str(error).split())}") from None
    if values is not None and not isinstance(values, dict):
        raise ValueError(f"the recipe {path} must be a mapping of keys to values")
    return values or {}


def _value(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text  # a delimiter such as "[" is no YAML, and means itself


def _put(values: dict[str, Any], path: Sequence[str], value: Any, key: str) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise ValueError(f"--set {key}: {name} has no keys of its own")
    values[path[-1]] = value


def _build(kind: type, values: Any, place: str) -> Any:
    if not isinstance(values, Mapping):
        raise ValueError(f"the recipe's {place.rstrip('.')} must be a mapping of keys to values")
    hints = typing.get_type_hints(kind)
    known = [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            raise ValueError(f"a recipe has no key {place}{key}{nearest(str(key), known)}")
    return kind(**{key: _convert(hints[key], value, f"{place}{key}") for key, value in values.items()})


def _convert(hint: Any, value: Any, key: str) -> Any:
    if is_dataclass(hint):
        return _build(hint, value if value is not None else {}, f"{key}.")
    options = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(option for option in options if option is not type(None))
    if typing.get_origin(hint) is Literal:
        if value not in options:
            near = nearest(str(value), options)
            raise ValueError(f"the recipe's {key} is {value!r}{near}; it can be {', '.join(options)}")
        return value
    if typing.get_origin(hint) is tuple:
        if value is not None and not isinstance(value, list):
            raise ValueError(f"the recipe's {key} is {value!r}, which is not a list")
        return tuple(_convert(options[0], item, key) for item in value or ())
    if hint is bool and isinstance(value, bool):
        return value
    number = _number(value) if hint in (int, float) else None
    if hint is float and number is not None:
        return float(number)
    if hint is int and number is not None and float(number).is_integer():
        return int(number)
    if hint is str and isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"the recipe's {key} is {value!r}, which is not {_KINDS[hint]}")


_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _number(value: Any) -> float | None:
    """YAML 1.1 reads 1e-4 as a text; a person means a number."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
