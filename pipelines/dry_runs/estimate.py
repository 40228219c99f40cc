"""`--dry-run`: what a job would read, and from a small sample that is really processed, what it would take and give.

A job hands over pieces of its input, chosen by its seed; they are processed here, one after the other in this process,
until some seconds are spent, and what they write goes nowhere. Time and output are the sample's ratios to its bytes
(or rows); the ranges are 90 % bootstrap intervals over the pieces, or half to double where there are less than three.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.options import SMALL_INPUT_BYTES, Command
from schemas.pair import SCHEMA, Pair, pairs_to_table
from schemas.pair_batch import PairBatch, batches_to_table
from schemas.writer import PartWriter

SAMPLE_SECONDS = 6.0
LEAST_PIECES = 3
_RESAMPLES = 500
_WIDE = (0.5, 2.0)
_BATCH_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Taken:
    """What processing a piece of the input gave."""

    amount: float
    """How much of the input it was, in the unit of `Input.amount`."""
    rows: int
    output_bytes: int
    is_least: bool = False
    """It was stopped, and how far it had come is not known: `amount` is all that it could have been."""


Piece = Callable[[float], Taken]
"""Processes a piece; should stop soon after `time.monotonic()` reaches the argument."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a job would read."""

    files: int
    bytes: int
    units: int
    """What workers take one at a time."""
    amount: float
    """All of it in whatever unit pieces are measured in: bytes, or rows."""
    unknown: int = 0
    """Files of unknown size, beside these bytes."""
    noun: str = "files"
    rows: int | None = None


@dataclass(frozen=True)
class Sample:
    """The pieces that were processed: arrays of one length, with the seconds of each."""

    amount: np.ndarray
    seconds: np.ndarray
    rows: np.ndarray
    output_bytes: np.ndarray
    start: float
    """Seconds that the first piece took beyond its second time: what a worker needs to begin."""
    is_least: bool

    def scaled(self, values: np.ndarray, amount: float) -> tuple[float, float, float]:
        """What `values` come to over the whole amount: estimate, and the range."""
        ratio = values.sum() / max(self.amount.sum(), 1e-9) * amount
        if len(values) < LEAST_PIECES:
            return ratio, ratio * _WIDE[0], ratio * _WIDE[1]
        chosen = np.random.default_rng(0).integers(0, len(values), (_RESAMPLES, len(values)))
        ratios = values[chosen].sum(1) / np.maximum(self.amount[chosen].sum(1), 1e-9) * amount
        low, high = np.quantile(ratios, [0.05, 0.95])
        return ratio, float(low), float(high)


def take_sample(pieces: Iterable[Piece], amount: float, seconds: float = SAMPLE_SECONDS) -> Sample | None:
    """Process pieces, the first one twice, until the time is spent or they are as much as the whole `amount`.

    None where there are none.
    """
    taken: list[tuple[float, float, int, int]] = []
    start, is_least, end = 0.0, False, 0.0
    for piece in pieces:
        warming = 0.0
        if not taken:  # the first time it also loads rules and models, and starts what parses
            warming, _ = _timed(piece, time.monotonic() + seconds)
            end = time.monotonic() + seconds
        spent, gave = _timed(piece, end)
        start = max(start, warming - spent)
        if not (gave.is_least and taken):  # one that was cut short tells less than those before it
            is_least |= gave.is_least
            taken.append((gave.amount, spent, gave.rows, gave.output_bytes))
        if time.monotonic() >= end or sum(one[0] for one in taken) >= amount:
            break
    if not taken:
        return None
    columns = [np.array(column, float) for column in zip(*taken, strict=True)]
    return Sample(*columns, start=start, is_least=is_least)


def print_plan(found: Input, sample: Sample | None, command: Command, why_not: str = "", output: str = "") -> None:
    """The plan on stdout. `why_not` says why there is no sample, `output` what is written whatever the input's size."""
    unknown = f" and {found.unknown:,} of unknown size" if found.unknown else ""
    rows = "" if found.rows is None else f", {found.rows:,} rows"
    print(f"input: {found.files:,} {found.noun}{unknown}, {found.bytes / 1e6:,.1f} MB{rows}; {found.units:,} units")
    if sample is None or not sample.amount.sum():
        print(f"time and output are not estimated: {why_not or 'there is nothing to take a sample of'}")
    else:
        _print_estimate(found, sample, command, output)
    print("nothing was written")


def _print_estimate(found: Input, sample: Sample, command: Command, output: str) -> None:
    share = min(1.0, sample.amount.sum() / max(found.amount, 1e-9))
    print(
        f"sample: {len(sample.amount):,} pieces (seed {getattr(command.args, 'seed', 0)}), {share:.2%} of the input, "
        f"{sample.seconds.sum():,.1f} s of one core"
    )
    seconds = sample.scaled(sample.seconds, found.amount)
    least = "at least " if sample.is_least else ""
    workers = _workers(command, found)
    if workers is None:
        time_said = "time by the workers of the runner"
    else:
        busy = max(1, min(workers, found.units))
        spans = [sample.start + value / busy for value in seconds]
        time_said = f"{_span(spans[0])} ({_span(spans[1])} to {_span(spans[2])}) with {workers:,} workers here"
    hours = [value / 3600 for value in seconds]
    print(f"estimate: {least}{hours[0]:.4f} core-hours ({hours[1]:.4f} to {hours[2]:.4f}); {time_said}")
    rows, size = (sample.scaled(values, found.amount) for values in (sample.rows, sample.output_bytes))
    print(
        f"output: {output}"
        if output
        else f"output: {least}{rows[0]:,.0f} rows ({rows[1]:,.0f} to {rows[2]:,.0f}), "
        f"{size[0] / 1e6:,.1f} MB ({size[1] / 1e6:,.1f} to {size[2] / 1e6:,.1f})"
    )
    few = len(sample.amount) < LEAST_PIECES
    print(f"ranges: {'half to double, too few pieces for more' if few else '90 % bootstrap over the pieces'}")
    if found.unknown:
        print("what is of unknown size comes on top")


def measure_pairs(items: Iterable[Any], deadline: float) -> tuple[int, int, Any, bool]:
    """Pairs of `items` written to nowhere until the deadline: rows, bytes, the last pair or reject, whether to the end.

    What is not a pair is passed over.
    """
    writer, last, is_whole = PartWriter(Nowhere()), None, True
    batches: list[PairBatch] = []
    pairs: list[Pair] = []
    iterator = iter(items)
    for item in iterator:
        last = item
        if isinstance(item, PairBatch):
            batches.append(item)
        elif isinstance(item, Pair):
            pairs.append(item)
        if len(pairs) + sum(map(len, batches)) >= _BATCH_ROWS:
            _write_rows(writer, pairs, batches)
        if time.monotonic() > deadline:
            is_whole = False
            break
    close = getattr(iterator, "close", None)
    if close is not None:
        close()
    _write_rows(writer, pairs, batches)
    written = writer.close()
    return written.rows, written.bytes, last, is_whole


def _write_rows(writer: PartWriter, pairs: list[Pair], batches: list[PairBatch]) -> None:
    """Write what waits, and let go of it."""
    if pairs:
        writer.write(pairs_to_table(pairs))
    if batches:
        writer.write(batches_to_table(batches))
    pairs.clear()
    batches.clear()


class Nowhere(io.RawIOBase):
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        """Takes all of it."""
        return len(data)


def rows_to_nowhere(tables: Iterable[Any], schema: Any = SCHEMA) -> tuple[int, int]:
    """Tables of rows written to nowhere: rows and bytes."""
    writer = PartWriter(Nowhere(), schema)
    for table in tables:
        writer.write(table)
    written = writer.close()
    return written.rows, written.bytes


def _timed(piece: Piece, end: float) -> tuple[float, Taken]:
    begun = time.monotonic()
    gave = piece(end)
    return time.monotonic() - begun, gave


def _workers(command: Command, found: Input) -> int | None:
    """As `options.pipeline_options` chooses them; None for another runner, 1 for a command that has one process."""
    if any(token.split("=", 1)[0] == "--runner" for token in command.beam_args):
        return None
    if not hasattr(command.args, "workers"):
        return 1
    return command.args.workers or (1 if found.bytes < SMALL_INPUT_BYTES else os.cpu_count() or 1)


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:,.1f} s"
    return f"{seconds / 60:,.1f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def weighted(weights: Sequence[int], seed: int, most: int) -> list[int]:
    """Places by seed, drawn with these weights, again and again: the order in which pieces are taken."""
    if not sum(weights):
        return []
    chances = np.array(weights, float) / sum(weights)
    return np.random.default_rng(seed % (1 << 64)).choice(len(weights), most, p=chances).tolist()
