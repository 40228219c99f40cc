"""Encoders: what we encode is what sentence-transformers encodes from the folder that we wrote."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from train.encoder import Encoder
from train.encoders import ForeignEncoder, load_encoder
from train.ragged import Ragged
from train.static_encoder import StaticEncoder, distinct
from train.transformer_encoder import TransformerEncoder, from_base, from_scratch
from train.word_tokenizer import train_marked_tokenizer, train_word_tokenizer

TEXTS = [
    "Return the parsed HTTPServer response, or None.",
    "def parse_http_response(self, raw: bytes) -> None:\n    return self.headers[0] + '\\u00e9'\n",
    "naïve 北京大学 café",
    "x",
    "",
    "??? !!!",
    "a long one " * 60,
]
CPT = {"anchor": ("[", "]"), "positive": ("{", "}")}


def static(repeats: str = "once") -> StaticEncoder:
    torch.manual_seed(0)
    encoder = StaticEncoder(train_word_tokenizer(TEXTS * 3, 300), 24, 40, repeats)
    encoder.start_at_idf(np.arange(len(encoder.log_weight)) % 7, 14, name_weight=3.0)
    return encoder


def summing() -> StaticEncoder:
    return static("sum")


def small_bert() -> TransformerEncoder:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "layers": 2, "heads": 2, "intermediate_size": 64}
    return from_scratch(train_marked_tokenizer(TEXTS * 3, 300), shape, "mean", 40)


@pytest.mark.parametrize("make", [static, summing, small_bert])
def test_sentence_transformers_gives_our_vectors(make, tmp_path):
    encoder = make().eval()
    encoder.save(tmp_path / "model")
    ours = encoder.encode(TEXTS, "anchor")
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(TEXTS, batch_size=3)
    np.testing.assert_allclose(theirs, ours, atol=2e-6)
    np.testing.assert_allclose(load_encoder(tmp_path / "model").encode(TEXTS, "positive"), ours, atol=2e-6)


@pytest.mark.parametrize("delimiters", [None, CPT, {"anchor": ("<q>", "</q>"), "positive": ("<d>", "</d>")}])
def test_decoder_with_delimiters(delimiters, llama_base, tmp_path):
    encoder = from_base(llama_base, "last", 40, delimiters).eval()
    encoder.save(tmp_path / "model")
    model = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    texts = TEXTS if delimiters else [text for text in TEXTS if text]  # nothing to pool in an empty text
    for side, encode in (("anchor", model.encode_query), ("positive", model.encode_document)):
        ours = encoder.encode(texts, side)
        np.testing.assert_allclose(encode(texts, batch_size=3), ours, atol=3e-6)
        np.testing.assert_allclose(load_encoder(tmp_path / "model").encode(texts, side), ours, atol=3e-6)
    if delimiters:
        assert (
            np.abs(encoder.encode(TEXTS, "anchor") - encoder.encode(TEXTS, "positive")).max() > 1e-5
        )  # new rows start alike
        ids, mask = encoder.padded(encoder.token_ids(["x"], 40), "positive")
        assert encoder.tokenizer.convert_ids_to_tokens(ids[0, mask.sum() - 1].item()) == delimiters["positive"][1]


def test_delimiter_of_several_tokens_is_refused(llama_base):
    with pytest.raises(ValueError, match="not one token"):
        from_base(llama_base, "last", 40, {"anchor": ("[ [", "]"), "positive": ("{", "}")})


def test_too_long_for_the_base(llama_base):
    with pytest.raises(ValueError, match="62 at most"):
        from_base(llama_base, "last", 400, CPT)


def test_foreign_folder_is_read_through_sentence_transformers(tmp_path):
    encoder = small_bert().eval()
    encoder.save(tmp_path)
    (tmp_path / "pairmill.json").unlink()
    foreign = load_encoder(tmp_path)
    assert isinstance(foreign, ForeignEncoder)
    np.testing.assert_allclose(foreign.encode(TEXTS, "positive"), encoder.encode(TEXTS), atol=2e-6)


@pytest.mark.parametrize("content", [{}, {"README.md": "no model"}, {"pairmill.json": json.dumps({"format": "?"})}])
def test_a_folder_without_a_model_is_one_sentence(content, tmp_path):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError) as error:
        load_encoder(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", [static, small_bert])
def test_encode_refuses_an_unknown_side_and_takes_no_texts(make):
    encoder: Encoder = make()
    with pytest.raises(ValueError, match="anchor or positive"):
        encoder.encode(["x"], "query")
    assert encoder.encode([], "anchor").shape == (0, encoder.dimension)


def test_identifiers_are_split_into_words():
    tokenizer = train_word_tokenizer(["parse http response server 2 get"] * 5, 200)
    words = ["parse", "http", "response", "get"]
    encoding = tokenizer.encode("parseHTTPResponse get_http PARSE", add_special_tokens=False)
    assert encoding.tokens == ["parse", "http", "response", "get", "http", "parse"]
    assert all(tokenizer.token_to_id(word) for word in words)


def test_distinct_keeps_the_sum():
    tokens = Ragged.from_lists([[3, 1, 3], [], [2], [1, 1, 1]])
    ids, counts, offsets = distinct(tokens, 5)
    assert ids.tolist() == [1, 3, 2, 1]
    assert counts.tolist() == [1, 2, 1, 3]
    assert offsets.tolist() == [0, 2, 2, 3, 4]


def test_token_dropout_only_in_training():
    encoder = static()
    encoder.dropout = {"anchor": 0.5, "positive": 0.0}
    tokens = encoder.token_ids(TEXTS, 40)
    plain = encoder.eval().embed(tokens, "anchor")
    assert torch.equal(plain, encoder.embed(tokens, "anchor"))
    encoder.train()
    assert not torch.equal(plain, encoder.embed(tokens, "anchor"))
    assert torch.equal(plain, encoder.embed(tokens, "positive"))


@pytest.mark.parametrize("train_tokenizer", [train_word_tokenizer, train_marked_tokenizer])
def test_training_a_tokenizer_is_a_function_of_the_texts(train_tokenizer):
    texts = [f"word{i * 7919 % 1009} {i:x} naïve_{chr(0x4E00 + i)}" for i in range(600)]
    definitions = {train_tokenizer(texts, 500).to_str() for _ in range(3)}
    assert len(definitions) == 1


def test_texts_that_can_be_read_only_once_are_refused():
    with pytest.raises(ValueError, match="read twice"):
        train_word_tokenizer((text for text in TEXTS), 100)
