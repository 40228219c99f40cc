"""A search around a language's tokens finds what a walk over the whole tree finds."""

import sysconfig
import time
from dataclasses import replace
from pathlib import Path

import pytest

from miners.code import functions
from miners.code.language import LANGUAGES, grammar, grammar_names, load
from miners.code.syntax_tree import ParseTimeoutError, parse
from miners.code.tree_search import search

WITH_TOKENS = [name for name in LANGUAGES if load(name).tokens]
STDLIB = Path(sysconfig.get_path("stdlib"))
FAR = float("inf")


def matches(source, known, deadline=FAR):
    """How many there are, and where each capture of each pattern stands, each of these once."""
    root = parse(source, known, FAR).root_node
    found = search(source, root, known, deadline)
    return len(found), {
        (pattern, name, node.byte_range)
        for pattern, captured in found
        for name, nodes in captured.items()
        for node in nodes
    }


def walked(known):
    """The grammar of a language that names no tokens."""
    return replace(known, language=replace(known.language, tokens=()))


def test_python_and_go_name_their_tokens():
    assert {"python", "go"} <= set(WITH_TOKENS)


@pytest.mark.parametrize("language", WITH_TOKENS)
def test_samples_give_the_same_matches(language):
    for name in grammar_names(language):
        known = grammar(language, name)
        assert matches(known.sample, known) == matches(known.sample, walked(known))
        assert matches(known.sample, known)[0] > 10


@pytest.mark.parametrize("folder", ["asyncio", "email", "idlelib"])
def test_the_standard_library_gives_the_same_matches(folder):
    known = grammar("python", "python")
    for path in sorted((STDLIB / folder).glob("*.py")):
        source = path.read_bytes()
        assert matches(source, known) == matches(source, walked(known)), path


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"def f(): pass",
        b"'def f(): pass'\nx = f'{1}def class'\n# class def\nundef = redefine = def_ = 1\n",
        b"async def f():\n  'Doc.'\n  class A:\n    async  def\\\n g(self): 'Doc.'\n",
        b"def f(:\n    'Broken.'\nclass\ndef g():\n    'Doc.'\n",
        b"d\xc3\xa9f = 1\ndef \xc3\xa9t\xc3\xa9(): 'Summer.'\n",
        b"match class_:\n  case def_: pass\n@def_\nclass A(class_): 'Doc.'\n",
    ],
)
def test_words_that_are_no_tokens_and_tokens_among_errors(source):
    known = grammar("python", "python")
    assert matches(source, known) == matches(source, walked(known))


def test_marks_within_comments_and_strings():
    source = b'// Package a. // func /* x\npackage a\n\n/* // func */\nvar x = "// /* func"\n\n// F.\nfunc F() {}//G\n'
    known = grammar("go", "go")
    assert matches(source, known) == matches(source, walked(known))
    assert [found.docstring for found in functions(source, "go")] == ["F."]


def test_a_search_ends_at_its_deadline():
    known = grammar("python", "python")
    with pytest.raises(ParseTimeoutError, match="searched"):
        matches(b"def f(): pass\n", known, time.monotonic() - 1)
