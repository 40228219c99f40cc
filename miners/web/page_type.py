"""Whether a body is an HTML page: by the HTTP header where it says something, then by its first bytes."""

from __future__ import annotations

import re

HTML_TYPES = ("text/html", "application/xhtml+xml")
UNSAID_TYPES = ("", "application/octet-stream", "unknown/unknown", "application/unknown", "*/*")
_MARKUP = re.compile(rb"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_SNIFFED = 1024
_TEXT_MARKS = (b"\xfe\xff", b"\xff\xfe")


def is_html(body: bytes, content_type: str | None) -> bool:
    """Whether a decoded body is HTML; `content_type` is the HTTP header field."""
    name = (content_type or "").split(";")[0].strip().lower()
    head = body[:_SNIFFED]
    if name in HTML_TYPES:
        return b"\0" not in head or head.startswith(_TEXT_MARKS) or "utf-16" in (content_type or "").lower()
    return name in UNSAID_TYPES and _MARKUP.search(head) is not None
