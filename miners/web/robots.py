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
_SEEN_BYTES = 256 << 10
_META = re.compile(rb"<[mM][eE][tT][aA]\b([^>]{0,1000})>")
_ATTRIBUTE = re.compile(rb"([\w:-]{1,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_AGENT = re.compile(r"\s*([\w*-]+)\s*:(.*)", re.DOTALL)
_VALUED = ("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after")
_NAMES = (b"robots", b"ccbot", b"tdm-reservation")
_SEPARATORS = re.compile(r"[,;\s]+")


def check_directives(names: Collection[str]) -> None:
    """Raises ValueError for a name that is not in `DIRECTIVES`."""
    for name in names:
        if name not in DIRECTIVES:
            raise ValueError(f"there is no robots directive {name!r} to honour; choose from {', '.join(DIRECTIVES)}")


def refusal(head: bytes, headers: Mapping[str, str], page: bytes, honored: Collection[str]) -> str | None:
    """The first of the `honored` directives that the page says; None where it says none of them.

    `head` is the HTTP head as it stands, `headers` its fields by lower-case name, `page` the decoded body, of which
    the first 256 kB are looked at: the tag is honoured wherever it stands.
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
    start = page[:_SEEN_BYTES]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[:64]:
        start = start.replace(b"\0", b"")  # UTF-16: the names sought are ASCII
    if any(_in_metas(start)):
        yield from _in_metas(_COMMENT.sub(b"", start))


def _in_metas(start: bytes) -> Iterator[str]:
    for meta in _META.finditer(start):
        inside = meta.group(1).lower()
        if not any(name in inside for name in _NAMES):
            continue
        values = {key: a or b or c for key, a, b, c in _ATTRIBUTE.findall(inside)}
        name = values.get(b"name", b"").strip().decode("latin-1")
        content = values.get(b"content", b"").strip().decode("latin-1")
        if name and name in AGENTS:
            yield from _meant(content)
        elif name == "tdm-reservation" and content == "1":
            yield name


def _meant(text: str) -> Iterator[str]:
    for word in _SEPARATORS.split(text.strip()):
        yield "noindex" if word == "none" else word
