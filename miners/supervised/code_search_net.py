"""A row of CodeSearchNet as a pair: the documentation and the function without it.

The release's `code` holds the whole definition: in Python that includes the docstring, which would give the answer
away. It is taken out as `mine-code` takes it out of a repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from miners.code import ParseTimeoutError, functions

FIELDS = ("docstring", "code", "language")
"""What tells a line of CodeSearchNet from other JSON, together with `func_name` and `partition`."""
MARKS = ("func_name", "partition")
_LINES = re.compile(r"/blob/(?P<revision>[0-9a-f]{40})/.*#L(?P<first>\d+)-L(?P<last>\d+)$")
_HOLDS_ITS_DOCSTRING = frozenset({"python"})


def is_code_search_net(row: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a row of the release."""
    return all(name in row for name in (*FIELDS, *MARKS))


def code_without_docstring(code: str, docstring: str, language: str) -> str:
    """The function alone. Raises ValueError where its docstring cannot be taken out."""
    if language not in _HOLDS_ITS_DOCSTRING:
        return code
    try:
        found = functions(code.encode(), language)
    except ParseTimeoutError as error:
        raise ValueError(f"the code cannot be parsed: {error}") from None
    bare = found[0].code if found and found[0].docstring is not None else code
    if docstring.strip() and docstring.strip() in bare:
        raise ValueError("the docstring cannot be taken out of the code")
    return bare


def place_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says of its place, as fields of `schemas.Provenance`."""
    url = _text(row.get("url"))
    lines = _LINES.search(url or "")
    return {
        "url": url,
        "repo": _text(row.get("repo")) or _text(row.get("repository_name")),
        "revision": lines["revision"] if lines else _text(row.get("sha")),
        "path": _text(row.get("path")) or _text(row.get("func_path_in_repository")),
        "symbol": _text(row.get("func_name")),
        "start_line": int(lines["first"]) if lines else None,
        "end_line": int(lines["last"]) if lines else None,
        "docstring_raw": _text(row.get("docstring")),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
