import pytest

from miners.code.docs import clean_comment, clean_docstring, summary
from miners.code.language import load


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("One.\n\nTwo.", "One."),
        ("Mail to user@host.org\nand more.\n@param x the x", "Mail to user@host.org and more."),
        ("Adds.\n:param x: the x", "Adds."),
        (":class:`Foo` is made.", ":class:`Foo` is made."),
        ("Adds.\nArgs:\n    x: the x", "Adds."),
        ("Returns the sum of\nthe numbers.", "Returns the sum of the numbers."),
        ("Sum.\nParameters\n----------\nx : int", "Sum."),
        ("Sum.\n>>> sum([1])\n1", "Sum."),
        ("Sum.\n\n# Arguments\n\n* `a` - the first", "Sum."),
        ("# Arguments of the command\nare read.", "# Arguments of the command are read."),
        ("Sum.\n- Parameter a: the first", "Sum."),
        ("@brief Adds\ntwo numbers.\n@param a the first", "Adds two numbers."),
        ("@param a the first\n@brief Adds.", ""),
        ("    sum(a, b)\n\nAdds two numbers.", "Adds two numbers."),
        ("<summary>\nAdds <c>two</c>\nnumbers.\n</summary>\n<param name='a'>the first</param>", "Adds two numbers."),
        ("", ""),
    ],
)
def test_summary_ends_at_a_tag_that_begins_a_line(docstring, expected):
    assert summary(docstring) == expected


@pytest.mark.parametrize(
    ("language", "raw", "expected"),
    [
        ("javascript", "/** One. */", "One."),
        ("javascript", "/**\n   * One.\n   *\n   *   indented\n   * - item\n   **/", "One.\n\n  indented\n- item"),
        ("javascript", "/**\n\n  No stars.\n    more\n*/", "No stars.\n  more"),
        ("javascript", "/****/", ""),
        ("javascript", "/*********/", ""),
        ("javascript", "/** **/", ""),
        ("javascript", "/*** Bar. ***/", "Bar."),
        ("java", "/**\n ** Stars.\n *** * item\n **/", "Stars.\n* item"),
        ("java", r"/** \u0041 \\u0042 \u005Cu0043 \ud83d\ude00 */", r"A \\u0042 \u0043 😀"),
        ("javascript", "/** Sum.\r\n * More.\r\n */", "Sum.\nMore."),
        ("go", "// One.\n//\n//\tcode\n//go:noinline", "One.\n\n\tcode"),
        ("go", "/*\nOne.\n* item\n*/", "One.\n* item"),
    ],
)
def test_marks_come_off_comments(language, raw, expected):
    assert clean_comment(raw, load(language).documentation) == expected


def test_literals_of_other_pythons():
    assert clean_docstring('ur"""Old."""') == "Old."
    assert clean_docstring('f"""x"""') is None
    assert clean_docstring("Rb'x'") is None
