"""Contamination in dedupe: what the scan finds of evaluation texts in a unit, and what of it counts in the whole input.

A unit's finds go to a file of arrays. Which short texts are commonplaces is known only when all units are read, so the
decision is resolve's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import xxhash

from miners.contamination import ContaminationRules, repository_name, spared_items
from miners.near_duplicates import ShingleRule, ShingleSets
from miners.near_duplicates.resolve import (
    ANCHOR,
    EVALUATION_REPOSITORY,
    JOINT,
    LIKE_EVALUATION_TEXT,
    POSITIVE,
    SAME_EVALUATION_TEXT,
    Contamination,
)
from pipelines.evaluation_texts import EvaluationFile, EvaluationTexts, evaluation_texts

FOUND_KINDS = ("<u4", "u1", "u1", "<i8", "<i4", "<f8", "<u8")
"""Row, verdict code, side, text (-1 for a repository), benchmark, similarity, hash of the row's group."""
RULE_NAMES = {
    SAME_EVALUATION_TEXT: "rows_equal",
    LIKE_EVALUATION_TEXT: "rows_overlapping",
    EVALUATION_REPOSITORY: "rows_of_repositories",
}


@dataclass(frozen=True)
class Decontamination:
    """What to look for, and by which rules."""

    files: tuple[EvaluationFile, ...]
    rules: ContaminationRules
    text: ShingleRule
    code: ShingleRule
    repositories: bool
    """Whether every row of a repository that an evaluation record names is contaminated."""

    def texts(self) -> EvaluationTexts:
        """The texts, read and indexed once a process."""
        return evaluation_texts(self.files, self.text, self.code)


@dataclass
class UnitFinds:
    """Gathers what a unit's batches hold of evaluation texts."""

    wanted: Decontamination
    _parts: list[list[np.ndarray]] = field(default_factory=list)

    def add(
        self, first: int, hashes: dict[int, np.ndarray], sets: dict[int, ShingleSets], groups: pa.DictionaryArray
    ) -> None:
        """Search a batch whose rows begin at `first`; side hashes and shingle sets by side."""
        names = groups.dictionary.to_pylist()
        keys = np.fromiter((xxhash.xxh3_64_intdigest(name.encode()) for name in names), np.uint64, len(names))
        places = groups.indices.to_numpy()
        for rows, code, side, items, benchmarks, similarity in self._finds(hashes, sets, names, places):
            if len(rows):
                same = [np.full(len(rows), value) for value in (code, side)]
                self._parts.append([first + rows, *same, items, benchmarks, similarity, keys[places[rows]]])

    def arrays(self) -> list[np.ndarray]:
        """All finds, in `FOUND_KINDS`."""
        empty = [np.zeros(0, kind) for kind in FOUND_KINDS]
        return [np.concatenate(column) for column in zip(empty, *self._parts, strict=True)]

    def _finds(
        self, hashes: dict[int, np.ndarray], sets: dict[int, ShingleSets], groups: list[str], places: np.ndarray
    ) -> Iterator[tuple[np.ndarray, int, int, np.ndarray, np.ndarray, np.ndarray]]:
        texts = self.wanted.texts()
        for side in (ANCHOR, POSITIVE):
            rows, items = _equal(texts, hashes[side])
            yield rows, SAME_EVALUATION_TEXT, side, items, texts.benchmarks[items], np.ones(len(rows))
            for index in (texts.text, texts.code):
                found = index.find(sets[side], self.wanted.rules)
                yield found.rows, LIKE_EVALUATION_TEXT, side, found.items, texts.benchmarks[found.items], found.overlaps
        if self.wanted.repositories and texts.repositories:
            owners = np.array([texts.repositories.get(repository_name(name) or "", -1) for name in groups])[places]
            rows = np.flatnonzero(owners >= 0)
            nothing = np.full(len(rows), -1), owners[rows], np.full(len(rows), np.nan)
            yield rows, EVALUATION_REPOSITORY, JOINT, *nothing


@dataclass(frozen=True)
class Decision:
    """The contaminated rows of the whole input, each once, in order of unit and row."""

    units: np.ndarray
    rows: np.ndarray
    codes: np.ndarray
    sides: np.ndarray
    similarity: np.ndarray
    benchmarks: np.ndarray
    """Place in the names of benchmarks."""
    counts: dict[str, dict[str, int]]
    """Of each benchmark: its texts, those found, those spared as commonplaces, and rows spared with them."""

    def at(self, places: np.ndarray) -> tuple[Contamination, np.ndarray]:
        """As resolve takes it, and the benchmarks; `places` are sorted (unit, row) that hold all contaminated ones."""
        keys = places[:, 0].astype(np.int64) << 32 | places[:, 1].astype(np.int64)
        rows = np.searchsorted(keys, self.units << 32 | self.rows)
        return Contamination(rows, self.codes, self.sides, self.similarity), self.benchmarks


def decide(found: Sequence[tuple[int, list[np.ndarray]]], wanted: Decontamination) -> Decision:
    """What counts of the finds of all units, given as (unit, arrays)."""
    texts = wanted.texts()
    units = np.concatenate(
        [np.zeros(0, np.int64), *(np.full(len(arrays[0]), unit, np.int64) for unit, arrays in found)]
    )
    empty = [np.zeros(0, kind) for kind in FOUND_KINDS]
    columns = [np.concatenate(column) for column in zip(empty, *(arrays for _, arrays in found), strict=True)]
    rows, codes, sides, items, benchmarks, similarity, groups = columns
    rows = rows.astype(np.int64)
    of_text = items >= 0
    spared = spared_items(items[of_text], groups[of_text], texts.text.words, wanted.rules.commonplace_groups)
    kept = ~np.isin(items, spared)
    # Of several finds in a row the first rule's counts, then the most similar.
    order = np.flatnonzero(kept)
    order = order[np.lexsort((items[order], -similarity[order], codes[order], rows[order], units[order]))]
    first = np.ones(len(order), bool)
    first[1:] = (units[order[1:]] != units[order[:-1]]) | (rows[order[1:]] != rows[order[:-1]])
    best = order[first]
    keys = units << 32 | rows
    released = np.flatnonzero(~kept & ~np.isin(keys, keys[best]))
    counts = {
        name: {
            "texts": total,
            "texts_found": len(np.unique(items[kept & of_text & (benchmarks == i)])),
            "texts_commonplace": int((texts.benchmarks[spared] == i).sum()),
            "rows_spared": len(np.unique(keys[released[benchmarks[released] == i]])),
        }
        for i, (name, total) in enumerate(texts.items().items())
    }
    return Decision(
        units[best], rows[best], codes[best], sides[best], similarity[best], benchmarks[best].astype(np.int64), counts
    )


def count_rows(decision: Decision, dropped: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, int]]:
    """The counts of each benchmark with its rows by rule; `dropped` (bool): found rows that no earlier stage took."""
    return {
        name: {
            **decision.counts[name],
            **{
                label: int((dropped & (decision.benchmarks == i) & (decision.codes == code)).sum())
                for code, label in RULE_NAMES.items()
            },
        }
        for i, name in enumerate(names)
    }


def _equal(texts: EvaluationTexts, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows whose side is an evaluation text, and which."""
    places = np.minimum(np.searchsorted(texts.hashes, hashes), max(0, len(texts.hashes) - 1))
    rows = np.flatnonzero(texts.hashes[places] == hashes) if len(texts.hashes) else np.zeros(0, np.int64)
    return rows, texts.hash_items[places[rows]]
