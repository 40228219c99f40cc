"""The work of a search, kept on disk so that a run which was stopped goes on where it was.

Two steps: `encode` puts every row's anchor and every candidate into files, `search` goes over the rows in blocks and
puts each row's chosen negatives into one more. What is done is written down every few seconds, after the files
themselves are on the disk. Both steps cut their work by the keys alone, so that a resumed run does what an
uninterrupted one does, to the last bit on the same machine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.manifest import CODE_VERSION, Manifest, config_hash
from train.encoders import TextEncoder, finite_vectors
from train.known_pairs import IndexPairs
from train.negatives import layout as layouts
from train.negatives.choice import ChoiceRule, choose
from train.negatives.keys import PairKeys, data_files, file_batches
from train.negatives.known_answers import KnownAnswers
from train.negatives.layout import Block, Exclusions, Layout
from train.negatives.nearest import BlockSearch, FaissSearch, Found
from train.negatives.row_files import RowFile, TextFile
from train.negatives.word_search import WordSearch

ENCODED_AT_ONCE = 1024
SAVED_EVERY = 10.0
"""Seconds of work that an interruption can cost, apart from the block in hand."""

Report = Callable[[int], None]
"""Told how many rows are done."""


@dataclass
class Done:
    """How far the work is."""

    batches: int = 0
    text_bytes: int = 0
    anchor_bytes: int = 0
    blocks: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """Excluded candidates by cause (`excluded_…`) and those that the margin refused, over the blocks done."""


def work_name(config: Mapping[str, Any]) -> str:
    """The name of a search's folder: what its files depend on, where the work is cut included."""
    cut = {"code": CODE_VERSION, "encoded": ENCODED_AT_ONCE, "queries": layouts.QUERIES, "excluded": layouts.EXCLUDED}
    return f"hard-negatives-{config_hash({**config, **cut})[:16]}"


class Work:
    """The files of one search in one folder. `dimension` is the vectors' width; 0 where the search is by words."""

    def __init__(self, folder: Path, count: int, dimension: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._state = folder / "done.json"
        self.done = Done(**json.loads(self._state.read_text())) if self._state.is_file() else Done()
        self.dimension = dimension
        self.texts = TextFile(folder / "candidates.text")
        self.anchor_texts = TextFile(folder / "anchors.text")
        self.texts.size, self.anchor_texts.size = self.done.text_bytes, self.done.anchor_bytes
        self.anchors = RowFile(folder / "anchors.vectors", "<f4", dimension)
        self.candidates = RowFile(folder / "candidates.vectors", "<f4", dimension)
        self.chosen = RowFile(folder / "chosen", "<i8", count)
        self._saved = time.monotonic()

    def encode(
        self, data: str, manifest: Manifest, layout: Layout, encoder: TextEncoder | None, report: Report
    ) -> None:
        """Every text, and with an encoder every vector, to its place. FloatingPointError for a model that gives NaN."""
        row_places, candidate_places = layout.row_places, layout.candidate_places
        for number, (row, batch) in enumerate(_text_batches(data, manifest)):
            if number < self.done.batches:
                continue
            places, gives = row_places[row : row + len(batch)], candidate_places[row : row + len(batch)]
            anchors, positives = batch.column("anchor"), batch.column("positive").filter(pa.array(gives >= 0))
            self._put(places, anchors.to_pylist(), gives[gives >= 0], positives.to_pylist(), encoder)
            self.done.batches = number + 1
            self.done.text_bytes, self.done.anchor_bytes = self.texts.size, self.anchor_texts.size
            self._save(at_most_every=SAVED_EVERY)
            report(row + len(batch))
        self._save()

    def _put(
        self,
        places: np.ndarray,
        anchors: list[str],
        candidate_places: np.ndarray,
        positives: list[str],
        encoder: TextEncoder | None,
    ) -> None:
        self.texts.put(candidate_places, positives)
        if encoder is None:
            self.anchor_texts.put(places, anchors)
            return
        self.anchors.put(places, finite_vectors(encoder, anchors, "anchor"))
        self.candidates.put(candidate_places, finite_vectors(encoder, positives, "positive"))

    def search(self, keys: PairKeys, layout: Layout, rule: ChoiceRule, find: Find, report: Report) -> None:
        """The negatives of every row, as candidates' places, to `chosen`."""
        known = KnownAnswers(keys)
        exclusions = Exclusions(layout, known)
        for number, block in enumerate(layout.blocks(known)):
            if number < self.done.blocks:
                continue
            left_out, counts = exclusions.of(block)
            found, own = find(block, left_out, rule.ranks[1])
            chosen, refused = choose(found, own, rule)
            first = layout.candidate_bounds[block.scope]
            self.chosen.put(np.arange(block.start, block.stop), np.where(chosen < 0, -1, chosen + first))
            self._count({f"excluded_{cause}": n for cause, n in counts.items()} | {"refused_by_margin": refused})
            self.done.blocks = number + 1
            self._save(at_most_every=SAVED_EVERY)
            report(block.stop)
        self._save()

    def close(self) -> None:
        """Let go of the files."""
        for file in (self.texts, self.anchor_texts, self.anchors, self.candidates, self.chosen):
            file.close()

    def _count(self, counts: dict[str, int]) -> None:
        for name, n in counts.items():
            self.done.counts[name] = self.done.counts.get(name, 0) + n

    def _save(self, at_most_every: float = 0.0) -> None:
        if time.monotonic() - self._saved < at_most_every:
            return
        for file in (self.texts, self.anchor_texts, self.anchors, self.candidates, self.chosen):
            file.flush()
        temporary = self._state.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(asdict(self.done)))
        temporary.replace(self._state)
        self._saved = time.monotonic()


Find = Callable[[Block, IndexPairs, int], tuple[Found, np.ndarray]]
"""A block, what is left out of it and how many are wanted -> the best candidates and the scores of own positives."""


def vector_finder(work: Work, layout: Layout, index: str, device: str) -> Find:
    """Search by the vectors that `Work.encode` made, with the blocks of `BlockSearch` or with faiss."""
    made: dict[int, BlockSearch | FaissSearch] = {}

    def find(block: Block, left_out: IndexPairs, count: int) -> tuple[Found, np.ndarray]:
        first, last = map(int, layout.candidate_bounds[block.scope : block.scope + 2])
        if block.scope not in made:
            made.clear()
            read = _shifted(work.candidates.read, first)
            if index == "faiss":
                made[block.scope] = FaissSearch(read, last - first, work.dimension)
            else:
                made[block.scope] = BlockSearch(read, last - first, device)
        queries = work.anchors.read(block.start, block.stop)
        positives = work.candidates.take(layout.own[block.start : block.stop])
        own = np.einsum("ij,ij->i", queries, positives)
        return made[block.scope].best(queries, left_out, count), own

    return find


def word_finder(work: Work, keys: PairKeys, layout: Layout) -> Find:
    """Search by the words of the texts that `Work.encode` kept."""
    made: dict[int, WordSearch] = {}

    def find(block: Block, left_out: IndexPairs, count: int) -> tuple[Found, np.ndarray]:
        first, last = map(int, layout.candidate_bounds[block.scope : block.scope + 2])
        if block.scope not in made:
            made.clear()
            is_code = keys.is_code[layout.candidate_rows[first:last]]
            made[block.scope] = WordSearch(_shifted(work.texts.read, first), is_code)
        rows, own = layout.rows[block.start : block.stop], layout.own[block.start : block.stop]
        queries = work.anchor_texts.read(block.start, block.stop)
        return made[block.scope].best(queries, keys.is_code[rows], own - first, left_out, count)

    return find


def _shifted(read: Callable[[int, int], object], first: int) -> Callable[[int, int], object]:
    return lambda start, stop: read(first + start, first + stop)


def _text_batches(data: str, manifest: Manifest) -> Iterator[tuple[int, pa.RecordBatch]]:
    """(number of its first row, batch) of all rows in canonical order."""
    row = 0
    for entry in data_files(manifest):
        for batch in file_batches(data, entry, ("anchor", "positive"), ENCODED_AT_ONCE):
            yield row, batch
            row += len(batch)
