"""Every stored span slices to the stored code, and code without its documentation still parses.

Held over the samples of all languages and over Python's standard library.
"""

import sysconfig
import time
from pathlib import Path

import pytest
import tree_sitter

from miners.code import ParseTimeoutError, functions, syntax_tree
from miners.code.extract import KINDS, declarations
from miners.code.language import LANGUAGES, Grammar, grammar, grammar_names
from miners.code.repository import MAX_FILE_BYTES

STDLIB = Path(sysconfig.get_path("stdlib"))
GRAMMARS = [(language, name) for language in LANGUAGES for name in grammar_names(language)]


def code_from_span(source: bytes, function) -> bytes:
    if function.cut is None:
        return source[function.start_byte : function.end_byte]
    first, last = function.cut
    return source[function.start_byte : first] + function.filler.encode() + source[last : function.end_byte]


def damage(source: bytes, known: Grammar) -> int:
    """Bytes in error and tokens that are missing; a macro of C++ may put some into its sample."""
    return syntax_tree._damage(syntax_tree.parse(source, known, time.monotonic() + 10).root_node)


def check_place(source: bytes, function) -> None:
    assert code_from_span(source, function).decode() == function.code
    assert source.count(b"\n", 0, function.start_byte) + 1 == function.start_line
    assert source.count(b"\n", 0, function.end_byte) + 1 >= function.end_line
    if function.cut is not None:
        assert function.start_byte <= function.cut[0] < function.cut[1] <= function.end_byte
    if function.docstring_raw and function.kind == "function":
        assert all(line.encode() in source for line in function.docstring_raw.split("\n"))


@pytest.mark.parametrize(("language", "name"), GRAMMARS)
def test_samples_parse_with_any_code_put_back(language, name):
    known = grammar(language, name)
    whole = damage(known.sample, known)
    for function in declarations(known.sample, name, "", KINDS):
        check_place(known.sample, function)
        before, after = known.sample[: function.start_byte], known.sample[function.end_byte :]
        source = before + function.code.encode() + after
        assert damage(source, known) <= whole, function.symbol


def standard_library() -> list[Path]:
    paths = sorted(STDLIB.rglob("*.py"))
    return [path for path in paths if not {"site-packages", "dist-packages"} & set(path.parts)]


def check_files(paths: list[Path]) -> int:
    parser = tree_sitter.Parser(grammar("python", "python").tree_sitter)
    documented = 0
    for path in paths:
        source = path.read_bytes()
        try:
            found = functions(source, "python") if len(source) <= MAX_FILE_BYTES else []
        except (UnicodeDecodeError, ParseTimeoutError):
            continue
        for function in found:
            check_place(source.replace(b"\r\n", b"\0\0").replace(b"\r", b"\n").replace(b"\0\0", b"\r\n"), function)
            if function.cut is not None and not function.has_error:
                documented += 1
                assert not parser.parse(function.code.encode()).root_node.has_error, (path, function.symbol)
    return documented


def test_a_part_of_the_standard_library():
    assert check_files(standard_library()[3::12]) > 200


@pytest.mark.slow
def test_the_standard_library():
    assert check_files(standard_library()) > 5000
