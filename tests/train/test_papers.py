"""The recipes of both papers at toy length: what trains, what does not, and what the model folder then is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer, GPT2Config, GPT2Model

import train.training
from tests.train.conftest import TEXTS, byte_level_tokenizer, pairs_with_negatives
from train.encoders import load_encoder
from train.recipe import LoraShape
from train.run import main
from train.transformer_encoder import from_base

UDEVER = {"anchor": ("[BOQ]", "[EOQ]"), "positive": ("[BOD]", "[EOD]")}
SHORT = ["--set", "anchor_length=30", "--set", "positive_length=30", "--device", "cpu", "--quiet"]


def run(recipe: str, base: str, data: Path, output: Path, *more: str, steps: int = 3) -> list[dict]:
    """Trains; returns the lines of metrics."""
    arguments = ["--recipe", recipe, "--set", f"base={base}", "--set", "batch=12", "--set", "chunk_tokens=150"]
    assert main([*arguments, *SHORT, *more, "--data", str(data), "--steps", str(steps), "--output", str(output)]) == 0
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def moved(base: str | Path, model: Path) -> dict[str, torch.Tensor]:
    """Of each weight of the base, which elements training changed."""
    before, after = (load_file(Path(folder) / "model.safetensors") for folder in (base, model))
    assert before.keys() == after.keys()
    return {name: after[name][: len(value)] != value for name, value in before.items()}


@pytest.fixture
def hard_set(make_pair_set) -> Path:
    return make_pair_set(pairs_with_negatives(60, each=3))


def test_udever_trains_bias_terms_and_the_rows_of_its_four_tokens_alone(bloom_base, hard_set, tmp_path):
    lines = run("udever", bloom_base, hard_set, tmp_path / "run", steps=4)
    changed = moved(bloom_base, tmp_path / "run" / "model")
    biases = [name for name in changed if name.endswith(".bias")]
    assert len(biases) == 14 and all(changed[name].any() for name in biases)
    others = {name for name in changed if name not in biases and changed[name].any()}
    assert others == {"word_embeddings.weight"}
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    added = tokenizer.convert_tokens_to_ids(["[BOQ]", "[EOQ]", "[BOD]", "[EOD]"])
    rows = changed["word_embeddings.weight"].any(1).nonzero().flatten().tolist()
    assert sorted(added) == rows
    assert [line["temperature"] for line in lines] == pytest.approx([0.05] * 4)
    rates = [line["learning_rate"] for line in lines]
    assert rates[1:] == [1e-4] * 3 and rates[0] <= 1e-4


def test_udever_warms_up_and_then_stays(bloom_base, hard_set, tmp_path):
    lines = run("udever", bloom_base, hard_set, tmp_path / "run", "--set", "warmup=0.5", steps=8)
    rates = [line["learning_rate"] for line in lines]
    assert rates[:4] == pytest.approx([2e-5, 4e-5, 6e-5, 8e-5]) and rates[4:] == [1e-4] * 4


def test_a_base_without_bias_terms_is_refused(llama_base, hard_set, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        run("udever", llama_base, hard_set, tmp_path / "run")
    assert error.value.code == 2
    assert "nothing is trainable: LlamaModel has no bias terms" in capsys.readouterr().err


def test_cpt_trains_everything_and_its_temperature(llama_base, hard_set, tmp_path):
    lines = run("smollm2-code", llama_base, hard_set, tmp_path / "run")
    assert all(change.any() for change in moved(llama_base, tmp_path / "run" / "model").values())
    temperatures = [line["temperature"] for line in lines]
    assert temperatures[0] == pytest.approx(0.07) and len(set(temperatures)) == 3


def test_lora_trains_matrices_beside_the_weights(llama_base, hard_set, tmp_path):
    more = ["--set", "trainable=lora", "--set", "lora.rank=2"]
    delimiters = [
        word
        for name in ("anchor_open", "anchor_close", "positive_open", "positive_close")
        for word in ("--set", f"delimiters.{name}=<{name}>")
    ]
    run("cpt-code-s", llama_base, hard_set, tmp_path / "run", *more, *delimiters)
    changed = moved(llama_base, tmp_path / "run" / "model")
    names = {name for name, change in changed.items() if change.any()}
    assert len(names) == 14 and all(name.endswith("_proj.weight") for name in names)
    saved = load_file(next((tmp_path / "run" / "checkpoints").glob("step-*")) / "weights.safetensors")
    assert {name.split(".")[-3] for name in saved if "lora" in name} == {"lora_A", "lora_B"}
    assert {name for name in saved if "lora" not in name} == {"encoder.added_rows.rows", "temperature.log_scale"}


@pytest.mark.parametrize("recipe", ["udever", "cpt-code-s"])
def test_the_model_folder_is_what_was_trained(recipe, bloom_base, hard_set, tmp_path):
    run(recipe, bloom_base, hard_set, tmp_path / "run")
    folder = tmp_path / "run" / "model"
    ours, theirs = load_encoder(folder), SentenceTransformer(str(folder), device="cpu")
    for side, encode in (("anchor", theirs.encode_query), ("positive", theirs.encode_document)):
        np.testing.assert_allclose(encode([*TEXTS, ""], batch_size=2), ours.encode([*TEXTS, ""], side), atol=3e-6)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True)
    last = -1 if recipe == "udever" else inputs["attention_mask"].sum(1) - 1
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state[torch.arange(len(TEXTS)), last]
    plain = torch.nn.functional.normalize(hidden, dim=1).numpy()
    np.testing.assert_allclose(plain, ours.encode(TEXTS, "anchor"), atol=3e-6)
    inodes = {path.stat().st_ino for path in folder.rglob("model.safetensors")}
    assert len(list(folder.rglob("model.safetensors"))) == 3 and len(inodes) == 1


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_the_embedding_stands_at_the_closing_token(padding_side, bloom_base):
    encoder = from_base(bloom_base, "closing", 40, UDEVER, padding_side).eval()
    tokens = encoder.token_ids(TEXTS, 40)
    together = encoder.embed(tokens, "positive")
    for text, vector in zip(TEXTS, together, strict=True):
        names = ["[BOD]", *encoder.tokenizer.tokenize(text), "[EOD]"]
        ids = torch.tensor([encoder.tokenizer.convert_tokens_to_ids(names)])
        torch.testing.assert_close(vector, encoder.model(input_ids=ids).last_hidden_state[0, -1], atol=1e-5, rtol=1e-5)
    ids, mask = encoder.padded(tokens, "positive")
    assert bool((mask[:, -1] == 1).all()) == (padding_side == "left")
    assert (ids[mask == 0] == encoder.tokenizer.pad_token_id).all()


@pytest.mark.parametrize("pooling", ["cls", "mean", "last"])
def test_pooling_does_not_depend_on_the_side_of_padding(pooling, bloom_base):
    left, right = (from_base(bloom_base, pooling, 40, UDEVER, side).eval() for side in ("left", "right"))
    np.testing.assert_allclose(left.encode(TEXTS), right.encode(TEXTS), atol=2e-6)


def test_left_padding_that_moves_positions_is_refused(tmp_path):
    size = byte_level_tokenizer(tmp_path)
    GPT2Model(GPT2Config(vocab_size=size, n_embd=16, n_layer=1, n_head=2, n_positions=64)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="set padding_side to right"):
        from_base(str(tmp_path), "closing", 40, UDEVER, "left")
    from_base(str(tmp_path), "closing", 40, UDEVER, "right")


def test_nli_goes_on_from_a_model_folder_with_its_temperature(llama_base, hard_set, tmp_path, capsys):
    run("cpt-text-s", llama_base, hard_set, tmp_path / "first")
    first = tmp_path / "first" / "model"
    ended = json.loads((first / "pairmill.json").read_text())["temperature"]
    lines = run("cpt-nli", str(first), hard_set, tmp_path / "second")
    assert lines[0]["temperature"] == pytest.approx(ended)
    changed = moved(str(first), tmp_path / "second" / "model")
    assert all(change.any() for change in changed.values())
    with pytest.raises(SystemExit):
        run("cpt-nli", str(first), hard_set, tmp_path / "third", "--set", "delimiters.anchor_open=<")
    assert "was trained with the delimiters" in capsys.readouterr().err


@pytest.mark.parametrize("trainable", ["bitfit", "lora"])
def test_a_resumed_run_is_the_run_that_was_not_broken(trainable, bloom_base, hard_set, tmp_path, monkeypatch):
    """Frozen weights are read from the base again; dropout and drawn hard negatives follow from the step."""
    more = ["--set", f"trainable={trainable}", "--set", "checkpoint_every=2", "--set", "lora.dropout=0.3"]
    whole = run("udever", bloom_base, hard_set, tmp_path / "whole", *more, steps=5)
    take = train.training._take_step

    def break_at_three(*values):
        if values[4] == 3:
            raise RuntimeError("the power failed")
        return take(*values)

    monkeypatch.setattr(train.training, "_take_step", break_at_three)
    with pytest.raises(AssertionError):
        run("udever", bloom_base, hard_set, tmp_path / "broken", *more, steps=5)
    monkeypatch.undo()
    resumed = run("udever", bloom_base, hard_set, tmp_path / "broken", *more, "--resume", "auto", steps=5)
    assert [line["loss"] for line in resumed] == [line["loss"] for line in whole]
    changed = moved(tmp_path / "whole" / "model", tmp_path / "broken" / "model")
    assert not any(change.any() for change in changed.values())


def test_hard_negatives_enter_the_loss(bloom_base, hard_set, tmp_path):
    with_them = run("udever", bloom_base, hard_set, tmp_path / "with", steps=1)
    without = run("udever", bloom_base, hard_set, tmp_path / "without", "--set", "negatives=0", steps=1)
    assert with_them[0]["loss"] > without[0]["loss"]


def test_bias_terms_and_added_rows_only_have_gradients(bloom_base):
    encoder = from_base(bloom_base, "closing", 40, UDEVER, "left")
    encoder.choose_trainable("bitfit", LoraShape())
    vectors = encoder.embed(encoder.token_ids(TEXTS, 40), "anchor")
    vectors.backward(torch.randn(vectors.shape, generator=torch.Generator().manual_seed(0)))
    trained = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
    assert "added_rows.rows" in trained
    assert {name.rpartition(".")[2] for name in trained - {"added_rows.rows"}} == {"bias"}
    used = {*encoder.frames["anchor"][0], *encoder.frames["anchor"][1]}
    is_used = torch.tensor([token in used for token in encoder.added_rows.tokens.tolist()])
    assert torch.equal(encoder.added_rows.rows.grad.abs().sum(1) > 0, is_used)


@pytest.mark.parametrize(
    ("base", "sentence"),
    [
        ("package:no_such_package/weights.gguf", "there is no package no_such_package here"),
        ("package:torch/weights.gguf", "the package torch has no file weights.gguf"),
    ],
)
def test_a_base_that_is_not_installed_says_how(base, sentence):
    with pytest.raises(ValueError, match=sentence):
        from_base(base, "last", 40)
