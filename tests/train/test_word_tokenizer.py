"""How texts are cut for encoders from scratch: identifiers into words, a function's head marked."""

from __future__ import annotations

import numpy as np
import pytest

from train.word_tokenizer import NAME_MARK, cut_tokens, plain_tokens, train_word_tokenizer

TEXTS = [
    "def parse_header(self, name):\n    return name.header(parse)\n",
    "Parse the header of a name, and return it (or not).",
    "func ReadAll(r Reader) { return r.ReadAll(name) }",
] * 3


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(TEXTS, 300)


def words(tokenizer, text: str) -> list[str]:
    return tokenizer.encode(text, add_special_tokens=False).tokens


def in_head(tokenizer, text: str) -> list[str]:
    return [token[1:] for token in words(tokenizer, text) if token[0] == NAME_MARK]


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("def parse_header(self, name):\n    return parse(name)", ["def", "parse", "header"]),
        ("    async def parseHeader(name): ...", ["a", "def", "parse", "header"]),
        ("@name(header)\n@parse\ndef read(name):\n    pass", ["def", "read"]),
        ("func ReadAll(r Reader) { return r.ReadAll(name) }", ["func", "read", "all"]),
        ("Parse the header.\n\nReturn it (or not).", []),
        ("", []),
        ("(", []),
    ],
)
def test_the_words_before_the_first_bracket_of_a_functions_first_line_are_its_head(tokenizer, text, head):
    assert in_head(tokenizer, text) == head


@pytest.mark.parametrize("text", TEXTS[:3])
def test_but_for_the_marks_a_text_is_cut_as_without_them(tokenizer, text):
    """The head's end is found at a bracket: without one there is no head."""
    plain = plain_tokens(tokenizer)
    marked, bare = (
        cut_tokens(tokenizer, [one], 100).ids for one in (text, text.replace("(", " ", 1).replace("(", " "))
    )
    assert np.array_equal(plain[marked], bare)
    assert np.array_equal(plain[bare], bare)


def test_a_twin_for_every_token(tokenizer):
    plain = plain_tokens(tokenizer)
    twins = np.flatnonzero(plain != np.arange(len(plain)))
    assert len(plain) == 2 * len(twins) + 2  # what is unknown, and the mark itself
    assert twins.min() == len(plain) - len(twins) > plain.max()


def test_a_text_that_holds_the_mark_is_no_accident(tokenizer):
    assert words(tokenizer, f"{NAME_MARK}parse")[0][0] == NAME_MARK
    assert words(tokenizer, f"a{NAME_MARK}{NAME_MARK}b")
