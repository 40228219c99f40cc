"""Every language's sample, the standard library against `ast`, and sources that mean harm."""

import ast
import contextlib
import random
import sysconfig
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miners.code import ParseTimeoutError, functions
from miners.code.language import LANGUAGES, grammar, grammar_for, grammar_names

STDLIB = Path(sysconfig.get_path("stdlib"))
HOSTILE = [b"(" * 50_000, b"[" * 50_000 + b"]" * 50_000, b"{" * 500_000, b"if " * 100_000, b"f(" * 50_000]
GRAMMARS = [(language, name) for language in LANGUAGES for name in grammar_names(language)]


def slice_again(source: bytes, function) -> str:
    """A function's code from its span alone."""
    if function.cut is None:
        return source[function.start_byte : function.end_byte].decode()
    before, after = source[function.start_byte : function.cut[0]], source[function.cut[1] : function.end_byte]
    return (before + function.filler.encode() + after).decode()


def stdlib_sources(share: float) -> list[bytes]:
    paths = sorted(
        path for folder in (".", "asyncio", "email", "json", "idlelib") for path in (STDLIB / folder).glob("*.py")
    )
    chosen = random.Random(7).sample(paths, int(len(paths) * share))
    return [path.read_bytes() for path in chosen]


@pytest.mark.parametrize(("language", "name"), GRAMMARS)
def test_sample_of_each_grammar(language, name):
    """The sample parses whole, states what it holds, and every span slices to its function."""
    known = grammar(language, name)
    found = functions(known.sample, name)
    assert found
    assert not any(f.has_error for f in found)
    assert [(f.symbol, f.start_line, f.docstring) for f in found] == [
        (e.symbol, e.start_line, e.docstring) for e in known.expected
    ]
    for function in found:
        assert slice_again(known.sample, function) == function.code
        assert function.docstring is None or function.docstring_raw not in function.code


def test_standard_library_agrees_with_ast():
    ours = theirs = both = 0
    for source in stdlib_sources(0.5):
        tree = ast.parse(source)
        expected = {
            (n.lineno, n.name): ast.get_docstring(n)
            for n in ast.walk(tree)
            if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        found = {(f.start_line, f.name): f.docstring for f in functions(source, "python")}
        assert found.keys() == expected.keys()
        ours += sum(text is not None for text in found.values())
        theirs += sum(text is not None for text in expected.values())
        both += sum(found[key] == text for key, text in expected.items() if text is not None)
    assert theirs > 1000
    assert both / theirs >= 0.999
    assert both / ours >= 0.999


def test_spans_slice_to_the_code_and_the_code_parses():
    seen = 0
    for source in stdlib_sources(0.3):
        for function in functions(source, "python"):
            assert slice_again(source, function) == function.code
            assert source.count(b"\n", 0, function.start_byte) + 1 == function.start_line
            if function.docstring is not None:
                seen += 1
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    node = ast.parse(function.code).body[0]
                assert ast.get_docstring(node) is None or function.code.count('"') >= 2
    assert seen > 500


@pytest.mark.parametrize(
    ("body", "docstring", "code"),
    [
        ('"Doc."', "Doc.", "def f(): pass"),
        ('"Doc."; return 1', "Doc.", "def f(): return 1"),
        ('\n    """Doc."""\n    # only a comment\n', "Doc.", None),
        ('\n    ("One "\n     "two.")\n    return 1', "One two.", "def f(): \n    return 1"),
        ('\n    r"""A \\d."""\n    return 1', "A \\d.", "def f(): \n    return 1"),
        ('\n    """Doc."""; x = 1\n    return x', "Doc.", "def f(): \n    x = 1\n    return x"),
        ('\n    """Doc.""";\n    return 1', "Doc.", "def f(): \n    return 1"),
        ('\n    """Doc."""  # note\n    return 1', "Doc.", None),
        ('\n    f"""No {doc}."""\n    return 1', None, None),
        ('\n    b"""No doc."""\n    return 1', None, None),
        ('\n    """Not""", """doc"""\n    return 1', None, None),
        ('\n    """Not %s""" % doc\n    return 1', None, None),
        ('\n    """\\ud800 lone"""\n    return 1', "\ufffd lone", "def f(): \n    return 1"),
    ],
)
def test_forms_of_python_docstrings(body, docstring, code):
    (function,) = functions(f"def f(): {body}\n".encode(), "python")
    assert function.docstring == docstring
    ast.parse(function.code)
    if code is not None:
        assert function.code == code


def test_text_that_is_not_ascii_moves_nothing():
    source = 'ü = "日本語 🐍"; print(ü)\nclass Ä:\n    x = "é"\n'
    source += '    def größe(self):\n        """Größe in ½."""\n        return "ß"\n'
    (function,) = functions(source.encode(), "python")
    assert (function.symbol, function.docstring, function.start_line) == ("Ä.größe", "Größe in ½.", 4)
    assert function.code == 'def größe(self):\n        return "ß"'


@given(st.text(max_size=30), st.sampled_from(LANGUAGES))
@settings(max_examples=120, deadline=None)
def test_any_text_gives_functions_that_slice_again(noise, language):
    noise = noise.encode("utf-8", "replace")
    source = noise + b"\n" + grammar_for(language).sample
    normal = source.replace(b"\r\n", b"\0\0").replace(b"\r", b"\n").replace(b"\0\0", b"\r\n")
    for function in functions(source, language):
        assert slice_again(normal, function) == function.code


def test_lone_carriage_returns_are_line_ends():
    (function,) = functions(b'def f():\r    """Doc."""\r    return 1\r', "python")
    assert (function.docstring, function.code, function.end_line) == ("Doc.", "def f():\n    return 1", 3)


def test_windows_line_ends_stay_in_the_code():
    (function,) = functions(b'def f():\r\n    """Doc.\r\n\r\n    More.\r\n    """\r\n    return 1\r\n', "python")
    assert function.docstring == "Doc.\n\nMore."
    assert function.code == "def f():\r\n    return 1"


@pytest.mark.parametrize("language", ["python", "go", "javascript", "typescript"])
@pytest.mark.parametrize("source", HOSTILE)
def test_deep_nesting_and_long_runs_end(language, source):
    start = time.process_time()
    with contextlib.suppress(ParseTimeoutError):
        functions(b"x = " + source, language, seconds=5)
    assert time.process_time() - start < 10


def test_deeply_nested_functions_need_no_recursion():
    source = b"".join(b" " * i + b"def f%d():\n" % i for i in range(400)) + b" " * 400 + b"pass\n"
    found = functions(source, "python")
    assert len(found) == 400
    assert found[-1].symbol.count(".") == 399


def test_time_limit_leaves_the_parser_usable():
    with pytest.raises(ParseTimeoutError):
        functions(b"var a=[" + b"{b:function(c){return c+1}}," * 200_000 + b"]", "javascript", seconds=0.02)
    assert functions(grammar_for("javascript").sample, "javascript")[0].symbol == "add"


def test_an_error_marks_only_its_own_function():
    source = b'def bad():\n    """Doc of it."""\n    x = = 1\n\ndef good():\n    """Doc of it."""\n    return 1\n'
    assert {f.symbol: f.has_error for f in functions(source, "python")}["good"] is False


def test_unknown_language_and_latin_1():
    with pytest.raises(ValueError, match="the languages are"):
        functions(b"", "cobol")
    with pytest.raises(UnicodeDecodeError):
        functions("x = 'é'".encode("latin-1"), "python")


def test_a_path_chooses_the_grammar():
    source = b"/** Shows. */\nconst A = () => <b>x</b>;\n"
    assert functions(source, "typescript", "a/b.tsx")[0].has_error is False
    assert functions(source, "typescript", "a/b.tsx")[0].docstring == "Shows."
