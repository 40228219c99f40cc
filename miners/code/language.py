"""Languages as data: one folder a language under `languages/`, read once a process.

A folder that holds a `language.yaml` is a language; nothing else registers it. The file names the grammars, the file
extensions, the query files (`functions.scm`, and one of `languages/common/` that several languages share), which
comments document and what comes off them. Beside each grammar's sample lies what is to be found in it.
`docs/adding-a-language.md` describes every key.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter
import yaml

RULES = ("docstring", "adjacent", "marked")
JOINED = ("nearest", "run", "all")
LITERALS = ("", "java", "python")
_FOLDER = Path(__file__).parent / "languages"
LANGUAGES = tuple(sorted(path.parent.name for path in _FOLDER.glob("*/language.yaml")))


@dataclass(frozen=True)
class Documentation:
    """Which text of a language documents a function, and what to take off it."""

    rule: str
    """`docstring`: a string that the query captures; `adjacent`: comments on the lines above; `marked`: comments
    that `documents` matches, blank lines and other comments between allowed."""
    documents: re.Pattern[bytes] | None = None
    """How a comment that documents begins; None: any does."""
    joined: str = "nearest"
    """Which marked comments make up the documentation: the `nearest`; the `run` of comments that the nearest ends, no
    blank line between; or `all` before the function."""
    between: re.Pattern[bytes] | None = None
    """All that may stand between documentation and its function, where the query cannot say it (macros); None: blanks,
    other comments and what the query skips."""
    plain_comments: bool = False
    """Whether, on demand, the comments directly above document where there is no marked one."""
    line_markers: tuple[str, ...] = ()
    """What a line comment begins with; a longer marker stands before a shorter one that begins it."""
    block_markers: tuple[tuple[str, str], ...] = ()
    """What a block comment begins and ends with, longer ones first."""
    leader: re.Pattern[str] | None = None
    """What may lead the inner lines of a block comment."""
    directives: re.Pattern[str] | None = None
    """Lines of a comment that speak to tools and document nothing."""
    literal: str = ""
    """Whose escapes stand in it: `python` for string literals, `java` for Unicode escapes in comments, or none."""
    empty_body: str = ""
    """What takes the place of a body that was nothing but its documentation."""
    classes: tuple[str, ...] = ()
    """Types of the nodes that are classes, among those that the query captures as scopes."""
    styles: tuple[str, ...] = ()
    """How parameters, results and errors are written in it, the likeliest first (see `docstring_styles`)."""


@dataclass(frozen=True)
class Expected:
    """A function that a sample holds."""

    symbol: str
    start_line: int
    docstring: str | None


@dataclass(frozen=True)
class Grammar:
    """One tree-sitter grammar of a language, its query compiled."""

    name: str
    language: Language
    tree_sitter: tree_sitter.Language
    query: tree_sitter.Query
    sample: bytes
    expected: tuple[Expected, ...]
    package: str
    """The distribution that the grammar comes from."""
    extensions: tuple[str, ...]


@dataclass(frozen=True)
class Language:
    """What is known of a language besides its grammars."""

    name: str
    documentation: Documentation
    names: tuple[tuple[re.Pattern[str], str], ...]
    """What to replace in the names that the query captures, in this order: ``Box<T>::open`` is the symbol Box.open."""
    tokens: tuple[re.Pattern[bytes], ...]
    """Every node that a match of the query begins at, but for the file's own, begins with one of these or has it as a
    child. None are named: the whole tree has to be searched."""
    misread: tuple[tuple[bytes, re.Pattern[bytes], bytes], ...]
    """Syntax that the grammar reads wrongly without an error: what every file with it holds, a pattern whose first
    group is filled before the file is read, and the byte that it is filled with."""
    overwrites: tuple[tuple[re.Pattern[bytes], bytes], ...]
    """Syntax that the grammar cannot read: where a file has errors, the first group of each match is filled with the
    byte for a second reading."""
    constructors: re.Pattern[str]
    """Names of methods whose documentation says nothing of their code."""
    test_files: tuple[re.Pattern[str], ...]
    generated_files: tuple[re.Pattern[str], ...]
    claims: dict[str, re.Pattern[bytes]]
    """Extensions of another language, and what those of their files hold that are of this one: headers of C++."""


def languages_for_path(path: str) -> tuple[tuple[Language, str], ...]:
    """The languages that a file may be of by its extension, each with its grammar's name; `language_of` chooses.

    Empty for a file of no known language.
    """
    owner = language_for_path(path)
    extension = Path(path).suffix.lower()
    claimants = (load(name) for name in LANGUAGES if owner and extension in _settings(name).get("claims", ()))
    return (owner, *((other, grammar_names(other.name)[0]) for other in claimants)) if owner else ()


def language_of(candidates: Sequence[tuple[Language, str]], path: str, source: bytes) -> tuple[Language, str]:
    """The first of the `candidates` (see `languages_for_path`) unless what a later one claims is in the source."""
    extension = Path(path).suffix.lower()
    claimed = (known for known in candidates[1:] if known[0].claims[extension].search(source))
    return next(claimed, candidates[0])


def language_for_path(path: str) -> tuple[Language, str] | None:
    """The language of a file by its extension (case matters nowhere), and its grammar's name; no grammar is loaded.

    None for a file of no known language.
    """
    name = path.rsplit("/", 1)[-1]
    dot = name.rfind(".")
    entry = _extensions().get(name[dot:].lower()) if dot > 0 else None
    return (load(entry[0]), entry[1]) if entry else None


def grammar_for(language: str, path: str = "") -> Grammar:
    """The grammar for a language's or a grammar's name; a path chooses among a language's several.

    Raises ValueError for a name that there is no folder of.
    """
    if language in LANGUAGES:
        entry = _extensions().get(Path(path).suffix.lower()) if path else None
        chosen = entry[1] if entry and entry[0] == language else grammar_names(language)[0]
        return grammar(language, chosen)
    for name in LANGUAGES:
        if language in grammar_names(name):
            return grammar(name, language)
    raise ValueError(f"there is no language {language!r}; the languages are {', '.join(LANGUAGES)}")


def grammar_names(language: str) -> list[str]:
    """The grammars of a language, its own first (`typescript`, `tsx`)."""
    return [entry["name"] for entry in _settings(language)["grammars"]]


@cache
def grammar(language: str, name: str) -> Grammar:
    """The named grammar of a language, loaded. Raises ValueError where its query does not fit the installed grammar."""
    settings = next(entry for entry in _settings(language)["grammars"] if entry["name"] == name)
    package = settings["module"].replace("_", "-")
    try:
        module = importlib.import_module(settings["module"])
    except ImportError:
        raise ValueError(f"{language} needs the package {package}; install it") from None
    loaded = tree_sitter.Language(getattr(module, settings["function"])())
    source = "\n".join((_FOLDER / path).read_text(encoding="utf-8") for path in _settings(language)["queries"])
    try:
        query = tree_sitter.Query(loaded, source)
    except tree_sitter.QueryError as error:
        raise ValueError(
            f"the query of languages/{language} does not fit the installed {package}: {error}; "
            "install the pinned version"
        ) from None
    sample = _FOLDER / language / settings["sample"]
    expected = json.loads(sample.with_suffix(".json").read_text(encoding="utf-8"))
    return Grammar(
        name=name,
        language=load(language),
        tree_sitter=loaded,
        query=query,
        sample=sample.read_bytes(),
        expected=tuple(Expected(**entry) for entry in expected),
        package=package,
        extensions=tuple(settings["extensions"]),
    )


@cache
def load(name: str) -> Language:
    """A language's rules. Raises ValueError for a language that there is not, and for a key or a rule that is none."""
    settings = _settings(name)
    return Language(
        name=name,
        documentation=_documentation(name, settings["documentation"]),
        names=tuple((re.compile(pattern), text) for pattern, text in settings.get("names", ())),
        tokens=tuple(map(_token, settings.get("tokens", ()))),
        misread=tuple(
            (m.encode(), re.compile(p.encode()), byte.encode()) for m, p, byte in settings.get("misread", ())
        ),
        overwrites=tuple((re.compile(p.encode()), byte.encode()) for p, byte in settings.get("overwrites", ())),
        constructors=re.compile(settings["constructors"]),
        test_files=tuple(map(re.compile, settings["test_files"])),
        generated_files=tuple(map(re.compile, settings["generated_files"])),
        claims={name: re.compile(pattern.encode()) for name, pattern in settings.get("claims", {}).items()},
    )


def _token(text: str) -> re.Pattern[bytes]:
    """A word is not the beginning of a longer one. What is fixed stands first: that makes a fast search."""
    return re.compile(re.escape(text.encode()) + (rb"\b" if text.isalnum() else b""))


def _documentation(name: str, given: dict[str, Any]) -> Documentation:
    known = {field.name for field in fields(Documentation)}
    unknown = sorted(given.keys() - known)
    if unknown:
        raise ValueError(
            f"languages/{name}: documentation has no key {unknown[0]!r}; it has {', '.join(sorted(known))}"
        )
    for key, allowed in (("rule", RULES), ("joined", JOINED), ("literal", LITERALS)):
        if given.get(key, allowed[0]) not in allowed:
            raise ValueError(f"languages/{name}: there is no {key} {given[key]!r}; there are {', '.join(allowed)}")
    return Documentation(
        rule=given["rule"],
        documents=re.compile(given["documents"].encode()) if "documents" in given else None,
        joined=given.get("joined", JOINED[0]),
        between=re.compile(given["between"].encode()) if "between" in given else None,
        plain_comments=given.get("plain_comments", False),
        line_markers=tuple(given.get("line_markers", ())),
        block_markers=tuple((opening, ending) for opening, ending in given.get("block_markers", ())),
        leader=re.compile(given["leader"]) if "leader" in given else None,
        directives=re.compile(given["directives"]) if "directives" in given else None,
        literal=given.get("literal", ""),
        empty_body=given.get("empty_body", ""),
        classes=tuple(given.get("classes", ())),
        styles=tuple(given.get("styles", ())),
    )


@cache
def _settings(name: str) -> dict[str, Any]:
    if name not in LANGUAGES:
        raise ValueError(f"there is no language {name!r}; the languages are {', '.join(LANGUAGES)}")
    settings = yaml.safe_load((_FOLDER / name / "language.yaml").read_text(encoding="utf-8"))
    if settings.keys() - _OPTIONAL_KEYS != _KEYS:
        wrong = ", ".join(sorted((settings.keys() - _OPTIONAL_KEYS) ^ _KEYS))
        raise ValueError(f"languages/{name}/language.yaml has a key too many or too few: {wrong}")
    return settings


_KEYS = {"grammars", "queries", "documentation", "constructors", "test_files", "generated_files"}
_OPTIONAL_KEYS = {"claims", "misread", "names", "overwrites", "tokens"}


@cache
def _extensions() -> dict[str, tuple[str, str]]:
    return {
        extension: (name, entry["name"])
        for name in LANGUAGES
        for entry in _settings(name)["grammars"]
        for extension in entry["extensions"]
    }
