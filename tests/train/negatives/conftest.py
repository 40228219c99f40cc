"""A model whose vectors are known: every word has a random direction of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from schemas import Pair
from schemas.finished import file_entry, finished_manifest
from schemas.ledger import STAGES, Ledger
from schemas.pair import pairs_to_table
from schemas.writer import PartWriter
from train.static_encoder import StaticEncoder

DIMENSION = 128
MakeModel = Callable[[Sequence[str]], Path]
WriteSet = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """A model folder of ours that knows the words of these texts; unknown words have no vector."""

    def make(texts: Sequence[str]) -> Path:
        words = sorted({word for text in texts for word in text.lower().split()})
        tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0} | {w: i for i, w in enumerate(words, 1)}, "[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        torch.manual_seed(0)
        StaticEncoder(tokenizer, DIMENSION, 64).save(tmp_path / "model")
        return tmp_path / "model"

    return make


@pytest.fixture
def write_set(tmp_path: Path) -> WriteSet:
    """Writes pairs as a clean set, two files a split: `write_set(train=pairs, test=pairs)`."""

    def write(name: str = "set", **splits: Sequence[Pair]) -> Path:
        folder, ledger, files = tmp_path / name, Ledger("dedupe"), []
        (folder / "data").mkdir(parents=True)
        for split, pairs in splits.items():
            for part in range(2):
                path = f"data/{split}-{part:05}-of-00002.parquet"
                with (folder / path).open("wb") as file:
                    writer = PartWriter(file)
                    writer.write(pairs_to_table(pairs[part::2]))
                    files.append(file_entry(path, split, writer.close()))
        rows = sum(map(len, splits.values()))
        for stage in STAGES["dedupe"]:
            ledger.read(stage, rows)
            ledger.keep(stage, rows)
            ledger.made(stage, rows)
        manifest = finished_manifest(job="dedupe", run_id="0" * 32, config={}, seed=0, ledger=ledger, files=files)
        (folder / "README.md").write_text("a set")
        (folder / "manifest.json").write_bytes(manifest.to_bytes())
        return folder

    return write
