"""Secrets and personal data that are left in a row, by detector, each in an excerpt that shows none of them."""

from __future__ import annotations

from typing import NamedTuple

from miners.audit.redaction import RULES, with_placeholders
from miners.audit.tallies import excerpt_at
from miners.web.privacy import findings

SECRETS, PERSONAL = "secrets", "personal_data"


class Exposure(NamedTuple):
    """One thing found: which check it belongs to, by which detector, and a redacted excerpt."""

    check: str
    detector: str
    excerpt: str


def exposures(text: str) -> list[Exposure]:
    """Secrets, by detect-secrets' detectors, and e-mail addresses, phone numbers with a country code and public IP
    addresses, by the rules of `miners.web.privacy`.

    A placeholder that a miner left is nothing. What may look like a secret in a digest of hexadecimal digits is left
    out there too.
    """
    found = findings(text, RULES)
    if not found:
        return []
    redacted, places = with_placeholders(text, found)
    return [
        Exposure(
            SECRETS if one.kind == "secrets" else PERSONAL,
            one.placeholder[8:-1] if one.kind == "secrets" else one.kind,
            excerpt_at(redacted, place, place + len(one.placeholder)),
        )
        for one, place in zip(found, places, strict=True)
    ]
