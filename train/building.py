"""From a recipe and pair sets to what is trained: tokenizer, encoder, token caches and batch plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from schemas.pair_set import read_manifest, read_pair_set
from schemas.token_rows import ROWS_AT_ONCE
from schemas.where import parse_where
from train.base_model import find_base
from train.batch_plan import BatchKeys, BatchPlan
from train.encoder import SIDES, Encoder, Side
from train.journal import Journal
from train.loss import INITIAL_TEMPERATURE
from train.progress import Meter
from train.recipe import Recipe, StaticShape
from train.run_folder import RunFolder
from train.static_encoder import StaticEncoder, distinct
from train.token_cache import SPLIT, TokenCache, open_or_make
from train.train_rows import TrainRows, rows_where
from train.word_tokenizer import train_marked_tokenizer, train_word_tokenizer

# The files of a deduplicated set are in a shuffled order, so the first rows are a fair sample.
TOKENIZER_PAIRS = 1_000_000


def build_encoder(recipe: Recipe, data: Sequence[str], run: RunFolder) -> Encoder:
    """The encoder that the recipe says, before its first step; a tokenizer is trained on `data` where it needs one.

    Weights that start at random are a function of the recipe's seed. ValueError where the base cannot be read.
    """
    torch.manual_seed(recipe.seed)
    if recipe.encoder == "static":
        shape = recipe.static
        dropout: dict[Side, float] = {"anchor": shape.anchor_dropout, "positive": shape.positive_dropout}
        tokenizer = _own_tokenizer(recipe, data, run)
        return StaticEncoder(tokenizer, shape.dimension, recipe.length, shape.repeats, dropout)
    from train.transformer_encoder import from_base, from_scratch

    if recipe.encoder == "small":
        tokenizer = _own_tokenizer(recipe, data, run)
        return from_scratch(tokenizer, asdict(recipe.small), recipe.pooling, recipe.length)
    encoder = from_base(str(recipe.base), recipe.pooling, recipe.length, recipe.side_delimiters(), recipe.padding_side)
    encoder.choose_trainable(recipe.trainable, recipe.lora)
    return encoder


def choose_kernels(encoder: Encoder, recipe: Recipe, journal: Journal) -> None:
    """Packs or compiles as the recipe says, once the encoder is on its device; the journal says what could not be."""
    from train.transformer_encoder import TransformerEncoder

    if not isinstance(encoder, TransformerEncoder):
        return
    if recipe.compile:
        encoder.compile()
    elif recipe.attention == "auto" and (problem := encoder.pack()):
        journal.note(f"texts are padded to the longest of their chunk: {problem}")


def first_temperature(recipe: Recipe) -> float:
    """The recipe's, or that at which the base's own training ended, or CLIP's."""
    if recipe.initial_temperature is not None:
        return recipe.initial_temperature
    settings = find_base(str(recipe.base)).settings if recipe.base else None
    return (settings or {}).get("temperature") or INITIAL_TEMPERATURE


def build_caches(
    recipe: Recipe, data: Sequence[str], encoder: Encoder, folder: Path, *, quiet: bool
) -> list[TokenCache]:
    """The token cache of each pair set."""
    lengths: dict[Side, int] = {"anchor": recipe.anchor_length, "positive": recipe.positive_length}
    caches = []
    for name in data:
        with Meter(f"tokens of {name}", read_manifest(name).splits.get(SPLIT, 0), quiet=quiet) as meter:
            made = open_or_make(
                name,
                encoder,
                lengths,
                folder,
                lambda done, total, meter=meter: meter.at(done),
                negatives=recipe.kept_negatives,
            )
            caches.append(made)
    return caches


def build_plan(recipe: Recipe, data: Sequence[str], rows: TrainRows) -> BatchPlan:
    """The batch plan of a recipe over pair sets. ValueError where its `where` leaves no rows to train on."""
    data_ids = [read_manifest(name).data_id for name in data]
    keys = BatchKeys(recipe.batch, recipe.source_exponent, recipe.seed, recipe.where, recipe.negatives)
    kept = [rows_where(name, recipe.where) for name in data] if recipe.where else []
    if kept and not any(found.any() for found in kept):
        raise ValueError(f"no train row of the data matches {recipe.where!r}; loosen the expression")
    return BatchPlan(rows, data_ids, keys, kept)


def start_static_weights(encoder: StaticEncoder, caches: Sequence[TokenCache], shape: StaticShape) -> None:
    """Sets each token's weight to its inverse document frequency over both sides of the data, as `shape` says."""
    vocabulary = len(encoder.log_weight)
    frequency, documents = np.zeros(vocabulary, np.int64), 0
    for cache in caches:
        for side in SIDES:
            for start in range(0, cache.rows, ROWS_AT_ONCE):
                rows = np.arange(start, min(start + ROWS_AT_ONCE, cache.rows))
                frequency += np.bincount(distinct(cache.tokens(side, rows), vocabulary)[0], minlength=vocabulary)
                documents += len(rows)
    encoder.start_at_idf(frequency, documents, shape.idf_power, shape.name_weight)


def _own_tokenizer(recipe: Recipe, data: Sequence[str], run: RunFolder) -> Tokenizer:
    """The run's tokenizer: the one it has, for a resumed run, or one trained now."""
    if run.tokenizer.is_file():
        return Tokenizer.from_file(str(run.tokenizer))
    texts = _Texts(data, recipe.where)
    if recipe.encoder == "static":
        tokenizer = train_word_tokenizer(texts, recipe.static.vocabulary)
    else:
        tokenizer = train_marked_tokenizer(texts, recipe.small.vocabulary)
    run.tokenizer.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(run.tokenizer))
    return tokenizer


@dataclass(frozen=True)
class _Texts:
    """Both sides of the sets' first pairs; may be read several times."""

    data: Sequence[str]
    where: str | None

    def __iter__(self) -> Iterator[str]:
        for name in self.data:
            yield from islice(_pair_texts(name, self.where), 2 * TOKENIZER_PAIRS // len(self.data))


def _pair_texts(name: str, where: str | None) -> Iterator[str]:
    condition = parse_where(where).expression if where else None
    scanner = read_pair_set(name, SPLIT).scanner(list(SIDES), filter=condition, batch_size=ROWS_AT_ONCE)
    for batch in scanner.to_batches():
        for anchor, positive in zip(*(batch.column(side).to_pylist() for side in SIDES), strict=True):
            yield anchor
            yield positive
