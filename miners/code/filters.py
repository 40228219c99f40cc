"""Which files are worth having, and the thresholds of all rules, in named sets, with what each took them from.

A rule matches whole path parts (a list of substrings would drop `latest` for `test`). Each function gives the first
reason that holds, in the order of `schemas.ledger`, or None. The rules about pairs stand in `pair_rules`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from miners.code.language import Language
from miners.web.languages import check_languages

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


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(filter(None, choices))}, or empty")


@dataclass(frozen=True)
class CodeFilters:
    """Thresholds of the rules; 0, an empty string or an empty list switches one off. `CodeFilters()` is `default`."""

    drop_vendored_files: bool = True
    drop_test_files: bool = True
    drop_generated_files: bool = True
    max_mean_line: int = 100
    """StarCoder (Li et al. 2023): mean line length of a file, in bytes; more is minified or data."""
    max_line: int = 10_000
    """A file with a longer line is minified or data. StarCoder takes 1,000, which drops sources with one table."""
    min_docstring_words: int = 3
    """CodeSearchNet (Husain et al. 2019) and The Vault (Manh et al. 2023): at least three."""
    max_docstring_words: int = 500
    """The Vault's upper bound of tokens, here of words."""
    min_docstring_tokens: int = 0
    max_docstring_tokens: int = 0
    """Tokens are words and marks of punctuation."""
    boilerplate: str = "first_line"
    """Where text of tools and lawyers is looked for: the `first_line`, or `anywhere`. It speaks of generated code,
    copyright, or work to be done."""
    drop_only_links: bool = True
    """The Vault: nothing but addresses."""
    min_letter_share: float = 0.5
    """Letters and marks of any script among the documentation's characters without white space. The Vault takes .65,
    which drops every docstring with a longer example or table."""
    max_top_word_share: float = 0.3
    """The Vault: the commonest word among all; read from `top_word_from` words on, or three words always fail."""
    top_word_from: int = 10
    max_identifier_share: float = 0.5
    """Names of code among the words. The Vault takes .3, which drops what cites its parameters by name."""
    docstring_languages: tuple[str, ...] = ()
    """Only documentation in one of these (`en`, `zh`, …); what cannot be told is kept."""
    test_functions: str = "first_word"
    """Which functions are tests: those whose name's `first_word` is test, or those with it as `any_word`."""
    drop_constructors: bool = True
    """CodeSearchNet: no constructors and no methods that every class has."""
    min_code_lines: int = 3
    """CodeSearchNet: at least three lines, here of the function without its documentation and blank lines."""
    max_code_lines: int = 200
    """The Vault: at most 200 lines."""
    max_code_chars: int = 20_000
    """200 lines of 100 characters: one long line is not short code."""
    min_code_tokens: int = 0
    max_code_tokens: int = 0
    """Tokens are names, numbers and marks of punctuation."""

    def __post_init__(self) -> None:
        for least, most in (
            (self.min_docstring_words, self.max_docstring_words),
            (self.min_docstring_tokens, self.max_docstring_tokens),
            (self.min_code_lines, self.max_code_lines),
            (self.min_code_tokens, self.max_code_tokens),
        ):
            if most and least > most:
                raise ValueError("a minimum is above its maximum; lower min_… or raise max_… in the recipe")
        _check_choice("boilerplate", self.boilerplate, ("", "first_line", "anywhere"))
        _check_choice("test_functions", self.test_functions, ("", "first_word", "any_word"))
        if self.docstring_languages:
            check_languages(self.docstring_languages)


CODESEARCHNET = CodeFilters(
    drop_vendored_files=False,
    drop_test_files=False,
    drop_generated_files=False,
    max_mean_line=0,
    max_line=0,
    max_docstring_words=0,
    boilerplate="",
    drop_only_links=False,
    min_letter_share=0.0,
    max_top_word_share=0.0,
    max_identifier_share=0.0,
    test_functions="any_word",
    max_code_lines=0,
    max_code_chars=0,
)
"""CodeSearchNet (Husain et al. 2019, section 2): three docstring tokens and three lines of code at least, no function
with `test` in its name, no constructors and methods such as `__str__` or `toString`. Its own code cuts documentation to
its first paragraph, which `--anchor summary` does."""
VAULT = CodeFilters(
    drop_vendored_files=False,
    drop_test_files=False,
    drop_generated_files=False,
    max_mean_line=0,
    max_line=0,
    max_docstring_words=0,
    min_docstring_tokens=6,
    max_docstring_tokens=499,
    boilerplate="anywhere",
    min_letter_share=0.65,
    max_identifier_share=0.3,
    test_functions="",
    drop_constructors=False,
    min_code_lines=0,
    max_code_chars=0,
    min_code_tokens=6,
    max_code_tokens=999,
)
"""The Vault (Manh et al. 2023, section 3.2 and its appendix), with whole words instead of substrings and any script."""
FILTER_SETS: dict[str, CodeFilters | None] = {
    "default": CodeFilters(),
    "codesearchnet": CODESEARCHNET,
    "vault": VAULT,
    "none": None,
}


def path_reason(path: str, language: Language, filters: CodeFilters) -> str | None:
    """`vendored`, `test` or `generated`, by the path alone."""
    *parts, name = path.split("/")
    folders = [part.lower() for part in parts]
    if filters.drop_vendored_files and not VENDORED_PARTS.isdisjoint(folders):
        return "vendored"
    if filters.drop_test_files and (
        not TEST_PARTS.isdisjoint(folders) or any(pattern.fullmatch(name) for pattern in language.test_files)
    ):
        return "test"
    if filters.drop_generated_files and any(pattern.fullmatch(name) for pattern in language.generated_files):
        return "generated"
    return None


def content_reason(source: bytes, filters: CodeFilters) -> str | None:
    """`generated` or `minified`, by the bytes."""
    if filters.drop_generated_files and _GENERATED.search(source, 0, _GENERATED_HEAD):
        return "generated"
    lines = source.count(b"\n") + 1
    if len(source) >= _MINIFIED_FROM and (
        0 < filters.max_mean_line * lines < len(source)
        or (0 < filters.max_line < len(source) and max(map(len, source.split(b"\n"))) > filters.max_line)
    ):
        return "minified"
    return None
