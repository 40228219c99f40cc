"""Small pair sets of made-up words, and a model that knows these words: for the evaluator's tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from schemas import Manifest, Pair, Provenance, make_pair
from schemas.ledger import Ledger
from schemas.manifest import FileEntry
from schemas.pair import pairs_to_table
from schemas.writer import PartWriter

WORDS = [a + b for a in ("alpha", "beta", "gamma", "delta", "omega") for b in ("", "s", "ted", "ting", "ful", "less")]


def code_pair(number: int) -> Pair:
    """A pair whose sides share three words, in a combination of its own; the name says one of them."""
    one, two, three = (WORDS[number // 30**k % 30] for k in range(3))
    return make_pair(
        kind="docstring_code",
        language="python",
        anchor=f"Return {one} {two} {three} {number}.",
        positive=f"def {one}_{number}(x):\n    # {two}\n    return {three}(x)\n",
        place=("m.py", number),
        group=f"repo{number % 7}",
        provenance=Provenance(repo=f"repo{number % 7}", path="m.py", symbol=f"C.{one}_{number}"),
    )


def text_pair(number: int) -> Pair:
    """Neighbouring passages of pages of three: the positive of one row is the anchor of the next."""
    page, ordinal = divmod(number, 2)
    passages = [f"page {WORDS[page % 30]} {page} passage {k}" for k in (ordinal, ordinal + 1)]
    return make_pair(
        kind="neighbor_text",
        language="en",
        anchor=passages[0],
        positive=passages[1],
        place=("w.warc", number),
        group=f"site{page}.org",
        provenance=Provenance(ordinal=ordinal),
    )


def write_set(folder: Path, **splits: Sequence[Pair]) -> Path:
    """A pair set with the rows given for each split, two files a split."""
    entries = []
    (folder / "data").mkdir(parents=True)
    for split, pairs in splits.items():
        middle = (len(pairs) + 1) // 2
        for part, rows in enumerate((pairs[:middle], pairs[middle:])):
            if not rows:
                continue
            path = f"data/{split}-{part:05}-of-00002.parquet"
            with (folder / path).open("wb") as file:
                writer = PartWriter(file)
                writer.write(pairs_to_table(rows))
                done = writer.close()
            entries.append(FileEntry(path, split, done.rows, done.bytes, done.sha256, f"{done.data_sum:032x}"))
    manifest = Manifest("dedupe", "0" * 32, {}, 0, "test", Ledger("dedupe").to_json(), tuple(entries))
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    return folder


def write_word_model(folder: Path) -> Path:
    """A sentence-transformers folder: random static vectors of words and numbers, so texts that share some are near."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    vocabulary = {word: i for i, word in enumerate(["[UNK]", *WORDS, *map(str, range(2005)), "page", "passage"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Replace("_", " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.random.default_rng(0).standard_normal((len(vocabulary), 64)).astype(np.float32)
    weights[0] = 0
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu").save(str(folder))
    return folder


def row_of(rows: Sequence[Any], **wanted: Any) -> Any:
    """The one row, a record or an object, with these fields."""
    [row] = [r for r in rows if all((r[k] if isinstance(r, dict) else getattr(r, k)) == v for k, v in wanted.items())]
    return row
