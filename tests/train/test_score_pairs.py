"""Scores of every pair: held against a plain matrix product, and read by the commands that they are made for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.select_pairs import main as select
from schemas import Provenance, make_pair, read_pair_set
from schemas.pair_set import read_manifest
from schemas.scores import DATA_ID_KEY, SCORES_SCHEMA
from tests.train.made_sets import write_set
from train.encoders import load_encoder
from train.evaluate import main
from train.negatives import layout, nearest
from train.retrieval import TIE
from train.static_encoder import StaticEncoder
from train.word_tokenizer import train_word_tokenizer

WORDS = "red green blue sky tree stone river north south east west tall small round".split()  # noqa: SIM905


def pair(i: int, *, kind: str = "docstring_code"):
    rng = np.random.default_rng(i % 150)
    one, two = " ".join(rng.choice(WORDS, 4)), " ".join(rng.choice(WORDS, 6))
    return make_pair(
        kind=kind,
        language="python" if kind == "docstring_code" else "en",
        anchor=f"{one} {i // 3}",
        positive=f"{two} {one.split()[0]}",
        place=("f", i),
        group=f"g{i}",
        provenance=Provenance(url=f"https://g{i}.org/" if kind == "neighbor_text" else None),
    )


@pytest.fixture
def pair_set(tmp_path: Path) -> Path:
    text = [pair(i, kind="neighbor_text") for i in range(40)]
    return write_set(tmp_path / "set", train=[*map(pair, range(160)), *text], test=[*map(pair, range(160, 170))])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tokenizer = train_word_tokenizer([" ".join(WORDS)], 100)
    StaticEncoder(tokenizer, 16, 32).save(tmp_path / "model")
    return tmp_path / "model"


def plain_ranks(folder: Path, model: Path) -> dict[str, tuple[int, float]]:
    """By row_id: the rank among the split's other positives of the source, by one matrix product a scope."""
    encoder, found = load_encoder(model), {}
    for split in ("train", "test"):
        rows = read_pair_set(folder, split).to_table().to_pylist()
        for source in {row["source"] for row in rows}:
            scope = [row for row in rows if row["source"] == source]
            texts = {row["positive_hash"]: row["positive"] for row in scope}
            q = encoder.encode([row["anchor"] for row in scope], side="anchor")
            c = encoder.encode(list(texts.values()), side="positive")
            places = {name: i for i, name in enumerate(texts)}
            for row, scores in zip(scope, q @ c.T, strict=True):
                own = scores[places[row["positive_hash"]]]
                known = {row["positive_hash"], row["anchor_hash"]}
                known |= {o["positive_hash"] for o in scope if o["anchor_hash"] == row["anchor_hash"]}
                known |= {o["positive_hash"] for o in scope if o["anchor_hash"] == row["positive_hash"]}
                rank = 1 + sum(scores[i] >= own - TIE for name, i in places.items() if name not in known)
                found[row["row_id"]] = rank, own
    return found


def test_ranks_and_scores_are_those_of_a_plain_product(pair_set, model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(layout, "QUERIES", 33)
    monkeypatch.setattr(nearest, "TILE", 17)
    output = tmp_path / "scores.parquet"
    given = [str(model), "--score-pairs", str(pair_set), "--output", str(output), "--quiet"]
    assert main(given) == 0
    table = pq.read_table(output)
    assert table.schema.remove_metadata().equals(SCORES_SCHEMA)
    assert table.schema.metadata[DATA_ID_KEY].decode() == read_manifest(pair_set).data_id
    expected = plain_ranks(pair_set, model)
    assert table["row_id"].to_pylist() == read_pair_set(pair_set).to_table(columns=["row_id"])["row_id"].to_pylist()
    by_id = {row["row_id"]: row for row in table.to_pylist()}
    assert {name: row["rank"] for name, row in by_id.items()} == {name: rank for name, (rank, _) in expected.items()}
    assert len({row["rank"] for row in by_id.values()}) > 20
    np.testing.assert_allclose([by_id[n]["score"] for n in expected], [s for _, s in expected.values()], atol=1e-5)
    assert f"{len(expected):,} pairs" in capsys.readouterr().out
    assert not list(tmp_path.glob("score-pairs-*"))
    chosen = ["--input", str(pair_set), "--scores", str(output), "--max-rank", "3", "--output", str(tmp_path / "near")]
    assert select([*chosen, "--quiet"]) == 0
    kept = sum(read_manifest(tmp_path / "near").splits.values())
    assert kept == sum(rank <= 3 for rank, _ in expected.values())


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--output", "scores.json"], "writes a Parquet file"),
        ([], "writes a Parquet file"),
        (["--tasks", "pair-set", "--output", "s.parquet"], "leave --tasks and --train-set out"),
    ],
)
def test_wrong_arguments_are_one_sentence(pair_set, model, tmp_path, monkeypatch, capsys, flags, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([str(model), "--score-pairs", str(pair_set), *flags])
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert told in printed and printed.count("\n") == 1


def test_nothing_asked_is_one_sentence(model, capsys):
    with pytest.raises(SystemExit) as end:
        main([str(model)])
    assert end.value.code == 2
    assert "--score-pairs" in capsys.readouterr().err
