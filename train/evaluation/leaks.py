"""Which evaluation items occur in a training set, and the scores without them.

An item leaks when one of its texts (a query or what answers it, a sentence, a labelled text) is a side of a training
pair: equal after the pair set's normalisation, or a verified near match of Jaccard similarity `THRESHOLD` on shingles.
Near matches are found by MinHash bands, so one at the very threshold may be missed (`Banding.probability`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from miners.near_duplicates import (
    CODE,
    TEXT,
    SignatureConfig,
    band_hashes,
    banding_for,
    distinct,
    jaccard,
    run_signatures,
)
from miners.near_duplicates.runs import concatenate_runs, take_runs
from miners.near_duplicates.shingles import side_runs
from schemas.pair_set import read_manifest, read_pair_set
from schemas.side_hash import anchor_is_code, positive_is_code, side_hash
from train.evaluation.measured import MeanOf, Measured
from train.evaluation.task import ItemKey, ItemTexts
from train.journal import Journal
from train.known_pairs import EqualKeys

THRESHOLD = 0.6
"""The pair set's own threshold for leaks between its splits."""
BATCH_ROWS = 4096
_SIGNATURES = SignatureConfig()
_COLUMNS = ("anchor", "positive", "kind", "anchor_hash", "positive_hash")


@dataclass(frozen=True)
class Leaks:
    """What was looked for, and what of it occurs in the training set."""

    train_set: str
    data_id: str
    items: int
    equal: frozenset[ItemKey]
    near: frozenset[ItemKey]
    """Those that are near and not equal."""

    def as_json(self) -> dict[str, object]:
        """The counts."""
        return {
            "train_set": self.train_set,
            "data_id": self.data_id,
            "threshold": THRESHOLD,
            "items": self.items,
            "equal": len(self.equal),
            "near": len(self.near),
        }

    def left_out(self, found: Iterable[Measured | MeanOf]) -> list[Measured | MeanOf]:
        """Of the lists that hold leaked items the same without them, and the means of such lists. Lists of nothing but
        leaked items are left out."""
        clean: dict[int, Measured] = {}
        kept: set[int] = set()
        means: list[MeanOf] = []
        for one in found:
            if isinstance(one, MeanOf):
                parts = {id(part) for part in one.parts}
                if parts & clean.keys() and parts <= clean.keys() | kept:
                    means.append(replace(one, parts=tuple(clean.get(id(part), part) for part in one.parts)))
                continue
            keep = np.array([not self._leaked((one.data, item)) for item in one.items])
            if keep.all():
                kept.add(id(one))
            elif keep.any():
                clean[id(one)] = one.take(keep)
        return [*clean.values(), *means]

    def _leaked(self, key: ItemKey) -> bool:
        return key in self.equal or key in self.near


def find_leaks(train_set: str, items: Mapping[ItemKey, ItemTexts], journal: Journal) -> Leaks:
    """Looks for the items' texts among the sides of the set's train split. ValueError where it is no pair set."""
    manifest = read_manifest(train_set)
    if not manifest.splits.get("train"):
        raise ValueError(f"--train-set {train_set} has no rows of split train")
    keys = list(items)
    owners = np.array([i for i, key in enumerate(keys) for _ in items[key].texts], np.int64)
    texts = [text for key in keys for text in items[key].texts]
    is_code = np.array([code for key in keys for code in items[key].is_code or [False] * len(items[key].texts)], bool)
    known = _KnownTexts(texts, is_code)
    columns = list(_COLUMNS)
    done = 0
    for batch in read_pair_set(train_set, "train").to_batches(columns=columns, batch_size=BATCH_ROWS):
        kinds = batch["kind"].to_pylist()
        for side, code_of in (("anchor", anchor_is_code), ("positive", positive_is_code)):
            code = np.array([code_of(kind) for kind in kinds], bool)
            known.look_for(batch[side].to_pylist(), code, batch[f"{side}_hash"].to_numpy())
        done += len(kinds)
        if done % (64 * BATCH_ROWS) < len(kinds):
            journal.progress(f"leak check: {done:,} training pairs")
    equal = {keys[i] for i in owners[known.equal]}
    near = {keys[i] for i in owners[known.near]} - equal
    return Leaks(train_set, manifest.data_id, len(keys), frozenset(equal), frozenset(near))


class _KnownTexts:
    """The evaluation's texts, and which of them were met."""

    def __init__(self, texts: Sequence[str], is_code: np.ndarray) -> None:
        self._banding = banding_for(THRESHOLD)
        self._runs = side_runs(list(texts), is_code, TEXT, CODE)
        self._hashes = EqualKeys(
            np.array([side_hash(t, is_code=bool(c)) for t, c in zip(texts, is_code, strict=True)], np.int64)
        )
        self._bands = EqualKeys(band_hashes(run_signatures(self._runs, _SIGNATURES), self._banding, salt=0).reshape(-1))
        self.equal = np.zeros(len(texts), bool)
        self.near = np.zeros(len(texts), bool)

    def look_for(self, texts: Sequence[str], is_code: np.ndarray, hashes: np.ndarray) -> None:
        """Marks which known texts these are, or resemble."""
        self.equal[self._hashes.pairs(hashes)[1]] = True
        runs = side_runs(list(texts), is_code, TEXT, CODE)
        bands = band_hashes(run_signatures(runs, _SIGNATURES), self._banding, salt=0).reshape(-1)
        met, known = (places // self._banding.bands for places in self._bands.pairs(bands))
        pairs = np.unique(np.stack([met, known])[:, ~(self.equal | self.near)[known]], axis=1)
        if not pairs.size:
            return
        ours, mine = np.unique(pairs[0], return_inverse=True)
        theirs, other = np.unique(pairs[1], return_inverse=True)
        sets = distinct(concatenate_runs([take_runs(runs, ours), take_runs(self._runs, theirs)]))
        alike = jaccard(sets, mine, len(ours) + other) >= THRESHOLD
        self.near[pairs[1][alike]] = True
