"""Parsing that ends: bytes and a deadline in, a tree that a query can search out, or ParseTimeoutError."""

from __future__ import annotations

import threading
import time

import tree_sitter

from miners.code.language import Grammar

LONGEST_RUN = 5000
"""Unnamed siblings in a row (see `_refuse_long_runs`); sources that people wrote have some tens."""
_BLOCK = 1 << 16
_PARSERS = threading.local()


class ParseTimeoutError(RuntimeError):
    """A file that did not parse within its time, or could not be searched in it."""


def parse(source: bytes, grammar: Grammar, deadline: float) -> tree_sitter.Tree:
    """The tree of `source`. Raises ParseTimeoutError after `deadline` (`time.monotonic`) and for a hostile tree.

    A limit needs the read callback: with plain bytes tree-sitter never asks.
    """
    parser = _parser(grammar)
    try:
        tree = parser.parse(
            lambda offset, _: source[offset : offset + _BLOCK],
            progress_callback=lambda *_: time.monotonic() > deadline,
        )
    except ValueError:
        # Without a reset the next file would go on with this one's stack.
        parser.reset()
        raise ParseTimeoutError("the parser did not end within the time limit") from None
    _refuse_long_runs(tree.root_node)
    return tree


def _refuse_long_runs(root: tree_sitter.Node) -> None:
    """Raise ParseTimeoutError for a tree that a query would search in quadratic time.

    At each node a query looks for the next named sibling, so a run of n brackets or keywords that the parser could make
    nothing of costs n² steps (a megabyte: minutes), and the query's own progress callback crashes the binding.
    """
    waiting = [root]
    while waiting:
        node = waiting.pop()
        children = node.children
        if len(children) > LONGEST_RUN:
            run = 0
            for child in children:
                run = 0 if child.is_named else run + 1
                if run > LONGEST_RUN:
                    raise ParseTimeoutError(f"has more than {LONGEST_RUN:,} tokens in a row that are no syntax")
        waiting += [child for child in children if child.descendant_count > LONGEST_RUN]


def _parser(grammar: Grammar) -> tree_sitter.Parser:
    parsers = _PARSERS.__dict__.setdefault("by_name", {})
    if grammar.name not in parsers:
        parsers[grammar.name] = tree_sitter.Parser(grammar.tree_sitter)
    return parsers[grammar.name]
