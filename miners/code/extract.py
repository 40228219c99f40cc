"""Every function of a source file, with its documentation, its code without that, and where both stand.

Bytes in, `Function`s out. All positions are bytes of the source as it was given; only slices are decoded. What can be
lost: a file that does not parse within its time limit (ParseTimeoutError) and nothing else; a function with a syntax
error of its own is given, and marked.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import tree_sitter

from miners.code.comments import Comments, Span
from miners.code.docs import clean_comment, clean_docstring, summary
from miners.code.language import Documentation, Grammar, grammar_for

PARSE_SECONDS = 10.0
"""Random garbage parses at 0.1 MB/s, so a file of a megabyte ends within this unless it is hostile."""
LONGEST_RUN = 5000
"""Unnamed siblings in a row (see `_refuse_long_runs`); sources that people wrote have some tens."""
_BLOCK = 1 << 16
_LONE_CR = re.compile(rb"\r(?!\n)")
_LINE_BLANKS = b" \t\f"


class ParseTimeoutError(RuntimeError):
    """A file that did not parse within its time, or could not be searched in it."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `code` is ``source[start_byte:end_byte]`` with `filler` in place of the bytes `cut`."""

    symbol: str
    """Its name behind those of the classes and functions around it: ``Server.close``; empty for a nameless one."""
    start_line: int
    """One-based line of the declaration: decorators and comments stand before it."""
    end_line: int
    start_byte: int
    end_byte: int
    docstring: str | None
    docstring_raw: str | None
    summary: str | None
    code: str
    comment_rule: str | None
    """By which rule of its language it is documented: `docstring`, `adjacent` or `marked`."""
    has_error: bool
    """Whether the parser found a syntax error inside it."""
    cut: Span | None
    filler: str

    @property
    def name(self) -> str:
        """The last part of the symbol."""
        return self.symbol.rsplit(".", 1)[-1]


class Host(NamedTuple):
    """A statement around a function that has its documentation before it."""

    node: tree_sitter.Node
    name: tree_sitter.Node | None
    is_code: bool
    """Whether the statement belongs to the function's code, as in ``const f = () => 1``."""


@dataclass(slots=True)
class Captures:
    """What the query found in one file, by what it means; functions and scopes by where they begin."""

    functions: dict[int, tuple[tree_sitter.Node, tree_sitter.Node | None, tree_sitter.Node | None]] = field(
        default_factory=dict
    )
    scopes: list[tuple[int, int, str]] = field(default_factory=list)
    docstrings: dict[int, tuple[tree_sitter.Node, tree_sitter.Node]] = field(default_factory=dict)
    comments: list[Span] = field(default_factory=list)
    skipped: list[Span] = field(default_factory=list)
    hosts: dict[int, Host] = field(default_factory=dict)


def functions(source: bytes, language: str, path: str = "", *, seconds: float = PARSE_SECONDS) -> list[Function]:
    """Every function of `source` in the order of their places; nested ones after those around them.

    `language` is a language's or a grammar's name (`typescript`, `tsx`); `path` chooses between a language's grammars.
    A function without documentation has a docstring of None. A Python function whose body is nothing but its
    docstring gets the body ``pass``, so that its code still parses. Lone carriage returns count as line feeds.
    Raises ValueError for an unknown language and for source that is not UTF-8 (UnicodeDecodeError), ParseTimeoutError
    after `seconds`.
    """
    grammar = grammar_for(language, path)
    if b"\r" in source:
        source = _LONE_CR.sub(b"\n", source)
    source.decode("utf-8")
    captures = _search(source, grammar, time.monotonic() + seconds)
    rules = grammar.language.documentation
    if rules.rule == "docstring":
        return _with_inner_docs(source, captures, rules)
    return _with_comments(source, captures, rules)


def _search(source: bytes, grammar: Grammar, deadline: float) -> Captures:
    tree = _parse(source, grammar, deadline)
    _refuse_long_runs(tree.root_node)
    matches = tree_sitter.QueryCursor(grammar.query).matches(tree.root_node)
    return _sort_out(source, matches)


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


_PARSERS = threading.local()


def _parser(grammar: Grammar) -> tree_sitter.Parser:
    parsers = _PARSERS.__dict__.setdefault("by_name", {})
    if grammar.name not in parsers:
        parsers[grammar.name] = tree_sitter.Parser(grammar.tree_sitter)
    return parsers[grammar.name]


def _sort_out(source: bytes, matches: list[tuple[int, dict[str, list[tree_sitter.Node]]]]) -> Captures:
    found = Captures()
    for _, captured in matches:
        if "comment" in captured:
            found.comments.append(captured["comment"][0].byte_range)
        elif "function" in captured:
            node = captured["function"][0]
            name, owner = captured.get("name"), captured.get("owner")
            known = found.functions.get(node.id)
            if known is None or known[2] is None:
                found.functions[node.id] = (node, name[0] if name else None, owner[0] if owner else None)
        elif "documented" in captured:
            documented = captured["documented"][0]
            found.docstrings[documented.id] = (captured["docstring"][0], captured["body"][0])
        elif "scope" in captured:
            start, end = captured["scope"][0].byte_range
            found.scopes.append((start, end, _text(source, captured["name"][0])))
        elif "hosted" in captured:
            _add_host(found.hosts, captured)
        elif "skip" in captured:
            found.skipped.append(captured["skip"][0].byte_range)
    return found


def _add_host(hosts: dict[int, Host], captured: dict[str, list[tree_sitter.Node]]) -> None:
    hosted = captured["hosted"][0].id
    is_code = "whole" in captured
    if is_code or hosted not in hosts:
        name = captured.get("name")
        hosts[hosted] = Host(captured["whole" if is_code else "host"][0], name[0] if name else None, is_code)


def _with_inner_docs(source: bytes, captures: Captures, rules: Documentation) -> list[Function]:
    """Languages whose documentation is a statement of the body."""
    placed = []
    for node, name, _ in captures.functions.values():
        start, end = node.byte_range
        text = _text(source, name) if name is not None else ""
        placed.append((start, -end, text, node))
    placed.sort(key=_place)
    docstrings = captures.docstrings
    result = []
    for (start, end, _, node), symbol in zip(placed, _symbols(placed, captures.scopes), strict=True):
        span = (start, -end)
        documented = docstrings.get(node.id) if docstrings else None
        raw = clean = cut = None
        filler = ""
        if documented is not None:
            raw = _text(source, documented[0])
            clean = clean_docstring(raw)
            if clean is None:
                raw = None
            else:
                cut, filler = _cut_statement(source, documented[0], documented[1], rules.empty_body)
        result.append(_function(source, node, span, symbol, raw, clean, cut, filler, rules.rule))
    return result


def _with_comments(source: bytes, captures: Captures, rules: Documentation) -> list[Function]:
    """Languages whose documentation is a comment before the function or before a statement that hosts it."""
    comments = Comments.of(source, captures.comments, captures.skipped, rules)
    placed = []
    for node, name, owner in captures.functions.values():
        span, found_name, doc = _climb(node, name, captures.hosts, comments)
        text = _text(source, found_name) if found_name is not None else ""
        if owner is not None:
            text = f"{_text(source, owner)}.{text}"
        placed.append((span[0], -span[1], text, node, doc))
    placed.sort(key=_place)
    result = []
    for (start, end, _, node, doc), symbol in zip(placed, _symbols(placed, captures.scopes), strict=True):
        raw = clean = None
        if doc is not None:
            raw = source[doc[0] : doc[1]].decode("utf-8")
            clean = clean_comment(raw, rules)
        result.append(_function(source, node, (start, -end), symbol, raw, clean, None, "", rules.rule))
    return result


def _climb(
    node: tree_sitter.Node, name: tree_sitter.Node | None, hosts: dict[int, Host], comments: Comments
) -> tuple[Span, tree_sitter.Node | None, Span | None]:
    """A function's span with the hosts that belong to it, its name, and its nearest documentation."""
    start, end = node.byte_range
    doc = comments.before(start)
    host = hosts.get(node.id)
    whole = True
    while host is not None:
        above = host.node
        whole = whole and host.is_code
        if whole:
            start, end = above.byte_range
        name = name or host.name
        doc = doc or comments.before(above.start_byte)
        host = hosts.get(above.id)
    return (start, end), name, doc


def _function(
    source: bytes,
    node: tree_sitter.Node,
    span: Span,
    symbol: str,
    raw: str | None,
    clean: str | None,
    cut: Span | None,
    filler: str,
    rule: str,
) -> Function:
    start, end = span
    if cut is None:
        code = source[start:end].decode("utf-8")
    else:
        code = (source[start : cut[0]] + filler.encode() + source[cut[1] : end]).decode("utf-8")
    row, node_start = node.start_point[0], node.start_byte
    if start != node_start:
        row -= source.count(b"\n", start, node_start)
    end_row = node.end_point[0]
    return Function(
        symbol=symbol,
        start_line=row + 1,
        end_line=end_row + 1 + source.count(b"\n", node.end_byte, end),
        start_byte=start,
        end_byte=end,
        docstring=clean,
        docstring_raw=raw,
        summary=None if clean is None else summary(clean),
        code=code,
        comment_rule=None if clean is None else rule,
        has_error=node.has_error,
        cut=cut,
        filler=filler,
    )


def _cut_statement(source: bytes, statement: tree_sitter.Node, body: tree_sitter.Node, empty: str) -> tuple[Span, str]:
    """The bytes to take out so that a body loses its first statement and still parses, and what to put there.

    A statement on lines of its own goes with its lines; one before a ``;`` goes with that; one that is alone in its
    body, or shares its line with a comment, is replaced by `empty`.
    """
    start, end = statement.byte_range
    if body.named_child_count == 1 or _only_comments_follow(body):
        return (start, end), empty
    after = end
    while source[after : after + 1] in (b" ", b"\t", b"\f"):
        after += 1
    if source[after : after + 1] == b";":
        after += 1
        while source[after : after + 1] in (b" ", b"\t", b"\f"):
            after += 1
        if source[after : after + 1] not in (b"\n", b"\r", b"#", b"\\"):
            return (start, after), ""
    line_start = source.rfind(b"\n", 0, start) + 1
    line_end = source.find(b"\n", after)
    alone = not source[line_start:start].strip(_LINE_BLANKS) and line_end >= 0
    if alone and not source[after:line_end].strip():
        return (line_start, line_end + 1), ""
    return (start, end), empty


def _only_comments_follow(body: tree_sitter.Node) -> bool:
    return all(child.type == "comment" for child in body.named_children[1:])


def _symbols(placed: list, scopes: list[tuple[int, int, str]]) -> list[str]:
    """The path of each function: names of the scopes and functions around it. `placed` is in order of place."""
    events = sorted(
        [(start, -end, 0, name, -1) for start, end, name in scopes]
        + [(item[0], item[1], 1, item[2], i) for i, item in enumerate(placed)]
    )
    symbols = [""] * len(placed)
    around: list[tuple[int, str]] = []
    for start, minus_end, _, name, i in events:
        while around and around[-1][0] <= start:
            around.pop()
        prefix = around[-1][1] if around else ""
        symbol = f"{prefix}.{name}" if prefix and name else (name or prefix)
        if i >= 0:
            symbols[i] = symbol if name else ""
        around.append((-minus_end, symbol))
    return symbols


def _place(item: tuple) -> tuple[int, int]:
    return item[0], item[1]


def _text(source: bytes, node: tree_sitter.Node) -> str:
    start, end = node.byte_range
    return source[start:end].decode("utf-8")
