"""`--dry-run` of the mine jobs, and what that of mine-web takes as a sample: windows of crawl files.

Nothing is fetched: what lies behind URLs, or is to be cloned, is counted but not sampled.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pipelines.dry_runs.estimate import Input, Piece, Taken, measure_pairs, print_plan, take_sample, weighted
from pipelines.http_files import is_http
from pipelines.options import Command
from pipelines.units import Miner, Unit
from schemas.ledger import Ledger

WINDOW_BYTES = 512 << 10
MOST_PIECES = 40
_NOT_SAMPLED = "the input lies behind URLs, or is to be cloned first; --dry-run fetches nothing"


def print_mining_plan(
    command: Command,
    units: Sequence[Unit],
    pieces: Callable[[Sequence[Unit]], Iterator[Piece]],
    is_fetched: Callable[[Unit], bool] = lambda unit: is_http(unit.uri),
) -> int:
    """Print the plan of a mine job; returns the exit status.

    `pieces` of the units that are at hand come in an order that the job's seed decides.
    """
    here = [unit for unit in units if not is_fetched(unit)]
    unknown = {unit.uri for unit in units if is_fetched(unit) and not unit.size}
    inputs = {unit.uri for unit in units}
    size = sum(unit.size for unit in units)
    found = Input(len(inputs) - len(unknown), size, len(units), size, len(unknown), "inputs")
    try:
        sample, why = take_sample(pieces(here), size), "" if here else _NOT_SAMPLED
    except OSError as error:
        sample, why = None, f"the sample cannot be read: {' '.join(str(error).split())}"
    print_plan(found, sample, command, why)
    return 0


def web_pieces(miner: Miner, units: Sequence[Unit], seed: int) -> Iterator[Piece]:
    """Windows of crawl files; of a file that is not compressed its beginning, as far as the time goes."""
    rng = random.Random(seed)
    for place in weighted([unit.size for unit in units], seed, MOST_PIECES):
        unit = units[place]
        yield _WebPiece(miner, unit if _is_whole(unit) else window(unit, rng))


class _WebPiece:
    def __init__(self, miner: Miner, unit: Unit) -> None:
        self.miner, self.unit = miner, unit

    def __call__(self, deadline: float) -> Taken:
        ledger = Ledger(self.miner.job)
        rows, size, last, is_whole = measure_pairs(self.miner.mine(self.unit, ledger), deadline)
        if is_whole:
            return Taken(self.unit.size, rows, size)
        offset = last.provenance.offset or self.unit.start
        return Taken(max(1, offset - self.unit.start), rows, size)


def _is_whole(unit: Unit) -> bool:
    """Whether it is not to be cut: a file that is read from its beginning only."""
    return unit.size <= WINDOW_BYTES or not unit.uri.endswith((".gz", ".zst", ".lz4"))


def window(unit: Unit, rng: random.Random) -> Unit:
    """A small range of the unit."""
    start = unit.start + rng.randrange(max(1, unit.size // WINDOW_BYTES)) * WINDOW_BYTES
    end = min(start + WINDOW_BYTES, unit.end)
    return replace(unit, start=start, end=end, size=end - start)
