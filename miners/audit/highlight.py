"""Code with its syntax marked, as inert HTML: Pygments lexes, and every token's text is escaped and made visible."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound

from miners.audit.shown_text import visible

CLASSES = {
    Token.Comment: "tc",
    Token.String.Doc: "tc",
    Token.Keyword: "tk",
    Token.Name.Function: "tf",
    Token.Name.Class: "tf",
    Token.Name.Decorator: "td",
    Token.Name.Builtin: "tb",
    Token.Literal.String: "ts",
    Token.Literal.Number: "tn",
}
"""Kinds of token that are coloured, and the class of each in `templates/report.css`."""
MAX_CHARS = 20_000


def highlighted(code: str, language: str | None) -> Markup:
    """The code as spans with the classes of `CLASSES`; plain text for a language that Pygments does not know."""
    if len(code) > MAX_CHARS:
        return escape(visible(code))
    parts = []
    for kind, text in _lexer(language or "").get_tokens(code):
        name = _class_of(kind)
        shown = escape(visible(text))
        parts.append(Markup('<span class="{}">{}</span>').format(name, shown) if name and text.strip() else shown)
    return Markup("").join(parts)


@cache
def _lexer(language: str) -> Lexer:
    # Leading blanks are the code's own; Pygments would strip them.
    options = {"stripnl": False, "ensurenl": False}
    try:
        return get_lexer_by_name(language, **options)
    except ClassNotFound:
        return TextLexer(**options)


def _class_of(kind: _TokenType) -> str | None:
    """The class of the nearest kind of token that has one: of `Token.Literal.String.Double` that of strings."""
    at: _TokenType | None = kind
    while at is not None:
        if at in CLASSES:
            return CLASSES[at]
        at = at.parent
    return None
