"""What several rooms' tests need: small pairs, and a pair set as a mine job leaves it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipelines.finish import Job, file_entry, finish_pair_set
from pipelines.runs import Run
from schemas import Pair, Provenance, make_pair
from schemas.ledger import STAGES, Ledger
from schemas.manifest import config_hash
from schemas.pair import pairs_to_table
from schemas.writer import PartWriter

MakePairSet = Callable[..., Path]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real WARC files and pages named by PAIRMILL_SHARED_DATA; skips where there is none."""
    folder = os.environ.get("PAIRMILL_SHARED_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PAIRMILL_SHARED_DATA names no folder of real crawl files")
    return Path(folder)


def code_pairs(count: int, *, groups: int = 10) -> list[Pair]:
    """Distinct docstring and function pairs, spread over `groups` repositories."""
    return [
        make_pair(
            kind="docstring_code",
            language="python",
            anchor=f"Return the sum of item number {i} and its neighbour {i * 7919 % 1000}.",
            positive=f"def add_{i}(a, b):\n    return a + b + {i}\n",
            place=("code", f"owner/repo{i % groups}", f"src/m{i}.py", i, i + 50),
            group=f"owner/repo{i % groups}",
            provenance=Provenance(
                repo=f"owner/repo{i % groups}", path=f"src/m{i}.py", symbol=f"add_{i}", license="MIT"
            ),
        )
        for i in range(count)
    ]


@pytest.fixture
def make_pair_set(tmp_path: Path) -> MakePairSet:
    """Writes pairs as the pair set of a mine-code run and returns its folder: `make_pair_set(pairs, files=2)`."""

    def make(pairs: Sequence[Pair] | int = 20, *, name: str | None = None, files: int = 1) -> Path:
        rows = code_pairs(pairs) if isinstance(pairs, int) else list(pairs)
        folder = tmp_path / (name or f"set-{uuid.uuid4().hex[:8]}")
        entries = []
        for part in range(files):
            chosen = rows[part::files]
            if not chosen:
                continue
            path = folder / "data" / f"train-{part:016x}-00000.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                writer = PartWriter(file)
                writer.write(pairs_to_table(chosen))
                entries.append(file_entry(f"data/{path.name}", "train", writer.close()))
        ledger = Ledger("mine-code")
        for stage in STAGES["mine-code"]:
            ledger.read(stage, len(rows))
            ledger.keep(stage, len(rows))
            ledger.made(stage, len(rows))
        config = {"made_by": "tests"}
        folder.mkdir(exist_ok=True)
        finish_pair_set(
            Job("mine-code", str(folder), config, 0, Run(uuid.uuid4().hex, config_hash(config))), ledger, entries
        )
        return folder

    return make
