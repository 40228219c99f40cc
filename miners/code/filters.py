"""Which files and which pairs are worth having: named rules with their thresholds, and what each took them from.

A rule matches whole path parts and whole words (a list of substrings would drop `latest` for `test`) and reads Unicode.
Each function gives the first reason that holds, in the order of `schemas.ledger`, or None.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from miners.code.extract import Function
from miners.code.language import Language

TEST_PARTS = frozenset({"test", "tests", "__tests__", "testdata", "spec", "specs"})
VENDORED_PARTS = frozenset(
    {
        *("vendor", "vendored", "_vendor", "third_party", "third-party", "thirdparty", "extern", "externals"),
        *("node_modules", "bower_components", "site-packages", "dist-packages", ".venv", "venv"),
    }
)
_GENERATED = re.compile(
    rb"Code generated .{0,200}DO NOT EDIT|@generated\b|[Gg]enerated by the protocol buffer compiler"
    rb"|\bauto(?:matically|-)?\s?generated (?:by|from|file|code)"
)
_GENERATED_HEAD = 2048
_MINIFIED_FROM = 2000
_BOILERPLATE = re.compile(r"(todo|fixme|xxx)\b|.*\b(copyright|all rights reserved|auto-?generated)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class CodeFilters:
    """Thresholds of the rules. `CodeFilters()` is the set called `default`."""

    min_docstring_words: int = 3
    """CodeSearchNet (Husain et al. 2019) and The Vault (Manh et al. 2023): at least three."""
    max_docstring_words: int = 500
    """The Vault: fewer than 500 tokens."""
    min_code_lines: int = 3
    """CodeSearchNet: at least three lines, here of the function without its documentation and blank lines."""
    max_code_lines: int = 200
    """The Vault: at most 200 lines."""
    max_code_chars: int = 20_000
    """200 lines of 100 characters: one long line is not short code."""
    min_letter_share: float = 0.65
    """The Vault: letters among the documentation's characters, here of any script, white space not counted."""
    max_top_word_share: float = 0.3
    """The Vault: the commonest word among all; read from `top_word_from` words on, or three words always fail."""
    top_word_from: int = 10
    max_mean_line: int = 100
    """StarCoder (Li et al. 2023): mean line length of a file, in bytes; more is minified or data."""
    max_line: int = 10_000
    """A file with a longer line is minified or data. StarCoder takes 1,000, which drops sources with one table."""
    drop_constructors: bool = True
    """CodeSearchNet: no constructors and no methods that every class has."""

    def __post_init__(self) -> None:
        if self.min_docstring_words > self.max_docstring_words or self.min_code_lines > self.max_code_lines:
            raise ValueError("a minimum is above its maximum; lower min_… or raise max_… in the recipe")


def path_reason(path: str, language: Language) -> str | None:
    """`vendored`, `test` or `generated`, by the path alone."""
    *folders, name = path.lower().split("/")
    if not VENDORED_PARTS.isdisjoint(folders):
        return "vendored"
    if not TEST_PARTS.isdisjoint(folders) or any(pattern.fullmatch(name) for pattern in language.test_files):
        return "test"
    if any(pattern.fullmatch(name) for pattern in language.generated_files):
        return "generated"
    return None


def content_reason(source: bytes, filters: CodeFilters) -> str | None:
    """`generated` or `minified`, by the bytes."""
    if _GENERATED.search(source, 0, _GENERATED_HEAD):
        return "generated"
    lines = source.count(b"\n") + 1
    if len(source) >= _MINIFIED_FROM and (
        len(source) > filters.max_mean_line * lines
        or (len(source) > filters.max_line and max(map(len, source.split(b"\n"))) > filters.max_line)
    ):
        return "minified"
    return None


def pair_reason(function: Function, anchor: str, language: Language, filters: CodeFilters) -> str | None:
    """Why this function and its documentation make no good pair."""
    words = _WORD.findall(anchor.lower())
    if len(words) < filters.min_docstring_words:
        return "docstring_too_short"
    if len(words) > filters.max_docstring_words:
        return "docstring_too_long"
    if _BOILERPLATE.match(anchor):
        return "boilerplate"
    if _letter_share(anchor) < filters.min_letter_share:
        return "few_letters"
    if len(words) >= filters.top_word_from and (
        Counter(words).most_common(1)[0][1] > filters.max_top_word_share * len(words)
    ):
        return "repeated_word"
    if filters.drop_constructors and language.constructors.fullmatch(function.name):
        return "constructor"
    lines = sum(1 for line in function.code.split("\n") if line and not line.isspace())
    if lines < filters.min_code_lines:
        return "code_too_short"
    if lines > filters.max_code_lines or len(function.code) > filters.max_code_chars:
        return "code_too_long"
    return None


def _letter_share(text: str) -> float:
    bare = "".join(text.split())
    if bare.isascii():
        return sum(map(len, re.findall("[A-Za-z]+", bare))) / max(1, len(bare))
    return sum(map(str.isalpha, bare)) / max(1, len(bare))
