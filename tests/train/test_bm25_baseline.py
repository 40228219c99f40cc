"""The baseline's words, and BM25 against the formula and on texts where it must win."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.bm25_baseline import K1, B, bm25_blocks, code_words, text_words
from train.known_pairs import OwnRowOnly
from train.retrieval import ranks_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parseHTMLFile", ["parse", "html", "file"]),
        ("parse_html_file2", ["parse", "html", "file", "2"]),
        ("__init__ MAX_SIZE", ["init", "max", "size"]),
        ("def f(x): return x+1", ["def", "f", "x", "return", "x", "1"]),
        ("Gib die Größe zurück", ["gib", "die", "grösse", "zurück"]),
        ("", []),
        ("():+-", []),
    ],
)
def test_code_words(text, words):
    assert code_words(text) == words


def test_text_words():
    assert text_words("Hello, WORLD's 1st snake_case") == ["hello", "world", "s", "1st", "snake_case"]
    assert text_words("日本語 text") == ["日", "本", "語", "text"]


def lucene(query: list[str], documents: list[list[str]], which: int) -> float:
    """Lucene's BM25 (Kamphuis et al. 2020, without the constant factor) written out."""
    average = sum(map(len, documents)) / len(documents)
    total = 0.0
    for word in query:
        frequency = documents[which].count(word)
        containing = sum(word in document for document in documents)
        idf = math.log(1 + (len(documents) - containing + 0.5) / (containing + 0.5))
        total += idf * frequency / (frequency + K1 * (1 - B + B * len(documents[which]) / average))
    return total


words = st.lists(st.sampled_from("abcdef"), max_size=8)


@given(words, st.lists(words, min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_scores_are_the_formulas(query, documents):
    scores = bm25_blocks([query], documents)(0, 1)[0].tolist()
    if any(documents):
        assert scores == pytest.approx([lucene(query, documents, i) for i in range(len(documents))], abs=1e-4)
    else:
        assert scores == [0.0] * len(documents)


def test_it_wins_where_every_pair_shares_a_word_of_its_own():
    queries = [code_words(f"Return the frobnicate{chr(97 + i % 26)}{chr(97 + i // 26)} of a list") for i in range(200)]
    documents = [
        code_words(f"def get_frobnicate{chr(97 + i % 26)}{chr(97 + i // 26)}(items): return items") for i in range(200)
    ]
    [found] = ranks_of(bm25_blocks(queries, documents), 200, 200, [OwnRowOnly()])
    assert (found.rank == 1).all()


def test_a_query_of_unknown_words_ranks_last():
    [found] = ranks_of(bm25_blocks([["zzz"], ["b"]], [["a"], ["b"]]), 2, 2, [OwnRowOnly()])
    assert found.rank.tolist() == [2, 1]
