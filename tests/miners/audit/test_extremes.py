"""Extremes: both ends of every signal are found, whatever the order of the rows, and data cannot fill memory."""

import random

import numpy as np
import pyarrow as pa
import pytest

from miners.audit.extremes import MAX_KEYS, Extremes
from miners.audit.summary import AuditConfig, Summary
from schemas.pair import Provenance, make_pair, make_signals, pairs_to_table


def measured_pairs(n=60):
    return [
        make_pair(
            kind="neighbor_text",
            language="en",
            anchor=f"anchor {i}",
            positive=f"positive {i}",
            place=("f", i),
            group="g",
            provenance=Provenance(),
            signals=make_signals(
                f"anchor {i} " + "word " * (i * 7 % 31),
                "",
                language_score=None if i % 5 == 0 else (i * 13 % 60) / 60,
                quality=(("gopher_symbols", float(i * 17 % 60)),) if i % 2 else (),
            ),
        )
        for i in range(n)
    ]


def found_in(table, cut):
    merged = Summary(AuditConfig(rows=table.num_rows))
    parts = []
    for start in range(0, table.num_rows, cut):
        part = Summary(merged.config)
        part.add(table.slice(start, cut), "train", 0, start)
        parts.append(part)
    random.Random(cut).shuffle(parts)
    for part in parts:
        merged.merge(part)
    return merged.extremes.found


@pytest.mark.parametrize("cut", [60, 7])
def test_both_ends_of_every_signal(cut):
    pairs = measured_pairs()
    found = found_in(pairs_to_table(pairs), cut)
    quality = sorted((dict(p.signals.quality)["gopher_symbols"], i) for i, p in enumerate(pairs) if p.signals.quality)
    assert [(v, p.row) for v, p in found["neighbor_text", "gopher_symbols", "lowest"]] == quality[:3]
    assert [v for v, _ in found["neighbor_text", "gopher_symbols", "highest"]] == [v for v, _ in quality[::-1][:3]]
    scores = sorted(p.signals.language_score for p in pairs if p.signals.language_score is not None)
    assert [v for v, _ in found["neighbor_text", "language_score", "lowest"]] == pytest.approx(scores[:3])
    longest = max(range(60), key=lambda i: pairs[i].signals.anchor_chars)
    assert found["neighbor_text", "anchor_chars", "highest"][0][0] == pairs[longest].signals.anchor_chars
    assert found == found_in(pairs_to_table(pairs), 60)


def test_the_number_of_signals_is_bounded():
    names = [{"name": f"s{i:04}", "value": float(i)} for i in range(1000)]
    kind = pa.struct([("name", pa.string()), ("value", pa.float32())])
    signals = {"quality": pa.array([names], pa.list_(kind))}
    rows = np.zeros(1, dtype=[("key", np.uint64), ("file", np.int32), ("row", np.int64)])
    extremes = Extremes(3)
    extremes.add("k", signals, np.array([0]), rows)
    assert len(extremes.found) == MAX_KEYS
    assert ("k", "s0000", "lowest") in extremes.found


def test_a_value_that_is_no_number_is_no_extreme():
    signals = {"language_score": pa.array([float("nan"), None, 0.5, float("inf")], pa.float32())}
    rows = np.zeros(4, dtype=[("key", np.uint64), ("file", np.int32), ("row", np.int64)])
    extremes = Extremes(3)
    extremes.add("k", signals, np.arange(4), rows)
    assert [v for v, _ in extremes.found["k", "language_score", "highest"]] == [0.5]
