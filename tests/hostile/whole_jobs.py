"""What holds of a mine job's result whatever its input was."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from pathlib import Path

from schemas import read_pair_set
from schemas.pair_set import read_manifest
from schemas.verify import main as verify
from tests.hostile.records import ledgers


def check_ledgers(out: Path, inputs: Collection[str]) -> dict[str, Counter[str]]:
    """Every input has a ledger, each adds up, and their sum is the result's; gives each stage's failures by reason."""
    found = ledgers(out)
    assert found.keys() == set(inputs)
    read: Counter[str] = Counter()
    failed: dict[str, Counter[str]] = defaultdict(Counter)
    for name, ledger in found.items():
        for stage, count in ledger["stages"].items():
            ends = count["kept"] + sum(count["dropped"].values()) + sum(count["failed"].values())
            assert count["read"] == ends, f"{name}: {stage}"
            read[stage] += count["read"]
            failed[stage].update(count["failed"])
        first = next(iter(ledger["stages"]))
        listed = sum(failure["stage"] == first for failure in ledger["failures"])
        assert listed == sum(ledger["stages"][first]["failed"].values()), f"{name}: a failure is not told of"
    manifest = read_manifest(str(out)).ledger
    assert {stage: count["read"] for stage, count in manifest["stages"].items()} == dict(read)
    assert manifest["stages"]["pair"]["kept"] == read_pair_set(str(out)).count_rows()
    assert verify([str(out), "--quiet"]) == 0
    return failed


def rows_by_file(out: Path, field: str) -> dict[str, list[str]]:
    """One field of the rows' provenance, by the name of the input file that they came from."""
    rows: dict[str, list[str]] = defaultdict(list)
    for batch in read_pair_set(str(out)).to_batches(columns=["provenance"]):
        for place in batch.column("provenance").to_pylist():
            rows[Path(place["uri"]).name].append(place[field])
    return rows
