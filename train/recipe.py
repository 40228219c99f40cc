"""Recipes: everything that decides what is trained, in one typed, frozen, validated value.

A recipe is a YAML file (those of the trainer lie in `train/recipes/`); keys that it leaves out take the defaults below,
keys that are not below are refused, and the command line overrides any by `--set key=value`, for instance
`--set static.dimension=128`.
The resolved recipe is saved with the run and compared when the run is resumed.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from train.command_line import nearest

RECIPES = Path(__file__).resolve().parent / "recipes"


@dataclass(frozen=True)
class StaticShape:
    """The static encoder: see `train.static_encoder`."""

    dimension: int = 256
    vocabulary: int = 30_000
    repeats: Literal["sum", "once"] = "once"
    """Whether a token that stands twice in a text counts twice."""
    idf_power: float = 0.25
    """A token's weight starts at its inverse document frequency to this power; 0 starts all alike."""
    anchor_dropout: float = 0.05
    """Share of distinct tokens that a step leaves out of an anchor."""
    positive_dropout: float = 0.1


@dataclass(frozen=True)
class SmallShape:
    """A BERT from scratch, with a tokenizer trained on the shards."""

    layers: int = 2
    hidden_size: int = 128
    heads: int = 2
    intermediate_size: int = 512
    vocabulary: int = 16_000


@dataclass(frozen=True)
class Delimiters:
    """The tokens that wrap each side; all four or none."""

    anchor_open: str | None = None
    anchor_close: str | None = None
    positive_open: str | None = None
    positive_close: str | None = None


@dataclass(frozen=True)
class Recipe:
    """Lengths are in tokens, delimiters not counted; rates are per step."""

    encoder: Literal["static", "small", "base"] = "static"
    """static and small start from scratch; base continues from `base`."""
    base: str | None = None
    """Folder or hub name of a Hugging Face encoder or decoder."""
    pooling: Literal["mean", "cls", "last"] = "mean"
    delimiters: Delimiters = field(default_factory=Delimiters)
    static: StaticShape = field(default_factory=StaticShape)
    small: SmallShape = field(default_factory=SmallShape)
    anchor_length: int = 128
    positive_length: int = 256

    batch: int = 1024
    """Pairs of a step."""
    source_exponent: float = 0.5
    """Sources are drawn in proportion to rows ** this; 0.5 was best of 0, 0.3, 0.5 and 1 (GTE, Li et al. 2023)."""
    seed: int = 0

    epochs: float | None = 1.0
    """Times that a pair is seen on average; None where `steps` says it."""
    steps: int | None = None
    learning_rate: float = 1e-4
    temperature_learning_rate: float | None = None
    """None: `learning_rate`."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises from 0."""
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    clip: float | None = 1.0
    """The gradient's largest norm; None does not clip."""
    initial_temperature: float = 0.07
    chunk_tokens: int | None = 16_384
    """Padded tokens of a GradCache chunk; None embeds the batch whole."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the encoder computes in; weights, normalising and logits are float32 throughout."""

    checkpoint_every: int = 200
    """Steps between checkpoints."""
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        problem = _first_problem(self)
        if problem:
            raise ValueError(problem)

    @property
    def length(self) -> int:
        """Most tokens of a text of either side."""
        return max(self.anchor_length, self.positive_length)

    def side_delimiters(self) -> dict[str, tuple[str, str]] | None:
        """Opening and closing token of each side; None where the recipe has none."""
        wanted = self.delimiters
        if wanted.anchor_open is None:
            return None
        return {
            "anchor": (wanted.anchor_open, str(wanted.anchor_close)),
            "positive": (str(wanted.positive_open), str(wanted.positive_close)),
        }

    def to_yaml(self) -> str:
        """The whole recipe; `read_recipe` reads it back equal."""
        return yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True)


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
    number = _number(value) if hint in (int, float) else None
    if hint is float and number is not None:
        return float(number)
    if hint is int and number is not None and float(number).is_integer():
        return int(number)
    if hint is str and isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"the recipe's {key} is {value!r}, which is not {_KINDS[hint]}")


_KINDS = {int: "a whole number", float: "a number", str: "a text"}


def _number(value: Any) -> float | None:
    """YAML 1.1 reads 1e-4 as a text; a person means a number."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _first_problem(recipe: Recipe) -> str | None:
    if recipe.encoder == "base" and not recipe.base:
        return "the recipe's encoder is base, but it names none: set base to a model's folder (--set base=FOLDER)"
    if recipe.encoder != "base" and recipe.base:
        return f"the recipe names a base, but its encoder is {recipe.encoder}: set encoder to base"
    if (recipe.epochs is None) == (recipe.steps is None):
        return "a recipe says either epochs or steps: set the other to null"
    for name in _POSITIVE:
        value = getattr(recipe, name)
        if value is not None and value <= 0:
            return f"the recipe's {name} is {value}; it must be greater than 0"
    if recipe.batch < 2:
        return "the recipe's batch is 1, which has no in-batch negatives; it must be 2 or more"
    for name, value in (
        ("warmup", recipe.warmup),
        ("static.anchor_dropout", recipe.static.anchor_dropout),
        ("static.positive_dropout", recipe.static.positive_dropout),
    ):
        if not 0 <= value < 1:
            return f"the recipe's {name} is {value}; it must be a share, from 0 to below 1"
    wanted = asdict(recipe.delimiters).values()
    if any(wanted) and not all(wanted):
        return "a recipe has four delimiters or none: anchor_open, anchor_close, positive_open and positive_close"
    if any(wanted) and recipe.encoder != "base":
        return f"delimiters need a base with a vocabulary; the recipe's encoder is {recipe.encoder}"
    return None


_POSITIVE = (
    "anchor_length",
    "positive_length",
    "epochs",
    "steps",
    "learning_rate",
    "temperature_learning_rate",
    "clip",
    "initial_temperature",
    "chunk_tokens",
    "checkpoint_every",
    "keep_checkpoints",
)
