"""Code without comments and with names masked, on the traps of each language."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest

from schemas.code_variants import has_grammar, mask_name, strip_comments

PYTHON = '''    def f(self, x):
        # first
        """Doc é."""
        s = "# kept"  # goes
        def g():
            "inner" 'doc'
            return 1
        return s
'''
PYTHON_CODE = """    def f(self, x):
        s = "# kept"
        def g():
            return 1
        return s
"""
JAVASCRIPT = """foo(a) {
  "use strict";
  // goes
  const r = /\\/\\/x/; /* goes */ const t = `// kept ${a}`;
  /** goes
   */
  return r;
}"""
JAVASCRIPT_CODE = """foo(a) {
  "use strict";
  const r = /\\/\\/x/; const t = `// kept ${a}`;
  return r;
}"""


@pytest.mark.parametrize(
    ("language", "source", "code"),
    [
        ("python", PYTHON, PYTHON_CODE),
        ("javascript", JAVASCRIPT, JAVASCRIPT_CODE),
        (
            "typescript",
            "function f<T>(a: T) { // c\n  return a as T; /* x */\n}",
            "function f<T>(a: T) {\n  return a as T;\n}",
        ),
        ("go", "func (s *T) F() int {\n\t// c\n\treturn 1 // d\n}", "func (s *T) F() int {\n\treturn 1\n}"),
        ("python", "# only", ""),
        ("python", "", ""),
        ("python", "x = 1\r\n# c\r\ny = 2\r\n", "x = 1\r\ny = 2\r\n"),
        ("no-such-language", "# stays", "# stays"),
    ],
)
def test_comments_go_and_nothing_else(language, source, code):
    assert strip_comments(source, language) == code


def test_python_means_the_same_without_its_comments():
    def bare(source: str) -> str:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(getattr(node, "body", None), list):
                node.body = [
                    s
                    for s in node.body
                    if not (isinstance(s, ast.Expr) and isinstance(getattr(s.value, "value", None), str))
                ]
        return ast.dump(tree)

    for source in (inspect.getsource(textwrap), inspect.getsource(inspect.getdoc)):
        stripped = strip_comments(source, "python")
        assert bare(stripped) == bare(source)


def test_broken_code_and_lone_surrogates_come_through():
    assert strip_comments("def f(:\n  # c\n  '\ud800'(((", "python").startswith("def f(:")


@pytest.mark.parametrize(
    ("code", "symbol", "masked"),
    [
        ("def get(x): return self.get(get_x, target)", "A.get", "def Func(x): return self.Func(get_x, target)"),
        ("function $f() { $f(f) }", "$f", "function Func() { Func(f) }"),
        ("func (s *T) Name() {}", "(*T).Name", "func (s *T) Func() {}"),
        ("x => x", None, "x => x"),
        ("x => x", "", "x => x"),
    ],
)
def test_the_functions_own_name_is_masked(code, symbol, masked):
    assert mask_name(code, symbol) == masked


def test_grammars_that_are_installed_are_known():
    assert has_grammar("go") and not has_grammar("no-such-language") and not has_grammar("")
