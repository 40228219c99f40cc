"""Every style on what its own manual shows, on real docstrings, and on text that means harm."""

import inspect
import subprocess

import numpy
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miners.code.docstring_styles import STYLES, Part, docstring_parts
from miners.code.language import LANGUAGES, load
from miners.code.xml_documentation import xml_prose, xml_summary


def plain(parts):
    """(parameters, returns, raises) as tuples of what is stated."""
    return [[(p.name, p.type, p.description) for p in kind] for kind in (parts.parameters, parts.returns, parts.raises)]


SUM = [[("a", "int", "the first"), ("b", None, "the second, or none")], [(None, "int", "the sum")]]
CASES = {
    "google": (
        "Sum.\n\nArgs:\n    a (int): the first\n    b: the second,\n        or none\n\nReturns:\n    int: the sum\n\n"
        "Raises:\n    ValueError: if bad\n",
        [*SUM, [(None, "ValueError", "if bad")]],
    ),
    "numpy": (
        "Sum.\n\nParameters\n----------\na : int\n    the first\nb\n    the second,\n    or none\n\nReturns\n-------\n"
        "int\n    the sum\n\nRaises\n------\nValueError\n    if bad\n",
        [*SUM, [(None, "ValueError", "if bad")]],
    ),
    "rest": (
        "Sum.\n\n:param int a: the first\n:param b: the second,\n    or none\n:returns: the sum\n:rtype: int\n"
        ":raises ValueError: if bad\n",
        [*SUM, [(None, "ValueError", "if bad")]],
    ),
    "epydoc": (
        "Sum.\n\n@param a: the first\n@type a: int\n@param b: the second, or none\n@return: the sum\n@rtype: int\n"
        "@raise ValueError: if bad\n",
        [*SUM, [(None, "ValueError", "if bad")]],
    ),
    "jsdoc": (
        "Sum.\n@param {int} a - the first\n@param [b=1] the second,\n  or none\n@returns {int} the sum\n"
        "@throws {RangeError} if bad\n@see other",
        [*SUM, [(None, "RangeError", "if bad")]],
    ),
    "javadoc": (
        "Sum.\n@param a the first\n@param <T> of what\n@return the sum {@link Other}\n"
        "@throws java.io.IOException if bad\n",
        [
            [("a", None, "the first"), ("<T>", None, "of what")],
            [(None, None, "the sum {@link Other}")],
            [(None, "java.io.IOException", "if bad")],
        ],
    ),
    "kdoc": (
        "Sum.\n@param a the first\n@param[b] the second\n@return the sum\n@throws IllegalStateException if bad",
        [
            [("a", None, "the first"), ("b", None, "the second")],
            [(None, None, "the sum")],
            [(None, "IllegalStateException", "if bad")],
        ],
    ),
    "phpdoc": (
        "Sum.\n@param int $a the first\n@param array<string, int> ...$b the second\n@param $c\n@return int the sum\n"
        "@throws \\Ns\\Bad if bad",
        [
            [("$a", "int", "the first"), ("$b", "array<string, int>", "the second"), ("$c", None, None)],
            [(None, "int", "the sum")],
            [(None, "\\Ns\\Bad", "if bad")],
        ],
    ),
    "doxygen": (
        "Sum.\n\\param[in] a the first\n@param[in,out] b the second\n\nNot of b.\n\\return the sum\n"
        "@retval 0 if empty\n@throws std::bad_alloc if bad",
        [
            [("a", None, "the first"), ("b", None, "the second")],
            [(None, None, "the sum"), ("0", None, "if empty")],
            [(None, "std::bad_alloc", "if bad")],
        ],
    ),
    "yard": (
        "Sum.\n@param a [Integer] the first\n@param [Array<String>] b the second\n@return [Integer] the sum\n"
        "@raise [ArgumentError] if bad",
        [
            [("a", "Integer", "the first"), ("b", "Array<String>", "the second")],
            [(None, "Integer", "the sum")],
            [(None, "ArgumentError", "if bad")],
        ],
    ),
    "ldoc": (
        "Sum.\n@param a the first\n@tparam number b the second\n@param c string the third\n@return the sum\n"
        "@treturn nil or this",
        [
            [("a", None, "the first"), ("b", "number", "the second"), ("c", "string", "the third")],
            [(None, None, "the sum"), (None, "nil", "or this")],
            [],
        ],
    ),
    "rustdoc": (
        "Sum.\n\n# Arguments\n\n* `a` - the first\n* `b`: the second,\n  or none\n\n# Returns\n\nthe sum\n\n"
        "# Errors\n\nIf bad.\n\n# Panics\n\nNever.\n\n# Examples\n\n```\n# Arguments\n```\n",
        [
            [("a", None, "the first"), ("b", None, "the second, or none")],
            [(None, None, "the sum")],
            [(None, None, "If bad."), (None, "panic", "Never.")],
        ],
    ),
    "julia": (
        "    sum(a, b)\n\nSum.\n\n# Arguments\n- `a::Integer`: the first\n- `b`: the second\n\n"
        "# Throws\n- `DomainError`: if bad",
        [[("a", "Integer", "the first"), ("b", None, "the second")], [], [(None, "DomainError", "if bad")]],
    ),
    "swift": (
        "Sum.\n\n- Parameters:\n  - a: the first\n  - b: the second,\n    or none\n- Returns: the sum\n"
        "- Throws: `Bad` if bad",
        [
            [("a", None, "the first"), ("b", None, "the second, or none")],
            [(None, None, "the sum")],
            [(None, None, "`Bad` if bad")],
        ],
    ),
    "xml": (
        '<summary>\nSum.\n</summary>\n<param name="a">the <c>first</c></param>\n'
        '<typeparam name="T">of what</typeparam>\n<returns>the <see cref="T:System.Int32"/> &amp; more</returns>\n'
        '<exception cref="System.Exception">if bad</exception>',
        [
            [("a", None, "the first"), ("T", None, "of what")],
            [(None, None, "the System.Int32 & more")],
            [(None, "System.Exception", "if bad")],
        ],
    ),
}


def test_every_style_has_a_case():
    assert set(CASES) == set(STYLES)


@pytest.mark.parametrize("style", STYLES)
def test_a_style_gives_its_parts(style):
    docstring, expected = CASES[style]
    parts = docstring_parts(docstring, [style])
    assert parts.style == style
    assert plain(parts) == expected


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("text", ["", "Adds two numbers.", "Mail to user@param.org and <b>see</b> Args: none."])
def test_plain_text_states_nothing(style, text):
    assert docstring_parts(text, [style]) is None


@given(
    st.sampled_from(sorted(STYLES)), st.text(max_size=300) | st.sampled_from(sorted(STYLES)).map(lambda s: CASES[s][0])
)
def test_any_text_gives_parts_or_none(style, text):
    parts = docstring_parts(text, [style])
    assert parts is None or parts.parameters or parts.returns or parts.raises


@pytest.mark.parametrize("style", STYLES)
def test_hostile_text_ends(style):
    docstring = CASES[style][0]
    bodies = [
        docstring * (40_000 // len(docstring)),
        '<param name="a">' * 3000,
        "@param {" + "{" * 40_000,
        "@param " * 6000,
        "Args:\n" + "    a: " * 6000,
        "Parameters\n----------\n" + "a : b\n" * 6000,
        "- Parameters:\n" + "  - a: b\n" * 4000,
        "# Arguments\n" + "* `" * 12_000,
        ":param " * 6000,
    ]
    for body in bodies:
        parts = docstring_parts(body, [style])
        assert parts is None or parts.style == style
    assert docstring_parts(docstring + " " * 60_000, [style]) is None


@pytest.mark.parametrize(
    ("function", "style", "parameters"),
    [
        (numpy.add.reduce, "numpy", None),
        (numpy.linspace, "numpy", ["start", "stop", "num", "endpoint", "retstep", "dtype", "axis", "device"]),
        (pyarrow.concat_tables, "numpy", ["tables", "memory_pool", "promote_options"]),
        (subprocess.run, None, None),
    ],
)
def test_real_docstrings(function, style, parameters):
    parts = docstring_parts(inspect.getdoc(function), load("python").documentation.styles)
    assert (parts.style if parts else None) == style
    if parameters:
        assert [part.name for part in parts.parameters][: len(parameters)] == parameters


def test_the_first_style_that_finds_something_wins():
    text = "Sum.\n\n:param a: the first\n"
    assert docstring_parts(text, ["google", "rest"]).parameters == (Part("a", None, "the first"),)
    with pytest.raises(ValueError, match="no docstring style 'markdown'"):
        docstring_parts(text, ["markdown"])


def test_languages_name_styles_that_there_are():
    for name in LANGUAGES:
        assert set(load(name).documentation.styles) <= set(STYLES)
    assert load("python").documentation.styles == ("numpy", "google", "rest", "epydoc")


def test_summary_of_xml():
    assert xml_summary(CASES["xml"][0]) == "Sum."
    assert xml_summary("<summary>Reads <paramref name='x'/> on.") == "Reads x on."
    assert xml_summary("No tags.") is None
    assert xml_prose(CASES["xml"][0]).split("\n") == [
        *("Sum.", "a: the first", "T: of what", "Returns: the System.Int32 & more", "System.Exception: if bad")
    ]
