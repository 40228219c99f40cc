"""Keys and passwords out of a pair: found in its texts, each replaced, and the code still one that parses."""

from __future__ import annotations

import tree_sitter

from miners.code.language import grammar_for
from miners.secrets import Secret, find_secrets, redact


def without_secrets(text: str) -> tuple[str, list[Secret]]:
    """The text with a placeholder for each secret, and what was found in it."""
    found = find_secrets(text)
    return (redact(text, found) if found else text), found


def parses_as_before(before: str, after: str, grammar: str) -> bool:
    """Whether replacing has brought no error in: a secret that is no literal leaves none that parses.

    A piece of a file, such as a method, may have errors when it stands alone; then it may not have more.
    """
    loaded = grammar_for(grammar).tree_sitter
    return _errors(after, loaded) <= _errors(before, loaded)


def _errors(code: str, language: tree_sitter.Language) -> int:
    tree = tree_sitter.Parser(language).parse(code.encode())
    waiting, errors = [tree.root_node], 0
    while waiting:
        node = waiting.pop()
        if node.has_error:
            errors += node.is_error or node.is_missing
            waiting += node.children
    return errors
