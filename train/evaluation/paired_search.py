"""Retrieval among pairs: queries are the anchors, candidates the positives, under CodeSearchNet's protocols.

In: rows of pairs, of a pair set or of other files, and what scores them (a model or BM25). Out: values a query, each
list with the name of its protocol. What is known to be the same answer is not penalised (`train.known_pairs`);
``mrr_strict`` beside it penalises everything but the query's own row, as the papers do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from schemas.code_variants import has_grammar, mask_name, strip_comments
from schemas.side_hash import positive_is_code
from train.bm25_baseline import bm25_blocks, code_words, text_words
from train.encoders import TextEncoder, finite_vectors
from train.evaluation.measured import ALL, AS_WRITTEN, MODEL, MeanOf, Measured
from train.evaluation.task import ItemKey, ItemTexts
from train.journal import Journal
from train.known_pairs import OwnRowOnly
from train.retrieval import METRICS, ScoreBlock, cosine_blocks, metric_values, ranks_of
from train.split_rows import SplitRows

CHUNKS = {"csn-1k": 1_000, "csn-10k": 10_000}
"""One right answer among 999 distractors: CodeSearchNet's protocol, which the papers report; and a harder one."""
FULL = "csn-full"
PROTOCOLS = {
    "csn-1k": "one right answer among 999 others of its language or source: chunks of 1000 in the files' order, "
    "the last partial one dropped",
    "csn-10k": "the same in chunks of 10,000",
    FULL: "each language or source against all its candidates",
}
ALL_AT_ONCE = "all-at-once"
"""The protocol of the row that `csn-full` gives beside its own where there are several sources."""
MEAN_OF_PARTS = "mean"
FEWEST_OF_MEAN = 20
"""Rows of a source, for the mean of sources under `csn-full`: among four candidates any system does well."""
COLUMNS = (*METRICS, "mrr_strict")
"""The metrics; ``mrr_strict`` is the MRR when everything but the query's own row is wrong."""

Blocks = Callable[[np.ndarray, np.ndarray], ScoreBlock]
"""(rows whose anchors ask, rows whose positives are the candidates) -> blocks of their scores."""


@dataclass(frozen=True)
class Variant:
    """The rows with the candidates as they are to be read, under a name."""

    label: str
    rows: SplitRows


@dataclass(frozen=True)
class PairedSearch:
    """Rows of pairs, and all that is measured on them."""

    task: str
    data: str
    rows: SplitRows
    protocols: tuple[str, ...]
    strip_comments: bool
    mask_names: bool
    device: str
    journal: Journal
    is_asked: np.ndarray | None = None
    """False where a row is a candidate of `csn-full` alone; None: every row asks."""

    @cached_property
    def _asked(self) -> np.ndarray:
        return np.ones(len(self.rows), bool) if self.is_asked is None else self.is_asked

    def check(self) -> None:
        """ValueError where the rows are too few for every protocol that is asked for."""
        asking = self.rows.sources[self._asked]
        largest = max(np.count_nonzero(asking == source) for source in set(asking))
        fewest = min(CHUNKS.get(protocol, 2) for protocol in self.protocols)
        if largest < fewest:
            raise ValueError(
                f"{self.data} has at most {largest:,} rows of one source, too few for {', '.join(self.protocols)}, "
                f"which needs {fewest:,}; take --protocol {FULL}, or a larger set"
            )

    def item_texts(self) -> dict[ItemKey, ItemTexts]:
        """Both sides of each row."""
        rows = self.rows
        return {
            (self.data, name): ItemTexts((anchor, positive), (False, positive_is_code(kind)))
            for name, anchor, positive, kind, asked in zip(
                rows.names, rows.anchors, rows.positives, rows.kinds, self._asked, strict=True
            )
            if asked
        }

    def measure(self, encoder: TextEncoder) -> list[Measured | MeanOf]:
        """Every list by the model."""
        self.journal.progress(f"encoding {np.count_nonzero(self._asked):,} anchors of {self.data}")
        asked = np.flatnonzero(self._asked)
        vectors = finite_vectors(encoder, [self.rows.anchors[i] for i in asked], "anchor")
        anchors = np.zeros((len(self.rows), vectors.shape[1]), np.float32)
        anchors[asked] = vectors

        def blocks_of(rows: SplitRows) -> Blocks:
            positives = finite_vectors(encoder, rows.positives, "positive")
            return lambda asking, among: cosine_blocks(anchors[asking], positives[among], self.device)

        return self._lists(MODEL, blocks_of)

    def baselines(self) -> list[Measured | MeanOf]:
        """Every list by BM25."""
        anchors = _words(self.rows, self.rows.anchors)

        def blocks_of(rows: SplitRows) -> Blocks:
            positives = _words(rows, rows.positives)
            return lambda asking, among: bm25_blocks([anchors[i] for i in asking], [positives[i] for i in among])

        return self._lists("bm25", blocks_of)

    def _lists(self, system: str, blocks_of: Callable[[SplitRows], Blocks]) -> list[Measured | MeanOf]:
        found: list[Measured | MeanOf] = []
        for variant in self._variants:
            self.journal.progress(f"{system}: positives {variant.label}")
            blocks = blocks_of(variant.rows)
            for protocol in self.protocols:
                self.journal.progress(f"{system}: {protocol}, {variant.label}")
                if protocol == FULL:
                    found += self._full(variant, system, blocks)
                else:
                    found += self._chunked(variant, system, blocks, protocol)
        return found

    @cached_property
    def _variants(self) -> list[Variant]:
        """The candidates as the options want them; with `mask_names` also a second time, masked."""
        label, rows = AS_WRITTEN, self.rows
        if self.strip_comments:
            label, rows = "comments removed", rows.with_positives(_without_comments(rows, self.journal))
        if not self.mask_names:
            return [Variant(label, rows)]
        masked = [
            mask_name(text, symbol) if positive_is_code(kind) else text
            for text, symbol, kind in zip(rows.positives, rows.symbols, rows.kinds, strict=True)
        ]
        label_masked = f"{label}, names masked" if self.strip_comments else "names masked"
        return [Variant(label, rows), Variant(label_masked, rows.with_positives(masked))]

    def _chunked(self, variant: Variant, system: str, blocks: Blocks, protocol: str) -> list[Measured | MeanOf]:
        """Each source in chunks, and the mean of the sources; those with less than a chunk are left out."""
        size = CHUNKS[protocol]
        found: list[Measured] = []
        for source, places in self._by_source(variant.rows):
            places = places[self._asked[places]]
            if len(places) < size:
                self.journal.note(f"{source} has {len(places):,} rows, too few for {protocol}; {FULL} takes any number")
                continue
            chunks = [places[start : start + size] for start in range(0, len(places) - size + 1, size)]
            found.append(self._measured(variant, system, blocks, protocol, source, chunks, len(places) % size))
        return [*found, *_mean(found)]

    def _full(self, variant: Variant, system: str, blocks: Blocks) -> list[Measured | MeanOf]:
        """Each source against its own candidates, their mean, and all against all."""
        found = [
            self._measured(variant, system, blocks, FULL, source, [places])
            for source, places in self._by_source(variant.rows)
        ]
        several = len(set(self.rows.sources)) > 1
        everything = [np.arange(len(self.rows))]
        at_once = [self._measured(variant, system, blocks, ALL_AT_ONCE, ALL, everything)] if several else []
        small = [one.part for one in found if len(one.items) < FEWEST_OF_MEAN]
        if small:
            self.journal.note(f"left out of the mean, with fewer than {FEWEST_OF_MEAN} rows: {', '.join(small)}")
        return [*found, *_mean([one for one in found if one.part not in small]), *at_once]

    def _by_source(self, rows: SplitRows) -> Iterator[tuple[str, np.ndarray]]:
        for source in sorted(set(rows.sources)):
            places = np.flatnonzero(rows.sources == source)
            if len(places) > 1:
                yield source, places
            else:
                self.journal.note(f"{source} has one row, which any system finds: it gets no score")

    def _measured(
        self,
        variant: Variant,
        system: str,
        blocks: Blocks,
        protocol: str,
        source: str,
        lists: Sequence[np.ndarray],
        dropped: int = 0,
    ) -> Measured:
        """Ranks every row of every list among the rows of its own list."""
        parts = [_values(variant.rows, blocks, places, self._asked[places]) for places in lists]
        places = np.concatenate([places[self._asked[places]] for places in lists])
        return Measured(
            task=self.task,
            data=self.data,
            protocol=protocol,
            part=source,
            system=system,
            metrics=COLUMNS,
            items=[self.rows.names[i] for i in places],
            values=np.concatenate([values for values, _ in parts]),
            texts=variant.label,
            groups=self.rows.groups[places],
            dropped=dropped,
            details={
                "candidates_per_query": len(lists[0]),
                "known_answers_per_query": float(np.concatenate([known for _, known in parts]).mean()),
            },
        )


def _values(rows: SplitRows, blocks: Blocks, places: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of one list, a row a query: the columns of `COLUMNS`, and how many answers are known."""
    asking, among = places[asked], np.concatenate([places[asked], places[~asked]])
    relevances = [rows.known.take(among), OwnRowOnly()]
    fair, strict = ranks_of(blocks(asking, among), len(asking), len(among), relevances)
    return np.column_stack([metric_values(fair.rank), 1 / strict.rank]), fair.known


def _mean(parts: Sequence[Measured]) -> list[MeanOf]:
    """The plain mean of the sources' scores, as the papers average languages, where there are several."""
    return [MeanOf(tuple(parts), MEAN_OF_PARTS)] if len(parts) > 1 else []


def _words(rows: SplitRows, texts: Sequence[str]) -> list[list[str]]:
    """The words of one side. Both sides of a code search are split like code, for documentation names identifiers."""
    cut = {kind: code_words if positive_is_code(kind) else text_words for kind in set(rows.kinds)}
    return [cut[kind](text) for kind, text in zip(rows.kinds, texts, strict=True)]


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
