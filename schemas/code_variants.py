"""Source code as a search model should not need it: without comments, or without the function's own name.

Documentation repeated in a comment, or a name that says what the function does, lets word overlap pass for
understanding; scores on these variants show how much of a model's score was that. The evaluator makes them and the
export, so they stand where both find them; tree-sitter is loaded with this module alone.
"""

from __future__ import annotations

import importlib
import re
from functools import cache

from tree_sitter import Language, Node, Parser

MASKED_NAME = "Func"
"""What AdvTest of CodeXGLUE (Lu et al. 2021) puts in place of a function's name."""

_IDENTIFIER = re.compile(r"[\w$]+")


def mask_name(code: str, symbol: str | None) -> str:
    """`code` with every whole-word use of the function's own name (the last part of `symbol`) as ``Func``."""
    parts = _IDENTIFIER.findall(symbol or "")
    if not parts:
        return code
    return re.sub(rf"(?<![\w$]){re.escape(parts[-1])}(?![\w$])", MASKED_NAME, code)


def has_grammar(language: str) -> bool:
    """Whether comments of this language can be found: its tree-sitter grammar is installed."""
    return _parser(language) is not None


def strip_comments(code: str, language: str) -> str:
    """`code` without its comments and, in Python, without strings that stand as statements (docstrings).

    A line that held nothing else goes too. Code of a language without an installed grammar comes back as it is.
    """
    parser = _parser(language)
    if parser is None:
        return code
    source = code.encode("utf-8", "surrogatepass")
    kept, end = [], 0
    for start, stop in _comment_spans(parser.parse(source).root_node):
        start, stop = _with_blanks(source, start, stop)
        kept.append(source[end : max(start, end)])
        end = max(stop, end)
    kept.append(source[end:])
    return b"".join(kept).decode("utf-8", "surrogatepass")


@cache
def _parser(language: str) -> Parser | None:
    try:
        grammar = importlib.import_module(f"tree_sitter_{language}")
    except ModuleNotFoundError:
        return None
    make = getattr(grammar, "language", None) or getattr(grammar, f"language_{language}", None)
    return Parser(Language(make())) if make else None


def _comment_spans(root: Node) -> list[tuple[int, int]]:
    """Byte ranges of comments and of strings that stand as statements, in source order."""
    spans, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        if node.type.endswith("comment") or _is_string_statement(node):
            spans.append((node.start_byte, node.end_byte))
        else:
            waiting.extend(reversed(node.children))
    return spans


def _is_string_statement(node: Node) -> bool:
    """A Python docstring. In JavaScript such a statement is a directive ("use strict"), and stays."""
    if node.type != "expression_statement" or node.child_count != 1:
        return False
    text = node.children[0]
    strings = text.children if text.type == "concatenated_string" else [text]
    return all(part.type == "string" and part.children and part.children[0].type == "string_start" for part in strings)


def _with_blanks(source: bytes, start: int, stop: int) -> tuple[int, int]:
    """The range with the blanks before it, and with its line's end where nothing else stands on the line."""
    line = source.rfind(b"\n", 0, start) + 1
    if source[line:start].strip():
        return line + len(source[line:start].rstrip()), stop
    after = source.find(b"\n", stop)
    after = len(source) if after < 0 else after
    return (line, min(len(source), after + 1)) if not source[stop:after].strip() else (start, stop)
