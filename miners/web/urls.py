"""URLs of pages: as WARC files write them, their host, and one form for all spellings of one page's address."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit, urlunsplit

from w3lib.url import canonicalize_url

DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|yclid|ysclid|twclid|ttclid|igshid|mc_cid|mc_eid|_ga|_gl"
    r"|mkt_tok|oly_anon_id|oly_enc_id|vero_id|_hsenc|_hsmi|__hstc|hsctatracking"
    r"|jsessionid|phpsessid|aspsessionid\w+)(?:=|$)",
    re.IGNORECASE,
)
_PATH_SESSION = re.compile(r";jsessionid=[^/;?]*", re.IGNORECASE)


def clean_url(target: str) -> str:
    """A WARC target URI as a URL: wget wraps it in angle brackets."""
    return target.strip().removeprefix("<").removesuffix(">").strip()


def split_url(url: str) -> SplitResult | None:
    """The parts of a URL; None where it cannot be read as one."""
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def host_of(url: str) -> str:
    """The host in lower case and ASCII, without port, user and closing dot; "" where there is none."""
    parts = split_url(url)
    host = ((parts and parts.hostname) or "").rstrip(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii").rstrip(".")
    except UnicodeError:
        return host


@lru_cache(maxsize=4096)
def normalize_url(url: str) -> str:
    """One form for the spellings of one address: captures of a page at different times agree on it.

    Scheme and host in lower case, an international host in ASCII, no user, default port, fragment or closing dot of the
    host; dot segments resolved; percent-encoding and the order of the query's parameters made one (w3lib's
    `canonicalize_url`, which Scrapy tells requests apart by); parameters that only track the visitor or carry a
    session left out (those of Firefox's query stripping list, of Google Analytics and HubSpot, and the session ids
    that the Internet Archive's SURT leaves out). The case of the path, a closing slash, `www.` and http against https
    stay apart: different pages live there. What is no http(s) URL comes back as it was, without blanks around it.
    Never raises.
    """
    url = clean_url(url)
    parts = split_url(url)
    if parts is None or parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return url
    try:
        return canonicalize_url(_without_visitor(parts))
    except ValueError:  # UnicodeError is one
        return url


def _without_visitor(parts: SplitResult) -> str:
    """The URL without what says who visited, and how: user, default port, tracking, session, fragment."""
    host = host_of(urlunsplit(parts))
    place = f"[{host}]" if ":" in host else host
    if parts.port is not None and parts.port != DEFAULT_PORTS[parts.scheme]:
        place += f":{parts.port}"
    query = "&".join(pair for pair in parts.query.split("&") if not _TRACKING.match(pair))
    return urlunsplit((parts.scheme, place, _PATH_SESSION.sub("", parts.path), query, ""))
