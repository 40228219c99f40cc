"""What a language's query found in a file, sorted by what its captures mean.

The captures are the whole vocabulary between a language's folder and the miner:

- `@comment`: a comment. `@skip`: what may stand between a function and its documentation (a decorator, an attribute).
- `@function`: a function, with `@name` its name and `@owner` the type that it belongs to where none is around it.
- `@scope` with `@name`: a class or a namespace, whose name goes before those of the functions inside.
- `@module`: what the documentation of the file stands before.
- `@hosted` with `@host` or `@whole`: a statement around a function that has its documentation before it; `@whole`
  belongs to the function's code, and a `@name` names the function.
- `@documented` with `@docstring`: a function and the string that documents it; `@body` is the body that the string is
  a statement of, and is to be cut from. Classes and the file may be documented so too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import tree_sitter

Span = tuple[int, int]
Matches = list[tuple[int, dict[str, list[tree_sitter.Node]]]]


class Found(NamedTuple):
    """A function of a file."""

    node: tree_sitter.Node
    name: tree_sitter.Node | None
    owner: tree_sitter.Node | None


class Host(NamedTuple):
    """A statement around a function that has its documentation before it."""

    node: tree_sitter.Node
    name: tree_sitter.Node | None
    is_code: bool
    """Whether the statement belongs to the function's code, as in ``const f = () => 1``."""


class Docstring(NamedTuple):
    """The string that documents a function, and the body that it stands in."""

    node: tree_sitter.Node
    body: tree_sitter.Node | None


@dataclass(slots=True)
class Captures:
    """The captures of one file; functions, classes, docstrings and hosts by the id of the node that they belong to."""

    functions: dict[int, Found] = field(default_factory=dict)
    scopes: list[tuple[int, int, str]] = field(default_factory=list)
    classes: dict[int, Found] = field(default_factory=dict)
    """Every scope."""
    modules: list[tree_sitter.Node] = field(default_factory=list)
    docstrings: dict[int, Docstring] = field(default_factory=dict)
    comments: list[Span] = field(default_factory=list)
    skipped: list[Span] = field(default_factory=list)
    hosts: dict[int, Host] = field(default_factory=dict)


def sort_out(source: bytes, matches: Matches) -> Captures:
    """The captures of a query's matches over the tree of `source`."""
    found = Captures()
    for _, captured in matches:
        if "comment" in captured:
            found.comments.append(captured["comment"][0].byte_range)
        elif "function" in captured:
            node = captured["function"][0]
            name, owner = captured.get("name"), captured.get("owner")
            known = found.functions.get(node.id)
            if known is None or known.owner is None:
                found.functions[node.id] = Found(node, name[0] if name else None, owner[0] if owner else None)
        elif "documented" in captured:
            body = captured.get("body")
            found.docstrings[captured["documented"][0].id] = Docstring(
                captured["docstring"][0], body[0] if body else None
            )
        elif "scope" in captured:
            node, name = captured["scope"][0], captured["name"][0]
            found.scopes.append((*node.byte_range, text_of(source, name)))
            found.classes[node.id] = Found(node, name, None)
        elif "module" in captured:
            found.modules.append(captured["module"][0])
        elif "hosted" in captured:
            _add_host(found.hosts, captured)
        elif "skip" in captured:
            found.skipped.append(captured["skip"][0].byte_range)
    return found


def text_of(source: bytes, node: tree_sitter.Node) -> str:
    """A node's text."""
    start, end = node.byte_range
    return source[start:end].decode("utf-8")


def _add_host(hosts: dict[int, Host], captured: dict[str, list[tree_sitter.Node]]) -> None:
    hosted = captured["hosted"][0].id
    is_code = "whole" in captured
    if is_code or hosted not in hosts:
        name = captured.get("name")
        hosts[hosted] = Host(captured["whole" if is_code else "host"][0], name[0] if name else None, is_code)
