"""The header fields of WARC records and of HTTP messages, which share a syntax."""

from __future__ import annotations

import re

_FOLD = re.compile(r"\r?\n[ \t]+")


def parse_fields(head: bytes) -> dict[str, str]:
    """Header fields by lower-case name, without the first line; a repeated field keeps its first value.

    Lines may end in LF alone, and a line that begins with a blank goes on with the field before it.
    """
    fields: dict[str, str] = {}
    for line in _lines(head):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def all_values(head: bytes, name: str) -> list[str]:
    """Every value of a field that may be repeated, in order; `name` in lower case."""
    split = (line.partition(":") for line in _lines(head))
    return [value.strip() for found, colon, value in split if colon and found.strip().lower() == name]


def _lines(head: bytes) -> list[str]:
    text = head.decode("utf-8", "replace")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    return text.split("\n")[1:]
