"""Rows with planted repeats, and their summary."""

from dataclasses import replace

import pyarrow as pa
import pytest

from miners.audit.summary import AuditConfig, Summary
from schemas.ledger import Ledger
from schemas.manifest import Manifest
from schemas.pair import Provenance, make_pair, pairs_to_table


def planted_pairs(n=300):
    """Text and code pairs: every tenth anchor repeats, every fifteenth row is a copy, groups of seven rows."""
    pairs = []
    for i in range(n):
        content = i - 1 if i % 15 == 1 else i
        code = content % 3 == 0
        anchor = "Returns the name." if content % 10 == 0 else f"anchor number {content} " + "word " * (content % 40)
        pair = make_pair(
            kind="docstring_code" if code else "neighbor_text",
            language="python" if code else ("en", "de", "zh")[content % 3],
            anchor=anchor,
            positive=f"def f{content}(): pass" if code else f"positive number {content} " + "text " * (content % 90),
            place=("file", i),
            group=f"group-{i // 7}",
            provenance=Provenance(
                uri="file",
                license="MIT" if i % 4 == 0 else None,
                date=f"20{20 + i % 3}-05-01T00:00:00Z" if i % 5 else None,
            ),
        )
        pairs.append(replace(pair, cluster=content // 2))
    return pairs


@pytest.fixture
def pairs():
    return planted_pairs()


@pytest.fixture
def table(pairs) -> pa.Table:
    return pairs_to_table(pairs)


@pytest.fixture
def summarise():
    """Summarise tables, each of one split and file, in one go or in slices that are merged in a given order."""

    def run(tables, config, order=None, step=None):
        parts = []
        for file, (split, table) in enumerate(tables):
            for start in range(0, table.num_rows, step or table.num_rows or 1):
                part = Summary(config)
                part.add(table.slice(start, step), split, file, start)
                parts.append(part.to_bytes())
        merged = Summary(config)
        for i in order(len(parts)) if order else range(len(parts)):
            merged.merge(Summary.from_bytes(parts[i]))
        return merged

    return run


@pytest.fixture
def manifest():
    ledger = Ledger("mine-code")
    ledger.read("file", 9)
    ledger.keep("file", 8)
    ledger.fail("file", "not_utf8", where="x/<b>.py", why="byte 0xff")
    return Manifest("mine-code", "run", {}, 0, "0", ledger.to_json(), ())


@pytest.fixture
def config():
    return AuditConfig(rows=300)
