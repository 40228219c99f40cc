"""Lengths in tokens: those of the tokenizer itself, and intervals that hold the truth."""

import json

import numpy as np
import pytest

from miners.audit.tokens import TokenLengths, read_tokenizer

tokenizers = pytest.importorskip("tokenizers")


@pytest.fixture
def folder(tmp_path):
    """A tokenizer of words, set to cut at 3 tokens and to pad, as published ones often are."""
    words = {word: i for i, word in enumerate(["[UNK]", "one", "two", "three"])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, "[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def texts_of(rng, n):
    return [" ".join(["one"] * int(k)) for k in rng.geometric(0.02, n)]


def test_lengths_are_those_of_the_texts(folder):
    texts = texts_of(np.random.default_rng(0), 500)
    lengths = TokenLengths()
    definition = read_tokenizer(str(folder))
    assert definition == read_tokenizer(str(folder / "tokenizer.json"))
    for start in range(0, 500, 90):
        part = TokenLengths()
        part.add(definition, ["neighbor_text"] * len(texts[start : start + 90]), "anchor", texts[start : start + 90])
        lengths.merge(part)
    [entry] = lengths.figures({"neighbor_text": 500}, "words")["entries"]
    counts = np.array([len(text.split()) for text in texts])
    assert (entry["min"], entry["max"], entry["pairs"]) == (counts.min(), counts.max(), 500)
    assert entry["mean"] == pytest.approx(counts.mean())
    assert entry["mean_interval"] is None and entry["estimated_total"] == counts.sum()
    for beyond in entry["beyond"]:
        assert beyond["rows"] == (counts > beyond["tokens"]).sum() and beyond["interval"] is None


def test_the_interval_of_a_sample_holds_the_mean(folder):
    definition, held = read_tokenizer(str(folder)), 0
    for seed in range(40):
        texts = texts_of(np.random.default_rng(seed), 200)
        lengths = TokenLengths()
        lengths.add(definition, ["k"] * 200, "positive", texts)
        [entry] = lengths.figures({"k": 100_000}, "words")["entries"]
        low, high = entry["mean_interval"]
        held += low <= 50 <= high
        assert entry["beyond"][0]["interval"] is not None
    assert held >= 33


@pytest.mark.parametrize(("content", "told"), [(None, "there is no tokenizer"), (json.dumps({"a": 1}), "no tokenizer")])
def test_what_is_no_tokenizer_is_one_sentence(tmp_path, content, told):
    if content:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ValueError, match=told):
        read_tokenizer(str(tmp_path))
