"""Which rows a licence policy would leave out: the policies of `mine-code`, asked of a finished set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from miners.code.license_expressions import is_allowed
from schemas.pair import DOCSTRING_KINDS

NOT_STATED = "not stated"
SHOWN = 20


def is_excluded(kind: str, expression: str | None, allowed: frozenset[str]) -> bool:
    """Whether the policy leaves a row out: its licence is not allowed, or it is of code and states none.

    Text from the web seldom states a licence; the policy speaks of those pages that do.
    """
    if not expression:
        return kind in DOCSTRING_KINDS
    return not is_allowed(expression, allowed)


def license_figures(policy: str, allowed: bool, excluded: Mapping[str, int], total: int) -> dict[str, Any]:
    """The rows that the policy leaves out, by licence; `allowed` is False of a policy that allows any."""
    rows = sum(excluded.values())
    ranked = sorted(Counter(excluded).items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    return {
        "policy": policy,
        "checked": allowed,
        "excluded": rows,
        "excluded_share": rows / total if total else 0.0,
        "by_license": [{"name": name, "pairs": n, "share": n / total} for name, n in ranked],
    }
