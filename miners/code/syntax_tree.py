"""Parsing that ends: bytes and a deadline in, a tree that a query can search out, or ParseTimeoutError."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence

import tree_sitter

from miners.code.language import Grammar

LONGEST_RUN = 5000
"""Unnamed siblings in a row (see `_refuse_long_runs`); sources that people wrote have some tens."""
_BLOCK = 1 << 16
_NOT_LINE_END = re.compile(rb"[^\r\n]")
_PARSERS = threading.local()


class ParseTimeoutError(RuntimeError):
    """A file that did not parse within its time, or could not be searched in it."""


def parse(source: bytes, grammar: Grammar, deadline: float) -> tree_sitter.Tree:
    """The tree of `source`. Raises ParseTimeoutError after `deadline` (`time.monotonic`) and for a hostile tree.

    What the grammar is known to read wrongly is overwritten, byte for byte, and a source with syntax errors is read
    again with what the grammar is known not to read overwritten too; the reading with less in error counts. Places are
    the same in all of them.
    """
    misread = [(pattern, filler) for mark, pattern, filler in grammar.language.misread if mark in source]
    source = _overwritten(source, misread) if misread else source
    tree = _parse(source, grammar, deadline)
    _refuse_long_runs(tree.root_node)
    if tree.root_node.has_error and grammar.language.overwrites:
        readable = _overwritten(source, grammar.language.overwrites)
        if readable != source:
            again = _parse(readable, grammar, deadline)
            _refuse_long_runs(again.root_node)
            if _damage(again.root_node) < _damage(tree.root_node):
                return again
    return tree


def _parse(source: bytes, grammar: Grammar, deadline: float) -> tree_sitter.Tree:
    """A tree, or ParseTimeoutError. A limit needs the read callback: with plain bytes tree-sitter never asks."""
    parser = _parser(grammar)
    try:
        return parser.parse(
            lambda offset, _: source[offset : offset + _BLOCK],
            progress_callback=lambda *_: time.monotonic() > deadline,
        )
    except ValueError:
        # Without a reset the next file would go on with this one's stack.
        parser.reset()
        raise ParseTimeoutError("the parser did not end within the time limit") from None


def _overwritten(source: bytes, overwrites: Sequence[tuple[re.Pattern[bytes], bytes]]) -> bytes:
    """The source with the first group of every match filled with one byte; line ends stay."""
    readable = bytearray(source)
    for pattern, filler in overwrites:
        for found in pattern.finditer(source):
            start, end = found.span(1)
            readable[start:end] = _NOT_LINE_END.sub(filler, source[start:end])
    return bytes(readable)


def _damage(root: tree_sitter.Node) -> int:
    """Bytes in error, and one for each token that the parser made up."""
    total, waiting = 0, [root]
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            total += max(1, node.end_byte - node.start_byte)
        elif node.has_error:
            waiting += node.children
    return total


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
