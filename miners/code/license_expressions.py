"""SPDX licence expressions: reading what people wrote as one, and asking whether a policy allows it.

Names and exceptions are those of the SPDX list as `license_expression` carries it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from pathlib import Path

from license_expression import (
    AND,
    ExpressionError,
    LicenseExpression,
    LicenseWithExceptionSymbol,
    Licensing,
    get_spdx_licensing,
)

LONGEST = 1000
"""A longer text is no expression."""
_LISTED = Path(__file__).with_name("permissive_licenses.txt")
_REFERENCE = re.compile(r"(?:DocumentRef-[\w.-]+:)?LicenseRef-[\w.-]+")
_SPOKEN = {
    **dict.fromkeys(("apache", "apache 2", "apache 2.0", "apache-2", "apache2", "apache2.0"), "Apache-2.0"),
    **dict.fromkeys(("apache license", "apache software", "asl 2.0"), "Apache-2.0"),
    **dict.fromkeys(("apache license 2.0", "apache 2.0 license", "apache license, version 2.0"), "Apache-2.0"),
    **dict.fromkeys(("mit license", "the mit license", "mit/x11", "expat", "the mit license (mit)"), "MIT"),
    **dict.fromkeys(("bsd-2", "bsd 2-clause", "2-clause bsd", "simplified bsd"), "BSD-2-Clause"),
    **dict.fromkeys(("bsd 2-clause license", "the bsd 2-clause license", "2-clause bsd license"), "BSD-2-Clause"),
    **dict.fromkeys(("bsd-3", "bsd 3-clause", "3-clause bsd", "new bsd", "modified bsd"), "BSD-3-Clause"),
    **dict.fromkeys(("bsd 3-clause license", "3-clause bsd license", "new bsd license"), "BSD-3-Clause"),
    **dict.fromkeys(("isc license", "isc license (iscl)"), "ISC"),
    **dict.fromkeys(("mpl 2.0", "mpl2", "mozilla public license 2.0 (mpl 2.0)"), "MPL-2.0"),
    **dict.fromkeys(("psf", "psfl", "python software foundation license"), "PSF-2.0"),
    **dict.fromkeys(("gplv3", "gpl v3", "gpl-3"), "GPL-3.0-only"),
    **dict.fromkeys(("gplv2", "gpl v2", "gpl-2"), "GPL-2.0-only"),
    **dict.fromkeys(("gplv3+", "gpl v3+", "gpl-3+"), "GPL-3.0-or-later"),
    **dict.fromkeys(("gplv2+", "gpl v2+", "gpl-2+"), "GPL-2.0-or-later"),
    **dict.fromkeys(("lgplv3", "lgpl v3", "lgpl-3"), "LGPL-3.0-only"),
    **dict.fromkeys(("lgplv3+", "lgpl v3+", "lgpl-3+"), "LGPL-3.0-or-later"),
    **dict.fromkeys(("lgpl-2.1+", "lgplv2.1+"), "LGPL-2.1-or-later"),
    **dict.fromkeys(("public domain",), "LicenseRef-Public-Domain"),
}


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()


@lru_cache(maxsize=4096)
def spdx_expression(text: str) -> str | None:
    """The text as a normalised SPDX expression; None where it is none, or names a licence that SPDX does not list.

    ``mit`` becomes ``MIT``, ``GPL-2.0+`` ``GPL-2.0-or-later``, ``MIT/Apache-2.0`` (Cargo's old form) ``MIT OR
    Apache-2.0``. A ``LicenseRef-…`` stays as it is: a licence of the author's own.
    """
    plain = " ".join(text.split())
    if not plain or len(plain) > LONGEST:
        return None
    spoken = _SPOKEN.get(plain.lower())
    if spoken:
        return spoken
    parsed = _parsed(plain if "/" not in plain else re.sub(r"\s*/\s*", " OR ", plain))
    return None if parsed is None else str(parsed)


def licenses_of(expression: str) -> list[str]:
    """The licences that an SPDX expression names, without exceptions, each once."""
    parsed = _parsed(expression)
    if parsed is None:
        return []
    found = {}
    for symbol in parsed.get_symbols():
        license_symbol = symbol.license_symbol if isinstance(symbol, LicenseWithExceptionSymbol) else symbol
        found[license_symbol.key] = None
    return list(found)


def all_of(expressions: Iterable[str]) -> str:
    """The expression that asks for every one of them, in their order."""
    unique = list(dict.fromkeys(expressions))
    if len(unique) == 1:
        return unique[0]
    return " AND ".join(f"({text})" if " OR " in text else text for text in unique)


def license_policy(policy: str, read: Callable[[str], bytes]) -> frozenset[str] | None:
    """What a policy allows: ``permissive``, ``any`` (None), or a file of names, one a line. ValueError for no file."""
    if policy == "any":
        return None
    if policy == "permissive":
        return permissive_licenses()
    try:
        return read_licenses(read(policy).decode("utf-8"), policy)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--licenses is permissive, any, or a file; {policy!r} cannot be read: {error}") from None


@lru_cache(maxsize=4096)
def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether the licences of `allowed` are enough: one side of an OR, both sides of an AND.

    ``X WITH exception`` needs X, or itself by name: an exception only ever permits more.
    """
    parsed = _parsed(expression)
    return parsed is not None and _is_allowed(parsed, allowed)


def _is_allowed(node: LicenseExpression, allowed: frozenset[str]) -> bool:
    if isinstance(node, LicenseWithExceptionSymbol):
        return str(node) in allowed or node.license_symbol.key in allowed
    if not node.args:
        return node.key in allowed
    answers = (_is_allowed(child, allowed) for child in node.args)
    return all(answers) if isinstance(node, AND) else any(answers)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> LicenseExpression | None:
    licensing = _licensing()
    try:
        parsed = licensing.parse(text)
    except (ExpressionError, ValueError, IndexError, TypeError, AttributeError, AssertionError, RecursionError):
        return None  # the library's parser breaks on `()`, `(AND 0` and the like
    if parsed is None:
        return None
    unknown = licensing.unknown_license_keys(parsed)
    return None if any(not _REFERENCE.fullmatch(key) for key in unknown) else parsed


@cache
def permissive_licenses() -> frozenset[str]:
    """The closed list behind `--licenses permissive`."""
    return read_licenses(_LISTED.read_text(encoding="utf-8"), str(_LISTED))


def read_licenses(text: str, place: str) -> frozenset[str]:
    """The licences of a policy's text: one SPDX identifier a line, ``#`` before a comment.

    Raises ValueError, naming `place` and the line, for one that SPDX does not list.
    """
    found = set()
    for number, line in enumerate(text.splitlines(), 1):
        name = line.split("#", 1)[0].strip()
        if not name:
            continue
        known = spdx_expression(name)
        if known is None or " OR " in known or " AND " in known:
            raise ValueError(f"{place}, line {number}: {name!r} is no SPDX identifier; write one a line, such as MIT")
        found.add(known)
    if not found:
        raise ValueError(f"{place} lists no licence; write one SPDX identifier a line, such as MIT")
    return frozenset(found)
