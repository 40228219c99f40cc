"""One split of a pair set in memory, as the evaluator reads it: texts, names, and what is known to answer what."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from schemas.pair_set import read_manifest, read_pair_set
from schemas.side_hash import positive_is_code, side_hash
from train.known_pairs import KnownPairs


@dataclass(frozen=True)
class SplitRows:
    """The rows of one split in canonical order; every field has one entry a row."""

    names: list[str]
    """What each row is called in results, no two alike: its row_id."""
    anchors: list[str]
    positives: list[str]
    kinds: list[str]
    languages: list[str | None]
    symbols: list[str | None]
    sources: np.ndarray
    groups: np.ndarray
    known: KnownPairs

    def __len__(self) -> int:
        return len(self.anchors)

    def first(self, count: int) -> SplitRows:
        """The first rows, at most `count`."""
        if len(self) <= count:
            return self
        part = slice(count)
        cut = {f.name: getattr(self, f.name)[part] for f in fields(self) if f.name != "known"}
        return SplitRows(**cut, known=self.known.take(part))

    def with_positives(self, positives: list[str]) -> SplitRows:
        """The same rows with other candidate texts, and hashes of those: texts that became equal answer each other."""
        hashes = [side_hash(t, is_code=positive_is_code(k)) for t, k in zip(positives, self.kinds, strict=True)]
        known = replace(self.known, positive_hash=np.array(hashes, np.int64))
        return replace(self, positives=positives, known=known)


def read_split(folder: str, split: str) -> SplitRows:
    """The rows of `split`. ValueError, with the splits that there are, when it has no rows."""
    splits = read_manifest(folder).splits
    if not splits.get(split):
        there = ", ".join(f"{name} ({rows:,})" for name, rows in splits.items()) or "no rows at all"
        raise ValueError(
            f"{folder} has no rows of split {split!r}: it has {there}; name another with --split, "
            "or let `pairmill dedupe` cut the splits"
        )
    names = (
        "row_id",
        "anchor",
        "positive",
        "kind",
        "language",
        "source",
        "group",
        "anchor_hash",
        "positive_hash",
        "cluster",
    )
    wanted = {name: ds.field(name) for name in names} | {"symbol": ds.field("provenance", "symbol")}
    table = read_pair_set(folder, split).to_table(columns=wanted)
    cluster = table["cluster"]
    return SplitRows(
        names=table["row_id"].to_pylist(),
        anchors=table["anchor"].to_pylist(),
        positives=table["positive"].to_pylist(),
        kinds=table["kind"].to_pylist(),
        languages=table["language"].to_pylist(),
        symbols=table["symbol"].to_pylist(),
        sources=_names(table["source"]),
        groups=_names(table["group"]),
        known=KnownPairs(
            anchor_hash=table["anchor_hash"].to_numpy(),
            positive_hash=table["positive_hash"].to_numpy(),
            cluster=cluster.fill_null(0).to_numpy(),
            has_cluster=cluster.is_valid().to_numpy(),
        ),
    )


def _names(column: pa.ChunkedArray) -> np.ndarray:
    return np.array(column.cast(pa.string()).to_pylist(), dtype=object)
