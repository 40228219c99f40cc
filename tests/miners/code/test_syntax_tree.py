"""Readings of sources that a grammar cannot read as they stand."""

import time

import pytest

from miners.code import functions
from miners.code.language import grammar
from miners.code.syntax_tree import ParseTimeoutError, parse

DOCUMENTED = "\n\n/** Documented. */\nexport const after = <A>(x: A): A => x\n"


@pytest.mark.parametrize(
    "source",
    [
        "interface Has<in out A, out B> { a: A }",
        "const rows = sql<{ readonly a: string }>`SELECT a`",
        "type Two = {\n  (x: number): string\n  <B>(x: B): string\n}",
        "type Two = {\n  /** One. */\n  (x: number): string\n  // and\n  <\n    B\n  >(x: B): string\n}",
        "type Text<A extends string> = `a \\` ${A}`",
        "interface Has<out A> { a: A }\nconst first = (): (<R>() => void) =>\n <R>() => {}",
        "interface Has<out A> { a: A }\nconst one: {\n  /** First. */\n  <B>(x: B): string\n}",
        "interface Has<out A> { a: A }\nconst last = (out: unknown) => one(1, out as string)",
    ],
)
def test_what_the_grammar_cannot_read_costs_no_function(source):
    text = source + DOCUMENTED
    known = grammar("typescript", "typescript")
    assert parse(source.encode(), known, time.monotonic() + 5).root_node.has_error is False
    after = functions(text.encode(), "typescript")[-1]
    assert (after.symbol, after.docstring, after.has_error) == ("after", "Documented.", False)
    assert text.encode()[after.start_byte : after.end_byte].decode() == after.code == "const after = <A>(x: A): A => x"
    assert after.start_line == text.split("\n").index("/** Documented. */") + 2


@pytest.mark.parametrize("arguments", ["Row", "{ n: number; m: string }", "Array<Row>"])
def test_what_the_grammar_misreads_without_an_error(arguments):
    code = f"const all = (id) =>\n  sql<{arguments}>`select ${{id}}`"
    (function,) = functions(f"/** All. */\n{code};\n".encode(), "typescript")
    assert (function.symbol, function.docstring, function.code) == ("all", "All.", f"{code};")


def test_a_second_reading_that_is_no_better_is_not_taken():
    source = b"f(/** A comment. */\n  <A>(x: A) => x)\nconst broken = = 1\n"
    (function,) = functions(source, "typescript")
    assert function.code == "<A>(x: A) => x"


def test_the_time_limit_holds_for_both_readings():
    with pytest.raises(ParseTimeoutError):
        parse(b"interface Has<out A> {}\n" * 100_000, grammar("typescript", "typescript"), time.monotonic() + 0.01)
