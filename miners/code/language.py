"""Languages as data: one folder a language under `languages/`, read once a process.

A folder holds `language.yaml` (grammars, file extensions, which comments document, paths that are tests),
`functions.scm` (a tree-sitter query whose captures `extract` reads) and a sample for each grammar. To add a language,
add a folder and its name to `LANGUAGES`.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter
import yaml

LANGUAGES = ("go", "javascript", "python", "typescript")
RULES = ("docstring", "adjacent", "marked")
_FOLDER = Path(__file__).parent / "languages"


@dataclass(frozen=True)
class Documentation:
    """Which text of a language documents a function, and what to take off it."""

    rule: str
    """`docstring`: a string inside the body; `adjacent`: comments on the lines above; `marked`: comments that begin
    with a marker, blank lines and other comments between allowed."""
    line_markers: tuple[str, ...] = ()
    block_markers: tuple[tuple[str, str], ...] = ()
    not_marked: tuple[str, ...] = ()
    """Comments that begin like a marked one and are none."""
    leader: str = ""
    """What may lead the inner lines of a block comment."""
    directives: re.Pattern[str] | None = None
    """Lines of a comment that speak to tools and document nothing."""
    empty_body: str = ""
    """What takes the place of a body that was nothing but its documentation."""


@dataclass(frozen=True)
class Grammar:
    """One tree-sitter grammar of a language, its query compiled."""

    name: str
    language: Language
    tree_sitter: tree_sitter.Language
    query: tree_sitter.Query
    sample: bytes


@dataclass(frozen=True)
class Language:
    """What is known of a language besides its grammars."""

    name: str
    documentation: Documentation
    constructors: re.Pattern[str]
    """Names of methods whose documentation says nothing of their code."""
    test_files: tuple[re.Pattern[str], ...]
    generated_files: tuple[re.Pattern[str], ...]


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

    Raises ValueError for a name that is not registered.
    """
    for name in LANGUAGES:
        if language == name:
            entry = _extensions().get(Path(path).suffix.lower())
            chosen = entry[1] if entry and entry[0] == name else _settings(name)["grammars"][0]["name"]
            return grammar(name, chosen)
        if any(language == entry["name"] for entry in _settings(name)["grammars"]):
            return grammar(name, language)
    raise ValueError(f"there is no language {language!r}; the languages are {', '.join(LANGUAGES)}")


@cache
def grammar(language: str, name: str) -> Grammar:
    """The named grammar of a language, loaded. Raises ValueError where its query does not fit the installed grammar."""
    settings = next(entry for entry in _settings(language)["grammars"] if entry["name"] == name)
    module = importlib.import_module(settings["module"])
    loaded = tree_sitter.Language(getattr(module, settings["function"])())
    source = (_FOLDER / language / "functions.scm").read_text(encoding="utf-8")
    try:
        query = tree_sitter.Query(loaded, source)
    except tree_sitter.QueryError as error:
        raise ValueError(
            f"languages/{language}/functions.scm does not fit the installed {settings['module']}: {error}; "
            "install the pinned version"
        ) from None
    sample = (_FOLDER / language / settings["sample"]).read_bytes()
    return Grammar(name, load(language), loaded, query, sample)


@cache
def load(name: str) -> Language:
    """A language's rules. Raises ValueError for a name that is not registered or a rule that there is not."""
    settings = _settings(name)
    given = dict(settings["documentation"])
    if given["rule"] not in RULES:
        raise ValueError(f"languages/{name}: there is no rule {given['rule']!r}; the rules are {', '.join(RULES)}")
    directives = given.pop("directives", None)
    documentation = Documentation(
        rule=given["rule"],
        line_markers=tuple(given.get("line_markers", ())),
        block_markers=tuple(map(tuple, given.get("block_markers", ()))),
        not_marked=tuple(given.get("not_marked", ())),
        leader=given.get("leader", ""),
        directives=re.compile(directives) if directives else None,
        empty_body=given.get("empty_body", ""),
    )
    return Language(
        name=settings["name"],
        documentation=documentation,
        constructors=re.compile(settings["constructors"]),
        test_files=tuple(map(re.compile, settings["test_files"])),
        generated_files=tuple(map(re.compile, settings["generated_files"])),
    )


@cache
def _settings(name: str) -> dict[str, Any]:
    if name not in LANGUAGES:
        raise ValueError(f"there is no language {name!r}; the languages are {', '.join(LANGUAGES)}")
    return yaml.safe_load((_FOLDER / name / "language.yaml").read_text(encoding="utf-8"))


@cache
def _extensions() -> dict[str, tuple[str, str]]:
    return {
        extension: (name, entry["name"])
        for name in LANGUAGES
        for entry in _settings(name)["grammars"]
        for extension in entry["extensions"]
    }
