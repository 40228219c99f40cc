"""Whose page it is: the registrable domain of a URL, by the public suffix list that publicsuffixlist bundles."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def clean_url(target: str) -> str:
    """A WARC target URI as a URL: wget wraps it in angle brackets."""
    return target.strip().removeprefix("<").removesuffix(">").strip()


@lru_cache(maxsize=4096)
def registrable_domain(url: str) -> str | None:
    """`example.co.uk` for `https://www.example.co.uk/a`, lower case, in ASCII where the name is international.

    The host itself where it has no registrable part: an IP address, `localhost`, a public suffix. None for a URL
    without a host.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return None
    if not host:
        return None
    try:
        ipaddress.ip_address(host)
        return host
    except ValueError:
        pass
    with suppress(UnicodeError):
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    return _suffixes().privatesuffix(host) or host
