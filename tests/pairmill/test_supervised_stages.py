"""The papers' supervised stages from published files to a model: import, dedupe, train, with nothing made by hand."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from pairmill.cli import main
from schemas import read_pair_set
from tests.pipelines.conftest import SNLI_IMAGE, SupervisedFiles
from tests.train.conftest import bloom_base, llama_base

__all__ = ["bloom_base", "llama_base"]
TOY = ["--set", "batch=12", "--set", "anchor_length=30", "--set", "positive_length=30", "--device", "cpu", "--quiet"]


def made(*arguments: object) -> None:
    assert main([*map(str, arguments), "--quiet"]) == 0


def nli_rows(premises: int) -> list[tuple[list[str], str, str, str, str, str]]:
    """Rows of SNLI: of each premise an entailment, two contradictions, a neutral one, one without a gold label."""
    words = random.Random(0).sample([f"thing{i}" for i in range(5000)], premises * 5)
    rows = []
    for i in range(premises):
        premise = f"A picture of {' '.join(words[i * 5 : i * 5 + 3])}"
        for label, text in (
            ("entailment", f"There is a {words[i * 5]}"),
            ("contradiction", f"There is no {words[i * 5 + 1]}"),
            ("contradiction", f"Nothing but {words[i * 5 + 4]}"),
            ("neutral", f"It is {words[i * 5 + 3]}"),
            ("-", f"Perhaps {words[i * 5 + 2]}"),
        ):
            rows.append(([label], f"#{i}", label, f"#{i}r1{label[0]}", premise, text))
    return rows


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Clean sets of files in MS MARCO's and SNLI's layouts."""
    folder = tmp_path_factory.mktemp("sets")
    files = SupervisedFiles(folder / "in")
    inputs = {"msmarco": files.msmarco(80, triples=6), "nli": files.snli_json(rows=nli_rows(60)).parent}
    for name, path in inputs.items():
        made("import", "--input", path, "--output", folder / f"raw-{name}", "--negatives", "3")
        made("dedupe", "--input", folder / f"raw-{name}", "--output", folder / name)
        made("verify", folder / name)
    assert SNLI_IMAGE.encode() in (inputs["nli"] / "snli_1.0_train.jsonl").read_bytes()
    return {name: folder / name for name in inputs}


def steps_of(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(line["loss"]) for line in lines)
    return lines


def embeddings(run: Path, texts: list[str]) -> np.ndarray:
    vectors = SentenceTransformer(str(run / "model"), device="cpu").encode(texts)
    assert np.isfinite(vectors).all() and len(np.unique(vectors.round(4), axis=0)) == len(texts)
    return vectors


def test_udever(sets, bloom_base, tmp_path):
    data = ["--data", sets["msmarco"], "--data", sets["nli"]]
    made("train", *data, "--recipe", "udever", "--set", f"base={bloom_base}", *TOY, "--steps", 6, "--output", tmp_path)
    assert len(steps_of(tmp_path)) == 6
    before, after = load_file(Path(bloom_base) / "model.safetensors"), load_file(tmp_path / "model/model.safetensors")
    changed = {name for name, value in before.items() if not value.equal(after[name][: len(value)])}
    assert any(name.endswith(".bias") for name in changed)
    assert {name for name in changed if not name.endswith(".bias")} <= {"word_embeddings.weight"}
    assert len(embeddings(tmp_path, ["what is 37", "Passage 1 says that 37."])) == 2


def test_cpt_nli(sets, llama_base, tmp_path):
    first, second = tmp_path / "cpt", tmp_path / "nli"
    base = ["--recipe", "cpt-text-s", "--set", f"base={llama_base}"]
    made("train", "--data", sets["msmarco"], *base, *TOY, "--steps", 2, "--output", first)
    base = ["--recipe", "cpt-nli", "--set", f"base={first / 'model'}", "--set", "precision=float32"]
    made("train", "--data", sets["nli"], *base, *TOY, "--steps", 20, "--output", second)
    lines = steps_of(second)
    assert np.mean([line["loss"] for line in lines[-5:]]) < np.mean([line["loss"] for line in lines[:5]])
    rows = read_pair_set(str(sets["nli"])).to_table(columns=["anchor", "positive", "negatives"]).to_pylist()
    assert all(len(row["negatives"]) == 2 for row in rows)
    assert embeddings(second, [rows[0]["anchor"], rows[0]["positive"]]).shape[0] == 2
