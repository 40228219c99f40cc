"""Comments without a mark, which document C and C++ on demand alone."""

import pytest

from miners.code import functions

C = b"""/* Copyright. */

#include <stdio.h>

/* Adds two numbers.
 * Of any size. */
int add(int a, int b) { return a + b; }

// Line one,
// line two.
static int lines(void) { return 0; }

/** Marked. */

/* plain */
int marked(void) { return 0; }

/* Not adjacent. */

int apart(void) { return 0; }

int value; /* Of the value. */
int trailed(void) { return 0; }
"""
CPP = b"""struct Box {
  // Opens.
  template <class T>
  void open(T t) {}
};
"""


def documented(source, language, **options):
    return {f.symbol: (f.docstring, f.comment_rule) for f in functions(source, language, **options) if f.docstring}


def test_they_document_on_demand():
    assert documented(C, "c") == {"marked": ("Marked.", "marked")}
    assert documented(C, "c", plain_comments=True) == {
        "add": ("Adds two numbers.\nOf any size.", "adjacent"),
        "lines": ("Line one,\nline two.", "adjacent"),
        "marked": ("Marked.", "marked"),
    }


def test_a_template_belongs_to_the_function():
    assert documented(CPP, "cpp") == {}
    assert documented(CPP, "cpp", plain_comments=True) == {"Box.open": ("Opens.", "adjacent")}


@pytest.mark.parametrize("language", ["javascript", "rust", "java"])
def test_they_document_no_other_language(language):
    assert documented(b"// Plain.\nfunction f() {}\n// Plain.\nfn f() {}\n", language, plain_comments=True) == {}
