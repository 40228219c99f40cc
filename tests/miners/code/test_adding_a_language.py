"""The page on adding a language: its example works on a copy of the package, and it names all that there is."""

import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import miners
import schemas
from miners.code import captures, extract, language

PAGE = Path(__file__).parents[3] / "docs" / "adding-a-language.md"
EXAMPLE = re.compile(r"^`(bash/[\w.]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
MINE = """
from miners.code import LANGUAGES, functions
from miners.code.extract import check_grammars
check_grammars(["bash"])
(found,) = functions(b"#!/bin/sh\\n\\n# Adds\\n# two numbers.\\nadd() {\\n  echo $(($1 + $2))\\n}\\n", "bash")
assert (found.symbol, found.docstring, found.start_line) == ("add", "Adds\\ntwo numbers.", 5), found
"""


CACHED = (language._settings, language._extensions, language.load, language.grammar, extract._check_sample)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def example():
    pytest.importorskip("tree_sitter_bash")
    files = dict(EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))
    assert files.keys() == {"bash/language.yaml", "bash/functions.scm", "bash/sample.txt", "bash/sample.json"}
    return files


@pytest.fixture
def languages(monkeypatch, tmp_path):
    """A folder that the languages are read from, and nothing remembered of the real one."""
    monkeypatch.setattr(language, "_FOLDER", tmp_path)
    monkeypatch.setattr(language, "LANGUAGES", ("bash",))
    for cached in CACHED:
        cached.cache_clear()
    yield tmp_path
    for cached in CACHED:
        cached.cache_clear()


def test_the_example_adds_a_language_without_code(example, tmp_path):
    for room in (miners, schemas):
        place = Path(room.__file__).parent
        shutil.copytree(place, tmp_path / place.name, ignore=shutil.ignore_patterns("__pycache__"))
    write(tmp_path / "miners" / "code" / "languages", example)
    done = subprocess.run([sys.executable, "-c", MINE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("bash/functions.scm", "(comment) @comment", "", "should give .*says hello.* and gives .*docstring=None"),
        ("bash/functions.scm", "function_definition", "function_item", "does not fit the installed tree-sitter-bash"),
        ("bash/sample.json", '"outer.inner"', '"inner"', "tree-sitter-bash .* does not fit languages/bash"),
        ("bash/language.yaml", "rule: adjacent", "rule: near", "there is no rule 'near'"),
        ("bash/language.yaml", "  line_markers", "  line_marks", "has no key 'line_marks'"),
        ("bash/language.yaml", "constructors", "constructor", "a key too many or too few"),
        ("bash/language.yaml", "tree_sitter_bash", "tree_sitter_zsh", "needs the package tree-sitter-zsh"),
    ],
)
def test_a_mistake_in_the_folder_is_named(example, languages, file, old, new, message):
    assert old in example[file]
    write(languages, example | {file: example[file].replace(old, new, 1)})
    with pytest.raises(ValueError, match=message):
        extract.check_grammars(["bash"])


def test_the_page_names_every_key_and_capture():
    named = set(re.findall(r"`(@?\w+)`", PAGE.read_text(encoding="utf-8")))
    assert named >= {field.name for field in fields(language.Documentation)}
    assert named >= language._KEYS | language._OPTIONAL_KEYS
    assert named >= set(re.findall(r"`(@\w+)`", captures.__doc__))
    assert named >= {*language.RULES, *language.JOINED, *language.LITERALS} - {""}
