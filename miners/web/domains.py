"""Whose page it is: the registrable domain of a URL, by the public suffix list that publicsuffixlist bundles."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from miners.web.urls import host_of


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def registrable_domain(url: str) -> str | None:
    """`example.co.uk` for `https://www.example.co.uk/a`, lower case, in ASCII where the name is international.

    The host itself where it has no registrable part: an IP address, `localhost`, a public suffix. None for a URL
    without a host.
    """
    host = host_of(url)
    return _domain_of(host) if host else None


@lru_cache(maxsize=4096)
def _domain_of(host: str) -> str:
    return host if is_address(host) else _suffixes().privatesuffix(host) or host


def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
