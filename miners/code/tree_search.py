"""What a language's query matches in a tree; where the language names its tokens, without a walk over all of it.

A walk looks at every node, most of them parts of expressions, and takes a third of the time of the parse. A token is
found in the bytes, and the tree leads to its place in as many steps as it is deep there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import tree_sitter

from miners.code.captures import Matches
from miners.code.language import Grammar
from miners.code.syntax_tree import ParseTimeoutError


def search(source: bytes, root: tree_sitter.Node, grammar: Grammar, deadline: float) -> Matches:
    """The query's matches in the tree of `source`, in no order that counts.

    A tree with errors is walked over: there the parser may have made a token up. Raises ParseTimeoutError after
    `deadline` (`time.monotonic`): a hostile tree may have many tokens at a great depth.
    """
    cursor = tree_sitter.QueryCursor(grammar.query)
    if not grammar.language.tokens or root.has_error:
        return cursor.matches(root)
    cursor.set_max_start_depth(0)
    matches = cursor.matches(root)
    for node in _nodes_with_tokens(source, root, grammar):
        matches += cursor.matches(node)
        if time.monotonic() > deadline:
            raise ParseTimeoutError("the tree could not be searched within the time limit")
    return matches


def _nodes_with_tokens(source: bytes, root: tree_sitter.Node, grammar: Grammar) -> Iterator[tree_sitter.Node]:
    """The nodes that begin with one of the language's tokens or have it as a child."""
    for token in grammar.language.tokens:
        for place in token.finditer(source):
            start, end = place.span()
            node = root.descendant_for_byte_range(start, end)
            if node is None or node.start_byte != start:
                continue  # inside of a string or of a comment
            if node.is_named:
                yield node
            elif node.end_byte == end and node.parent is not None:
                yield node.parent
