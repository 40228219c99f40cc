"""What `--dry-run` of mine-code takes as a sample: some source files of a repository, a part of a table."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pyarrow.parquet as pq

from miners.code.language import language_for_path
from miners.code.mine import CodeConfig, mine_files, mine_repository
from miners.code.repository import Repository, UnreadableError
from pipelines import storage
from pipelines.code_inputs import CLONE, LINES, ROWS, CodeInputs, is_table_unit, open_repository, table_files
from pipelines.dry_runs.crawl_windows import MOST_PIECES, window
from pipelines.dry_runs.estimate import Piece, Taken, measure_pairs, weighted
from pipelines.http_files import is_http
from pipelines.parsing_pool import borrowed_parsing
from pipelines.units import Unit
from schemas.ledger import Ledger

SOURCE_BYTES = 200 << 10
"""Of a repository's source files, as one piece."""


def is_fetched(unit: Unit) -> bool:
    """Whether the unit is not at hand: behind a URL, or to be cloned."""
    return is_http(unit.uri) or unit.extra.get("kind") == CLONE


def code_pieces(config: CodeConfig, inputs: CodeInputs, units: Sequence[Unit], seed: int) -> Iterator[Piece]:
    """Some source files of a repository, or a window of a table, at a time."""
    rng = random.Random(seed)
    for place in weighted([unit.size for unit in units], seed, MOST_PIECES):
        unit = units[place]
        if unit.extra.get("kind") == LINES and unit.end:
            unit = window(unit, rng)
        yield _CodePiece(config, inputs, unit, rng.random())


class _CodePiece:
    def __init__(self, config: CodeConfig, inputs: CodeInputs, unit: Unit, seed: float) -> None:
        self.config, self.inputs, self.unit, self.seed = config, inputs, unit, seed

    def __call__(self, deadline: float) -> Taken:
        with borrowed_parsing(self.config.parse_seconds) as parsing:
            ledger = Ledger("mine-code")
            if is_table_unit(self.unit):
                items = mine_files(table_files(self.unit, self.inputs), self.config, ledger, parsing)
                rows, size, _, is_whole = measure_pairs(items, deadline)
                return self._table_taken(ledger, rows, size, is_whole)
            try:
                repository = open_repository(self.unit, self.inputs)
            except UnreadableError as error:
                raise OSError(str(error)) from None
            try:
                share = _cut(repository, self.seed)
                items = mine_repository(repository, self.unit.uri, self.config, ledger, parsing)
                rows, size, _, is_whole = measure_pairs(items, deadline)
                return Taken(self.unit.size * share, rows, size, is_least=not is_whole)
            finally:
                repository.close()

    def _table_taken(self, ledger: Ledger, rows: int, size: int, is_whole: bool) -> Taken:
        if is_whole or self.unit.extra.get("kind") != ROWS:
            return Taken(self.unit.size, rows, size, is_least=not is_whole)
        with storage.open_read(self.unit.uri) as file:
            every = pq.read_metadata(file).row_group(self.unit.start).num_rows
        return Taken(self.unit.size * ledger.stages["file"].read / max(every, 1), rows, size)


def _cut(repository: Repository, seed: float) -> float:
    """Leave some of the source files, and all else (licences, metadata); gives the share of bytes that is left."""
    sources = [entry for entry in repository.entries if not entry.refusal and language_for_path(entry.path)]
    total = sum(entry.size for entry in sources)
    order = random.Random(seed).sample(range(len(sources)), len(sources))
    chosen, size = set(), 0
    for place in order:
        if size and size + sources[place].size > SOURCE_BYTES:
            continue
        chosen.add(sources[place].path)
        size += sources[place].size
        if size >= SOURCE_BYTES:
            break
    known = {entry.path for entry in sources}
    repository.entries = [entry for entry in repository.entries if entry.path not in known or entry.path in chosen]
    return size / total if total else 1.0
