"""The task `pair-set`: retrieval on one split of a pair set, by a model and by BM25 on the very same candidates.

Queries are the anchors, candidates the positives. In: rows of a pair set and something that encodes texts. Out: score
rows, each with the name of its protocol. What is known to be the same answer is not penalised (`train.known_pairs`);
``mrr_strict`` beside it penalises everything but the query's own row, as the papers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from schemas.code_variants import has_grammar, mask_name, strip_comments
from schemas.side_hash import positive_is_code
from train.bm25_baseline import bm25_blocks, code_words, text_words
from train.bootstrap import resampled_means
from train.encoders import TextEncoder, finite_vectors
from train.journal import Journal
from train.known_pairs import OwnRowOnly
from train.retrieval import ScoreBlock, cosine_blocks, metric_values, ranks_of
from train.score_rows import COLUMNS, ScoreRow, scores_from
from train.split_rows import SplitRows

CHUNK = 1000
"""One right answer among 999 distractors: CodeSearchNet's protocol, which the papers report."""

PROTOCOLS = {
    "csn-1k": "one right answer among 999 others of its source: chunks of 1000 in canonical order, the rest dropped",
    "full": "the whole split at once, each source alone and all sources together; its rows are named pairset-full",
}
ALL_SOURCES = "all"
MEAN_OF_SOURCES = "mean of sources"


@dataclass(frozen=True)
class SearchOptions:
    """What is measured on which rows."""

    protocols: tuple[str, ...] = tuple(PROTOCOLS)
    strip_comments: bool = False
    mask_names: bool = False
    device: str = "cpu"
    seed: int = 0


class System(Protocol):
    """A model or a baseline: scores any of the split's rows against each other."""

    name: str

    def blocks(self, rows: np.ndarray) -> ScoreBlock:
        """Scores of the anchors of `rows` against the positives of `rows`."""
        ...


@dataclass(frozen=True)
class _Model:
    anchors: np.ndarray
    positives: np.ndarray
    device: str
    name: str = "model"

    def blocks(self, rows: np.ndarray) -> ScoreBlock:
        return cosine_blocks(self.anchors[rows], self.positives[rows], self.device)


@dataclass(frozen=True)
class _Bm25:
    anchors: list[list[str]]
    positives: list[list[str]]
    name: str = "bm25"

    def blocks(self, rows: np.ndarray) -> ScoreBlock:
        return bm25_blocks([self.anchors[i] for i in rows], [self.positives[i] for i in rows])


@dataclass(frozen=True)
class _Measured:
    """A finished list: its line, with the resampled means that a mean over sources needs."""

    row: ScoreRow
    by_query: np.ndarray
    by_group: np.ndarray | None


def search_scores(rows: SplitRows, encoder: TextEncoder, options: SearchOptions, journal: Journal) -> list[ScoreRow]:
    """Every score row of the task, in the order: candidate texts, protocol, source, system.

    `journal` is told what is being done, and what was left out and why.
    """
    journal.progress(f"encoding {len(rows):,} anchors")
    model_anchors = finite_vectors(encoder, rows.anchors, "anchor")
    word_anchors = _words(rows, rows.anchors)
    found: list[ScoreRow] = []
    for label, variant in _variants(rows, options, journal):
        journal.progress(f"encoding {len(rows):,} positives, {label}")
        systems: list[System] = [
            _Model(model_anchors, finite_vectors(encoder, variant.positives, "positive"), options.device),
            _Bm25(word_anchors, _words(rows, variant.positives)),
        ]
        for protocol in options.protocols:
            journal.progress(f"ranking: {protocol}, {label}")
            measure = _chunked_rows if protocol == "csn-1k" else _full_rows
            found += [replace(row, candidates=label) for row in measure(variant, systems, options.seed, journal)]
    return found


def _words(rows: SplitRows, texts: Sequence[str]) -> list[list[str]]:
    """The words of one side. Both sides of a code search are split like code, for documentation names identifiers."""
    cut = {kind: code_words if positive_is_code(kind) else text_words for kind in set(rows.kinds)}
    return [cut[kind](text) for kind, text in zip(rows.kinds, texts, strict=True)]


def _variants(rows: SplitRows, options: SearchOptions, journal: Journal) -> Iterator[tuple[str, SplitRows]]:
    """The candidates as the options want them; with `mask_names` also a second time, masked."""
    label = "as written"
    if options.strip_comments:
        label, rows = "comments removed", rows.with_positives(_without_comments(rows, journal))
    yield label, rows
    if options.mask_names:
        masked = [
            mask_name(text, symbol) if positive_is_code(kind) else text
            for text, symbol, kind in zip(rows.positives, rows.symbols, rows.kinds, strict=True)
        ]
        yield (
            "comments removed, names masked" if options.strip_comments else "names masked",
            rows.with_positives(masked),
        )


def _without_comments(rows: SplitRows, journal: Journal) -> list[str]:
    is_code = [positive_is_code(kind) for kind in rows.kinds]
    languages = {language or "" for language, code in zip(rows.languages, is_code, strict=True) if code}
    for language in sorted(languages):
        if not has_grammar(language):
            journal.note(f"comments of {language or 'unnamed'} code stay: its tree-sitter grammar is not installed")
    return [
        strip_comments(text, language or "") if code else text
        for text, language, code in zip(rows.positives, rows.languages, is_code, strict=True)
    ]


def _chunked_rows(rows: SplitRows, systems: Sequence[System], seed: int, journal: Journal) -> list[ScoreRow]:
    """Each source in chunks of `CHUNK`, and the mean of the sources that filled one.

    A source with fewer rows is one chunk, and its protocol is named by its size: it is an easier test.
    """
    found: list[ScoreRow] = []
    filled: dict[str, list[_Measured]] = {system.name: [] for system in systems}
    for source, places in _by_source(rows, journal):
        size = min(CHUNK, len(places))
        protocol = "csn-1k" if size == CHUNK else f"chunks-of-{size}"
        if size < CHUNK:
            journal.note(f"{source} has {size:,} rows, fewer than {CHUNK:,}: its rows are named {protocol}, not csn-1k")
        chunks = [places[start : start + size] for start in range(0, len(places) - size + 1, size)]
        for system in systems:
            measured = _measure(rows, system, chunks, protocol, source, seed, dropped=len(places) % size)
            found.append(measured.row)
            if size == CHUNK:
                filled[system.name].append(measured)
    return found + [_mean_of_sources(measured) for measured in filled.values() if len(measured) > 1]


def _full_rows(rows: SplitRows, systems: Sequence[System], seed: int, journal: Journal) -> list[ScoreRow]:
    """Each source against its own candidates, and, where there are several, all against all."""
    lists = list(_by_source(rows, journal))
    if len(set(rows.sources)) > 1:
        lists.append((ALL_SOURCES, np.arange(len(rows))))
    return [
        _measure(rows, system, [places], "pairset-full", source, seed).row
        for source, places in lists
        for system in systems
    ]


def _by_source(rows: SplitRows, journal: Journal) -> Iterator[tuple[str, np.ndarray]]:
    for source in sorted(set(rows.sources)):
        places = np.flatnonzero(rows.sources == source)
        if len(places) > 1:
            yield source, places
        else:
            journal.note(f"{source} has one row, which any system finds: it gets no score")


def _measure(
    rows: SplitRows,
    system: System,
    lists: Sequence[np.ndarray],
    protocol: str,
    source: str,
    seed: int,
    dropped: int = 0,
) -> _Measured:
    """Ranks every row of every list among the rows of its own list, and sums up."""
    parts = [_values(rows, system, places) for places in lists]
    values = np.concatenate([value for value, _ in parts])
    known = np.concatenate([known for _, known in parts])
    groups = rows.groups[np.concatenate(lists)].astype(str)
    draw = [seed, *source.encode()]
    by_query = resampled_means(values, draw)
    by_group = resampled_means(values, draw, groups) if len(set(groups)) > 1 else None
    row = ScoreRow(
        task="pair-set",
        protocol=protocol,
        source=source,
        candidates="",
        system=system.name,
        queries=len(values),
        queries_dropped=dropped,
        candidates_per_query=len(lists[0]),
        known_answers_per_query=float(known.mean()),
        groups=len(set(groups)),
        scores=scores_from(values.mean(0), by_query, by_group),
    )
    return _Measured(row, by_query, by_group)


def _values(rows: SplitRows, system: System, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of one list, a row a query: the columns of `COLUMNS`, and how many answers are known."""
    size = len(places)
    fair, strict = ranks_of(system.blocks(places), size, size, [rows.known.take(places), OwnRowOnly()])
    return np.column_stack([metric_values(fair.rank), 1 / strict.rank]), fair.known


def _mean_of_sources(measured: Sequence[_Measured]) -> ScoreRow:
    """The plain mean of the sources' scores, as the papers average languages; sources are resampled apart."""
    rows = [one.row for one in measured]
    means = np.mean([[row.scores[name].mean for name in COLUMNS] for row in rows], axis=0)
    by_group = [one.by_group for one in measured if one.by_group is not None]
    return replace(
        rows[0],
        source=MEAN_OF_SOURCES,
        queries=sum(row.queries for row in rows),
        queries_dropped=sum(row.queries_dropped for row in rows),
        known_answers_per_query=float(
            np.average([r.known_answers_per_query for r in rows], weights=[r.queries for r in rows])
        ),
        groups=sum(row.groups for row in rows),
        scores=scores_from(
            means,
            np.mean([one.by_query for one in measured], axis=0),
            np.mean(by_group, axis=0) if len(by_group) == len(measured) else None,
        ),
    )
