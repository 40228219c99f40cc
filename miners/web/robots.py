"""What a page says about its use: `X-Robots-Tag` and `<meta name="robots">`, and the W3C group's `tdm-reservation`.

The directives for everyone are read, and those for Common Crawl's crawler (`ccbot`), which most archives come from;
those for other crawlers say nothing about this use. Sources: Google's robots meta tag specification for the syntax and
`none`; DeviantArt's for `noai` and `noimageai`; "TDM Reservation Protocol (TDMRep)" of the W3C Community Group.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from miners.web.header_fields import all_values

DIRECTIVES = ("noai", "noimageai", "noindex", "noarchive", "tdm-reservation")
AGENTS = ("", "*", "robots", "ccbot")
_HEAD_BYTES = 256 << 10
_META = re.compile(rb"<meta\b([^>]{0,1000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(rb"([\w:-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_AGENT = re.compile(r"\s*([\w*-]+)\s*:(.*)", re.DOTALL)
_VALUED = ("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after")
_SEPARATORS = re.compile(r"[,;\s]+")


def check_directives(names: Collection[str]) -> None:
    """Raises ValueError for a name that is not in `DIRECTIVES`."""
    for name in names:
        if name not in DIRECTIVES:
            raise ValueError(f"there is no robots directive {name!r} to honour; choose from {', '.join(DIRECTIVES)}")


def refusal(head: bytes, headers: Mapping[str, str], page: bytes, honored: Collection[str]) -> str | None:
    """The first of the `honored` directives that the page says; None where it says none of them.

    `head` is the HTTP head as it stands, `headers` its fields by lower-case name, `page` the decoded body, of which
    the first 256 kB are looked at.
    """
    said = set(_in_page(page))
    if "x-robots-tag" in headers:
        for value in all_values(head, "x-robots-tag"):
            said |= set(_in_header(value))
    if headers.get("tdm-reservation", "").strip() == "1":
        said.add("tdm-reservation")
    return next((name for name in DIRECTIVES if name in honored and name in said), None)


def _in_header(value: str) -> Iterator[str]:
    """`noindex, otherbot: noai, nofollow`: what follows a crawler's name is for that crawler."""
    agent = ""
    for part in value.lower().split(","):
        named = _AGENT.match(part)
        if named and named.group(1) in _VALUED:
            continue
        if named:
            agent, part = named.groups()
        if agent in AGENTS:
            yield from _meant(part)


def _in_page(page: bytes) -> Iterator[str]:
    start = page[:_HEAD_BYTES].lower()
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[:64]:
        start = start.replace(b"\0", b"")  # UTF-16: the names sought are ASCII
    if not any(name in start for name in (b"robots", b"ccbot", b"tdm-reservation")):
        return
    for meta in _META.finditer(_COMMENT.sub(b"", start)):
        values = {key: a or b or c for key, a, b, c in _ATTRIBUTE.findall(meta.group(1))}
        name = values.get(b"name", b"").strip().decode("latin-1")
        content = values.get(b"content", b"").strip().decode("latin-1")
        if name and name in AGENTS:
            yield from _meant(content)
        elif name == "tdm-reservation" and content == "1":
            yield name


def _meant(text: str) -> Iterator[str]:
    for word in _SEPARATORS.split(text.strip()):
        yield "noindex" if word == "none" else word
