"""What is trained and how, in one typed, frozen, validated value. `train.recipe_file` reads it from YAML.

The resolved recipe is saved with the run and compared when the run is resumed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

import yaml


@dataclass(frozen=True)
class StaticShape:
    """The static encoder: see `train.static_encoder`."""

    dimension: int = 256
    vocabulary: int = 30_000
    repeats: Literal["sum", "once"] = "once"
    """Whether a token that stands twice in a text counts twice."""
    idf_power: float = 0.25
    """A token's weight starts at its inverse document frequency to this power; 0 starts all alike."""
    name_weight: float = 2.0
    """What a word in a function's head weighs at the start, as a multiple of its weight elsewhere."""
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
class LoraShape:
    """Low-rank matrices beside every linear layer (Hu et al. 2021), by the package peft."""

    rank: int = 16
    alpha: float = 32.0
    """The product of the matrices is multiplied by alpha / rank."""
    dropout: float = 0.05


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
    """A Hugging Face encoder or decoder: folder, hub name, model folder of an earlier run, file of GGUF weights, or
    package:NAME/FILE for such a file in an installed Python package."""
    pooling: Literal["closing", "last", "mean", "cls"] = "mean"
    """closing reads the hidden state at the closing delimiter, last at the last token, whichever it is."""
    padding_side: Literal["right", "left"] = "right"
    delimiters: Delimiters = field(default_factory=Delimiters)
    trainable: Literal["full", "bitfit", "lora"] = "full"
    """bitfit: bias terms only (Ben Zaken et al. 2022); lora: see `LoraShape`. Rows of added tokens train in each."""
    lora: LoraShape = field(default_factory=LoraShape)
    static: StaticShape = field(default_factory=StaticShape)
    small: SmallShape = field(default_factory=SmallShape)
    anchor_length: int = 128
    positive_length: int = 256
    """Of hard negatives too."""

    where: str | None = None
    """Trains on the rows that this is true of: an expression over the pair set's columns (`schemas.where`)."""
    batch: int = 1024
    """Pairs of a step, of all processes together."""
    source_exponent: float = 0.5
    """Sources are drawn in proportion to rows ** this; 0.5 was best of 0, 0.3, 0.5 and 1 (GTE, Li et al. 2023)."""
    negatives: int = 0
    """Hard negatives of each pair that a step takes; a pair with fewer gives what it has."""
    negatives_from: int | None = None
    """They are drawn from this many best ones, anew at each step; None: `negatives`, so that they are the best."""
    seed: int = 0

    loss: Literal["symmetric", "anchor_to_positive", "four_directions"] = "symmetric"
    """See `train.loss`: cpt's, Udever's and GTE's."""
    matryoshka: tuple[int, ...] = ()
    """Leading dimensions that must serve as embeddings too (Kusupati et al. 2022); the losses of all are added."""
    initial_temperature: float | None = None
    """None: that of the base where it is an earlier run's model, else CLIP's 0.07."""
    train_temperature: bool = True

    epochs: float | None = 1.0
    """Times that a pair is seen on average; None where `steps` says it."""
    steps: int | None = None
    learning_rate: float = 1e-4
    vector_learning_rate: float | None = None
    """Of biases, norms and token weights; None: `learning_rate`."""
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
    chunk_tokens: int | None = 16_384
    """Padded tokens of a GradCache chunk; None embeds the batch whole."""
    gradcache: Literal["auto", "full", "off"] = "auto"
    """full embeds all chunks but the last twice, so that memory hardly grows with the batch; off none; auto those whose
    graphs do not fit in memory."""
    graph_gib: float | None = None
    """Memory for the graphs that auto keeps, in GiB; None: what is free on a GPU, 1 on a CPU."""
    attention: Literal["auto", "padded"] = "auto"
    """auto computes no padding (`train.packed_attention`) but for a base that needs it, and where `compile`."""
    compile: bool = False
    """Whether torch.compile makes the encoder's kernels; the first steps then take minutes."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What the encoder computes in; weights, normalising and logits are float32 throughout."""

    checkpoint_every: int = 200
    """Steps between checkpoints."""
    keep_checkpoints: int = 2
    """The last so many are kept, and the best."""
    evaluate: bool = False
    """Measures each checkpoint on the first pair set's validation split, and keeps the best."""
    export: Literal["last", "best"] = "last"
    """Which checkpoint becomes the model."""

    def __post_init__(self) -> None:
        problem = _first_problem(self)
        if problem:
            raise ValueError(problem)

    @property
    def length(self) -> int:
        """Most tokens of a text of either side."""
        return max(self.anchor_length, self.positive_length)

    @property
    def kept_negatives(self) -> int:
        """Hard negatives of a pair that training can meet: its best so many."""
        return self.negatives_from or self.negatives

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
        """The whole recipe; `train.recipe_file.read_recipe` reads it back equal."""
        values = asdict(self) | {"matryoshka": list(self.matryoshka)}
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _first_problem(recipe: Recipe) -> str | None:
    return _problem_of_encoder(recipe) or _problem_of_numbers(recipe) or _problem_of_negatives(recipe)


def _problem_of_encoder(recipe: Recipe) -> str | None:
    if recipe.encoder == "base" and not recipe.base:
        return "the recipe's encoder is base, but it names none: set base to a model's folder (--set base=FOLDER)"
    if recipe.encoder != "base" and recipe.base:
        return f"the recipe names a base, but its encoder is {recipe.encoder}: set encoder to base"
    wanted = asdict(recipe.delimiters).values()
    if any(wanted) and not all(wanted):
        return "a recipe has four delimiters or none: anchor_open, anchor_close, positive_open and positive_close"
    if any(wanted) and recipe.encoder != "base":
        return f"delimiters need a base with a vocabulary; the recipe's encoder is {recipe.encoder}"
    if recipe.pooling == "closing" and not any(wanted):
        return "pooling closing reads the closing delimiter: set the recipe's delimiters, or its pooling to last"
    if recipe.trainable != "full" and recipe.encoder != "base":
        return f"trainable {recipe.trainable} needs a trained base; the encoder {recipe.encoder} starts from scratch"
    return None


def _problem_of_numbers(recipe: Recipe) -> str | None:
    if (recipe.epochs is None) == (recipe.steps is None):
        return "a recipe says either epochs or steps: set the other to null"
    for name in _POSITIVE:
        value = _at(recipe, name)
        if value is not None and value <= 0:
            return f"the recipe's {name} is {value}; it must be greater than 0"
    for name in _NOT_NEGATIVE:
        value = _at(recipe, name)
        if value < 0:
            return f"the recipe's {name} is {value}; it must be 0 or more"
    for name in _SHARES:
        value = _at(recipe, name)
        if not 0 <= value < 1:
            return f"the recipe's {name} is {value}; it must be a share, from 0 to below 1"
    if recipe.batch < 2:
        return "the recipe's batch is 1, which has no in-batch negatives; it must be 2 or more"
    if any(size <= 0 for size in recipe.matryoshka) or sorted(set(recipe.matryoshka)) != list(recipe.matryoshka):
        return f"the recipe's matryoshka is {list(recipe.matryoshka)}; it lists dimensions, each once, smallest first"
    return None


def _problem_of_negatives(recipe: Recipe) -> str | None:
    if recipe.negatives_from is not None and recipe.negatives_from < recipe.negatives:
        return (
            f"the recipe draws {recipe.negatives} negatives from {recipe.negatives_from}; "
            "negatives_from must be at least negatives"
        )
    if recipe.negatives and recipe.loss == "four_directions":
        return "the loss four_directions takes no hard negatives: set negatives to 0, or another loss"
    if recipe.export == "best" and not recipe.evaluate:
        return "the best checkpoint is known only where checkpoints are measured: set evaluate to true"
    return None


def _at(recipe: Recipe, path: str) -> float | None:
    value = recipe
    for name in path.split("."):
        value = getattr(value, name)
    return value


_POSITIVE = (
    "anchor_length",
    "positive_length",
    "epochs",
    "steps",
    "learning_rate",
    "vector_learning_rate",
    "temperature_learning_rate",
    "clip",
    "initial_temperature",
    "chunk_tokens",
    "graph_gib",
    "checkpoint_every",
    "keep_checkpoints",
    "lora.rank",
    "lora.alpha",
    "static.dimension",
    "static.vocabulary",
    "static.name_weight",
)
_NOT_NEGATIVE = ("negatives", "source_exponent", "weight_decay")
_SHARES = ("warmup", "beta1", "beta2", "static.anchor_dropout", "static.positive_dropout", "lora.dropout")
