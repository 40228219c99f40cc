"""Which licences a text is: a licence file, or the notice at the head of a source file.

The texts of the SPDX list and the matching are `licenseclassifier`'s, a port of the licensecheck that pkg.go.dev
uses: whole texts by words, spelling and copyright lines aside. It finds nothing rather than something near.
"""

from __future__ import annotations

import re
from functools import lru_cache

from licenseclassifier import identify_license

from miners.code.license_expressions import spdx_expression

COVERAGE = 75.0
"""Per cent of a licence file's words that must be of licences (licensecheck's own threshold)."""
LONGEST = 200_000
"""Longer files are no licence; with the longest of all, that of LibreOffice's bundles, it takes 0.2 s."""
_NOTICE_BYTES = 4096
_NOTICE_COVERAGE = 20.0
"""A notice stands among names and descriptions; its words are as many as they are."""
_SPEAKS_OF_A_LICENSE = re.compile(
    rb"[Ll]icensed (?:under|to)|General Public|Public License|Permission (?:is hereby|to use)|Redistribution and use"
)
"""Short, since a notice is broken into lines anywhere."""
_COMMENT_LINE = re.compile(rb"\s*(?:#|//|/?\*|;|--|%|'|<!--|\"\"\"|<\?|$)|\s+\S")
_MARKS = re.compile(r"^[ \t]*(?:#+|//+!?|/?\*+/?|;+|--+|%+|\"\"\")", re.MULTILINE)
_RIDERS = re.compile(r"commons clause", re.IGNORECASE)
"""Conditions that are put before a licence and take back what it permits."""


def license_of_text(text: str, *, coverage: float = COVERAGE) -> tuple[str, ...]:
    """The SPDX names of the licences whose texts these are, in the order of the text; () for another text."""
    if len(text) > LONGEST:
        return ()
    return _identified(text, coverage)


def license_of_notice(source: bytes) -> tuple[str, ...]:
    """The licences that the comment at the head of a source file grants in words (SPDX tags aside)."""
    head = source[:_NOTICE_BYTES]
    if not _SPEAKS_OF_A_LICENSE.search(head):
        return ()
    lines = []
    for line in head.split(b"\n"):
        if not _COMMENT_LINE.match(line):
            break
        lines.append(line)
    return _notice(b"\n".join(lines))


@lru_cache(maxsize=1024)
def _notice(head: bytes) -> tuple[str, ...]:
    return _identified(_MARKS.sub("", head.decode("utf-8", "replace")), _NOTICE_COVERAGE)


def _identified(text: str, coverage: float) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for match in identify_license(text, coverage):
        name = spdx_expression(match.id)
        if name and " OR " not in name and " AND " not in name:
            found[name] = None
    if found and _RIDERS.search(text):
        found["LicenseRef-Commons-Clause"] = None
    return tuple(found)
