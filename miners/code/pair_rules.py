"""Which pairs are worth having: rules about a function and its documentation.

A rule matches whole words (a list of substrings would drop `latest` for `test`) and reads every script: words of
scripts without spaces are counted by their characters.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

from miners.code.extract import Function
from miners.code.filters import CodeFilters
from miners.code.language import Language
from miners.near_duplicates.words import words as spoken_words

_ASCII_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_ASCII_WORDS = bytes(ord(char.lower()) if char.isalnum() or char == "_" else 32 for char in map(chr, range(128))) * 2
"""What stands in words of ASCII as small letters, and anything else as blanks."""
_HUMPS = bytes(65 if char.isupper() else 97 if char.isalnum() else 32 for char in map(chr, range(128))) + b" " * 128
"""Capitals of ASCII as A, small letters and digits as a, and anything else as blanks."""
_LETTERS = string.ascii_letters.encode()
_BLANKS = bytes(byte for byte in range(128) if chr(byte).isspace())
_BOILERPLATE = re.compile(
    r"""^\W*(?:todo|fixme|xxx|hack)\b                                       # work to be done, as a note's first word
      | \bcopyright\s+(?:\(c\)|©|\d{4}|by\b|the\b|holders?\b) | \(c\)\s+copyright\b | ©\s*\d{4}
      | \ball\ rights\ reserved\b | \blicen[sc]ed\ (?:under|to)\ the\b | \bspdx-license-identifier\b
      | \b(?:this\ (?:file|code|method|function|class|module)\ (?:was|is|has\ been)\ )?
        (?:automatically|auto-?)[ -]?generated\b
      | \bgenerated\ by\ (?:the\ )?(?:protocol|swagger|openapi|thrift|antlr|protoc|cython|swig|javacc|yacc|bison)\b
      | \bdo\ not\ (?:edit|modify)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BOILERPLATE_MARKS = ("todo", "fixme", "xxx", "hack", "copyright", "rights reserved", "licen", "generated", "do not")
"""One of these, in small letters, is in whatever the pattern matches in ASCII; asking for them first is cheap."""
_BOILERPLATE_ANYWHERE = re.compile(rf"{_BOILERPLATE.pattern}|\b(?:todo|fixme)\b", re.IGNORECASE | re.VERBOSE)
_LINK = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.|mailto:)\S+|\b[\w.+-]+@[\w-]+\.[\w.-]+", re.IGNORECASE)
_LINK_MARKS = ("://", "www.", "mailto:")
_LINK_WORDS = frozenset(
    {
        *("see", "cf", "link", "links", "ref", "url", "source", "from", "also", "via", "at", "on", "in", "to", "and"),
        *(
            "or",
            "the",
            "for",
            "more",
            "info",
            "information",
            "details",
            "documentation",
            "docs",
            "here",
            "http",
            "https",
        ),
    }
)
"""Words that say no more than that an address follows."""
_NAME_OF_CODE = re.compile(
    r"""`[^`\s]+`                               # in backticks, one word
      | [A-Za-z_]\w*\(\)?                       # a call
      | \w*[A-Za-z0-9]_\w+ | _\w+               # snake_case
      | [a-z]+[a-z0-9]*[A-Z]\w*                 # camelCase
      | [A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)+(?=\W|$)   # a.b, a::b, a->b
    """,
    re.VERBOSE,
)
_NAME_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+")
_TEST_WORDS = frozenset({"test", "tests"})


def text_reason(anchor: str, filters: CodeFilters) -> str | None:
    """What speaks against documentation by itself."""
    words = _words(anchor)
    if len(words) < filters.min_docstring_words:
        return "docstring_too_short"
    if 0 < filters.max_docstring_words < len(words):
        return "docstring_too_long"
    if filters.min_docstring_tokens or filters.max_docstring_tokens:
        tokens = len(_TOKEN.findall(anchor)) if anchor.isascii() else max(len(_TOKEN.findall(anchor)), len(words))
        if tokens < filters.min_docstring_tokens:
            return "docstring_too_short"
        if 0 < filters.max_docstring_tokens < tokens:
            return "docstring_too_long"
    if _is_boilerplate(anchor, filters.boilerplate):
        return "boilerplate"
    if filters.drop_only_links and _is_only_links(anchor):
        return "only_links"
    if _letter_share(anchor) < filters.min_letter_share:
        return "few_letters"
    if 0 < filters.max_top_word_share < _top_word_share(words, filters.top_word_from):
        return "repeated_word"
    if filters.max_identifier_share:
        most = filters.max_identifier_share * len(words)
        if _most_names(anchor) > most and sum(1 for _ in _NAME_OF_CODE.finditer(anchor)) > most:
            return "identifiers"
    return None


def language_reason(language: str | None, filters: CodeFilters) -> str | None:
    """`docstring_language`, for documentation that is known to be in none of the wanted languages."""
    wanted = filters.docstring_languages
    return "docstring_language" if wanted and language is not None and language not in wanted else None


def function_reason(function: Function, language: Language, filters: CodeFilters) -> str | None:
    """What speaks against the function."""
    if filters.test_functions and _is_test(function.name, filters.test_functions):
        return "test_function"
    if filters.drop_constructors and is_constructor(function.symbol, language):
        return "constructor"
    lines = sum(map(bool, map(str.strip, function.code.split("\n"))))
    if lines < filters.min_code_lines:
        return "code_too_short"
    if 0 < filters.max_code_lines < lines or 0 < filters.max_code_chars < len(function.code):
        return "code_too_long"
    if filters.min_code_tokens or filters.max_code_tokens:
        tokens = len(_TOKEN.findall(function.code))
        if tokens < filters.min_code_tokens:
            return "code_too_short"
        if 0 < filters.max_code_tokens < tokens:
            return "code_too_long"
    return None


def is_constructor(symbol: str, language: Language) -> bool:
    """Whether the function makes its class, or is a method that every class has: its language lists the names.

    In any language a method with its class's name is a constructor.
    """
    *around, name = symbol.split(".")
    return bool(language.constructors.fullmatch(name)) or (bool(around) and name.lstrip("~") == around[-1])


def _is_test(name: str, which: str) -> bool:
    words = [word.lower() for word in _NAME_WORD.findall(name)]
    return not _TEST_WORDS.isdisjoint(words[:1] if which == "first_word" else words)


def _is_boilerplate(text: str, where: str) -> bool:
    if where == "anywhere":
        return bool(_BOILERPLATE_ANYWHERE.search(text))
    if where != "first_line":
        return False
    line = text.lstrip().split("\n", 1)[0]
    if line.isascii() and not _has_one_of(_BOILERPLATE_MARKS, line.lower()):
        return False
    return bool(_BOILERPLATE.search(line))


def _has_one_of(marks: Sequence[str], text: str) -> bool:
    return any(map(text.__contains__, marks))


def _most_names(text: str) -> int:
    """No fewer than the names of code in the text: each has one of these marks for itself. Counting them is cheap."""
    marks = sum(map(text.count, ("(", "_", ".", "::", "->"))) + text.count("`") // 2
    return marks + text.encode().translate(_HUMPS).count(b"aA")


def _is_only_links(text: str) -> bool:
    if "@" not in text and not _has_one_of(_LINK_MARKS, text.lower()):
        return False
    bare, links = _LINK.subn(" ", text)
    return links > 0 and _LINK_WORDS.issuperset(_ASCII_WORD.findall(bare.lower()))


def _words(text: str) -> Sequence[str] | Sequence[bytes]:
    return text.encode().translate(_ASCII_WORDS).split() if text.isascii() else spoken_words(text)


def _top_word_share(words: Sequence[str] | Sequence[bytes], least: int) -> float:
    return max(Counter(words).values()) / len(words) if len(words) >= max(1, least) else 0.0


def _letter_share(text: str) -> float:
    if text.isascii():
        plain = text.encode()
        visible = len(plain.translate(None, _BLANKS))
        return (len(plain) - len(plain.translate(None, _LETTERS))) / max(1, visible)
    bare = "".join(text.split())
    return sum(unicodedata.category(char)[0] in "LM" for char in bare) / max(1, len(bare))
