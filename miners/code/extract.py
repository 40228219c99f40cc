"""Every function of a source file, with its documentation, its code without that, and where both stand.

Bytes in, `Function`s out. All positions are bytes of the source as it was given; only slices are decoded. What can be
lost: a file that does not parse within its time limit (ParseTimeoutError) and nothing else; a function with a syntax
error of its own is given, and marked.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import zip_longest
from typing import NamedTuple

import tree_sitter

from miners.code.captures import Captures, Docstring, Host, Span, sort_out, text_of
from miners.code.comments import Comments
from miners.code.docs import clean_comment, clean_docstring, summary
from miners.code.language import Documentation, Expected, Grammar, grammar, grammar_for, grammar_names
from miners.code.syntax_tree import ParseTimeoutError, parse
from miners.code.tree_search import search

__all__ = [
    "KINDS",
    "PARSE_SECONDS",
    "Function",
    "ParseTimeoutError",
    "check_grammars",
    "declarations",
    "documented_declarations",
    "functions",
]
FUNCTION, CLASS, MODULE = "function", "class", "module"
KINDS = (FUNCTION, CLASS, MODULE)
PARSE_SECONDS = 10.0
"""Random garbage parses at 0.1 MB/s, so a file of a megabyte ends within this unless it is hostile."""
_LONE_CR = re.compile(rb"\r(?!\n)")
_LINE_BLANKS = b" \t\f"


class Function(NamedTuple):
    """One function, or a class or a whole file where these were asked for.

    `code` is ``source[start_byte:end_byte]`` with `filler` in place of the bytes `cut`.
    """

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
    kind: str = FUNCTION

    @property
    def name(self) -> str:
        """The last part of the symbol."""
        return self.symbol.rsplit(".", 1)[-1]


def functions(
    source: bytes, language: str, path: str = "", *, plain_comments: bool = False, seconds: float = PARSE_SECONDS
) -> list[Function]:
    """Every function of `source` in the order of their places; nested ones after those around them.

    `language` is a language's or a grammar's name (`typescript`, `tsx`); `path` chooses between a language's grammars.
    A function without documentation has a docstring of None. A Python function whose body is nothing but its
    docstring gets the body ``pass``, so that its code still parses. Lone carriage returns count as line feeds.
    With `plain_comments` the comments directly above a function of C or C++ document it when no marked one does.
    Raises ValueError for an unknown language and for source that is not UTF-8 (UnicodeDecodeError), ParseTimeoutError
    after `seconds`.
    """
    return declarations(source, language, path, (FUNCTION,), plain_comments=plain_comments, seconds=seconds)


def declarations(
    source: bytes,
    language: str,
    path: str = "",
    kinds: Sequence[str] = KINDS,
    *,
    plain_comments: bool = False,
    seconds: float = PARSE_SECONDS,
) -> list[Function]:
    """What `functions` gives, and the classes and the file itself, in the order of their places.

    Raises what `functions` raises, and ValueError for a kind that there is not.
    """
    grammar = _grammar(language, path, kinds)
    source = _with_line_feeds(source)
    found = _found(source, grammar, kinds, plain_comments, seconds)
    return [_function(source, item, symbol) for item, symbol in found]


def documented_declarations(
    source: bytes,
    language: str,
    path: str = "",
    kinds: Sequence[str] = KINDS,
    *,
    plain_comments: bool = False,
    seconds: float = PARSE_SECONDS,
) -> list[Function | None]:
    """What `declarations` gives, with None in the place of whatever has no documentation: most of what there is."""
    grammar = _grammar(language, path, kinds)
    source = _with_line_feeds(source)
    found = _found(source, grammar, kinds, plain_comments, seconds)
    return [_function(source, item, symbol) if item.docs else None for item, symbol in found]


def _grammar(language: str, path: str, kinds: Sequence[str]) -> Grammar:
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}; the kinds are {', '.join(KINDS)}")
    grammar = grammar_for(language, path)
    _check_sample(grammar.language.name, grammar.name)
    return grammar


def check_grammars(languages: Sequence[str]) -> None:
    """Raise ValueError where a grammar of these languages is not installed, or finds something else in its sample."""
    for language in languages:
        for name in grammar_names(language):
            _check_sample(language, name)


@cache
def _check_sample(language: str, name: str) -> None:
    """Hold a grammar against its sample: one that the query was not written for may compile it and capture nothing."""
    known = grammar(language, name)
    source = _with_line_feeds(known.sample)
    placed = _found(source, known, (FUNCTION,), False, PARSE_SECONDS)
    mined = [_function(source, item, symbol) for item, symbol in placed]
    found = [Expected(f.symbol, f.start_line, f.docstring) for f in mined]
    for expected, mined in zip_longest(known.expected, found):
        if expected != mined:
            from importlib.metadata import version  # half of what a child process imports, for this alone

            raise ValueError(
                f"{known.package} {version(known.package)} does not fit languages/{language}: its sample of {name} "
                f"should give {expected or 'nothing more'} and gives {mined or 'nothing'}; install the pinned version"
            )


def _with_line_feeds(source: bytes) -> bytes:
    return _LONE_CR.sub(b"\n", source) if b"\r" in source else source


def _found(
    source: bytes, grammar: Grammar, kinds: Sequence[str], plain_comments: bool, seconds: float
) -> Iterable[tuple[_Placed, str]]:
    """What is declared in a source without lone carriage returns, each with its symbol."""
    source.decode("utf-8")
    deadline = time.monotonic() + seconds
    tree = parse(source, grammar, deadline)
    captures = sort_out(source, search(source, tree.root_node, grammar, deadline))
    rules = grammar.language.documentation
    find = _with_docstrings if rules.rule == "docstring" else _with_comments
    placed = find(source, captures, rules) if FUNCTION in kinds else []
    if plain_comments and rules.plain_comments:
        placed = _with_plain_comments(placed, source, captures, rules)
    if CLASS in kinds:
        placed += _classes(source, captures, rules, find)
    if MODULE in kinds:
        placed.append(_module(source, captures, rules, tree.root_node))
    placed.sort(key=_place)
    symbols = _symbols(placed, captures.scopes, grammar.language.names)
    return zip(placed, symbols, strict=True)


class _Docs(NamedTuple):
    """What documents a function, and what of it stands in the function's code."""

    raw: str
    clean: str
    rule: str
    cut: Span | None = None
    filler: str = ""


class _Placed(NamedTuple):
    """A function where it stands; these sort by place, the outer before the inner."""

    start: int
    minus_end: int
    name: str
    node: tree_sitter.Node
    docs: _Docs | None
    kind: str = FUNCTION


Find = Callable[[bytes, Captures, Documentation], list[_Placed]]


def _classes(source: bytes, captures: Captures, rules: Documentation, find: Find) -> list[_Placed]:
    """The classes, documented as functions are; from here on they name what is in them as functions do."""
    classes = {key: found for key, found in captures.classes.items() if found.node.type in rules.classes}
    placed = [item._replace(kind=CLASS) for item in find(source, replace(captures, functions=classes), rules)]
    spans = {found.node.byte_range for found in classes.values()}
    captures.scopes[:] = [scope for scope in captures.scopes if scope[:2] not in spans]
    return placed


def _module(source: bytes, captures: Captures, rules: Documentation, root: tree_sitter.Node) -> _Placed:
    """The file as a whole, with a string at its head or the comment before what the query says."""
    docs, documented = None, captures.docstrings.get(root.id)
    if documented is not None:
        docs = _docs_of_string(source, documented, 0, rules)
    elif captures.modules:
        comments = Comments.of(source, captures.comments, captures.skipped, rules)
        pieces = comments.before(captures.modules[0].start_byte)
        docs = _docs_of_comments(source, pieces, rules)
        docs = docs and docs._replace(cut=(pieces[0][0], pieces[-1][1]))
    return _Placed(0, -len(source), "", root, docs, MODULE)


def _with_docstrings(source: bytes, captures: Captures, rules: Documentation) -> list[_Placed]:
    """Languages whose documentation is a string that the query captures."""
    placed = []
    for node, name, _ in captures.functions.values():
        start, end = node.byte_range
        documented = captures.docstrings.get(node.id)
        docs = None if documented is None else _docs_of_string(source, documented, start, rules)
        placed.append(_Placed(start, -end, "" if name is None else text_of(source, name), node, docs))
    return placed


def _docs_of_string(source: bytes, documented: Docstring, start: int, rules: Documentation) -> _Docs | None:
    """What a string says of the function that begins at `start`; a string in its body is to be cut from it."""
    if documented.body is None and rules.between is not None:
        after = min(documented.node.end_byte, start)
        if rules.between.fullmatch(source, after, start) is None:
            return None
    raw = text_of(source, documented.node)
    clean = clean_docstring(raw) if rules.literal == "python" else clean_comment(raw, rules)
    if clean is None:
        return None
    if documented.body is None:
        return _Docs(raw, clean, rules.rule)
    return _Docs(raw, clean, rules.rule, *_cut_statement(source, documented.node, documented.body, rules.empty_body))


def _with_comments(source: bytes, captures: Captures, rules: Documentation) -> list[_Placed]:
    """Languages whose documentation is a comment before the function or before a statement that hosts it."""
    comments = Comments.of(source, captures.comments, captures.skipped, rules)
    placed = []
    for node, name, owner in captures.functions.values():
        (start, end), found_name, pieces = _climb(node, name, captures.hosts, comments)
        text = "" if found_name is None else text_of(source, found_name)
        if owner is not None:
            text = f"{text_of(source, owner)}.{text}"
        placed.append(_Placed(start, -end, text, node, _docs_of_comments(source, pieces, rules)))
    return placed


def _docs_of_comments(source: bytes, pieces: Sequence[Span], rules: Documentation) -> _Docs | None:
    if not pieces:
        return None
    raw = "\n".join(source[first:last].decode("utf-8") for first, last in pieces)
    return _Docs(raw, clean_comment(raw, rules), rules.rule)


def _with_plain_comments(
    placed: Sequence[_Placed], source: bytes, captures: Captures, rules: Documentation
) -> list[_Placed]:
    """Functions that have no documentation yet get the comments directly above, marked or not."""
    adjacent = replace(rules, rule="adjacent", between=None)
    comments = Comments.of(source, captures.comments, captures.skipped, adjacent)
    return [
        item._replace(docs=item.docs or _docs_of_comments(source, comments.before(item.start), adjacent))
        for item in placed
    ]


def _climb(
    node: tree_sitter.Node, name: tree_sitter.Node | None, hosts: dict[int, Host], comments: Comments
) -> tuple[Span, tree_sitter.Node | None, list[Span]]:
    """A function's span with the hosts that belong to it, its name, and its nearest documentation."""
    start, end = node.byte_range
    pieces = comments.before(start)
    host = hosts.get(node.id)
    whole = True
    while host is not None:
        above = host.node
        whole = whole and host.is_code
        if whole:
            start, end = above.byte_range
        name = name or host.name
        pieces = pieces or comments.before(above.start_byte)
        host = hosts.get(above.id)
    return (start, end), name, pieces


def _function(source: bytes, placed: _Placed, symbol: str) -> Function:
    start, end, node, docs = placed.start, -placed.minus_end, placed.node, placed.docs
    cut, filler = (docs.cut, docs.filler) if docs else (None, "")
    if cut is None:
        code = source[start:end].decode("utf-8")
    else:
        code = (source[start : cut[0]] + filler.encode() + source[cut[1] : end]).decode("utf-8")
    row, node_start = node.start_point[0], node.start_byte
    if start != node_start:
        row -= source.count(b"\n", start, node_start)
    return Function(
        symbol=symbol,
        start_line=row + 1,
        end_line=node.end_point[0] + 1 + source.count(b"\n", node.end_byte, end),
        start_byte=start,
        end_byte=end,
        docstring=docs.clean if docs else None,
        docstring_raw=docs.raw if docs else None,
        summary=summary(docs.clean) if docs else None,
        code=code,
        comment_rule=docs.rule if docs else None,
        has_error=node.has_error,
        cut=cut,
        filler=filler,
        kind=placed.kind,
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
    for place in range(1, body.named_child_count):
        child = body.named_child(place)
        if child is None or child.type != "comment":
            return False
    return True


def _symbols(
    placed: Sequence[_Placed],
    scopes: list[tuple[int, int, str]],
    replacements: Sequence[tuple[re.Pattern[str], str]],
) -> list[str]:
    """The path of each function: names of the scopes and functions around it. `placed` is in order of place."""
    events = sorted(
        [(start, -end, 0, name, -1) for start, end, name in scopes]
        + [(item.start, item.minus_end, 1, item.name, i) for i, item in enumerate(placed)]
    )
    symbols = [""] * len(placed)
    around: list[tuple[int, str]] = []
    for start, minus_end, _, name, i in events:
        for pattern, text in replacements:
            name = pattern.sub(text, name)
        while around and around[-1][0] <= start:
            around.pop()
        prefix = around[-1][1] if around else ""
        symbol = f"{prefix}.{name}" if prefix and name else (name or prefix)
        if i >= 0:
            symbols[i] = symbol if name else ""
        around.append((-minus_end, symbol))
    return symbols


def _place(placed: _Placed) -> tuple[int, int]:
    return placed.start, placed.minus_end
