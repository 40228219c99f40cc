"""Texts of a set as a report may show them: with placeholders for secrets and personal data."""

from __future__ import annotations

from collections.abc import Sequence

from miners.web.privacy import Finding, PrivacyConfig, findings

RULES = PrivacyConfig()


def redacted(text: str) -> str:
    """The text with a placeholder for every secret, e-mail address, phone number and public IP address."""
    found = findings(text, RULES)
    return with_placeholders(text, found)[0] if found else text


def with_placeholders(text: str, found: Sequence[Finding]) -> tuple[str, list[int]]:
    """The text with the placeholders of what was found in it, and where each stands."""
    pieces, places, position, length = [], [], 0, 0
    for one in found:
        kept = text[position : one.start]
        places.append(length + len(kept))
        pieces += [kept, one.placeholder]
        length += len(kept) + len(one.placeholder)
        position = one.end
    return "".join((*pieces, text[position:])), places
