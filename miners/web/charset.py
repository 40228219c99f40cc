"""Bytes of a page to text: by byte order mark, else HTTP header, else the page's own meta, else by its bytes."""

from __future__ import annotations

import re

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
_CHARSET_PARAMETER = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:+-]{1,40})", re.IGNORECASE)
_META_CHARSET = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*[\"']?\s*([A-Za-z0-9_.:+-]{1,40})", re.I
)
_META_BYTES = 4096


def decode_page(page: bytes, content_type: str | None = None) -> str:
    """The text of a page; bytes that the chosen encoding does not have become U+FFFD.

    A declared encoding that Python does not know, or that the bytes contradict, gives way to detection.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if page.startswith(mark):
            return page[len(mark) :].decode(encoding, "replace")
    declared = _known(_in_header(content_type)) or _known(_in_meta(page))
    if declared:
        try:
            return page.decode(declared)
        except UnicodeDecodeError:
            pass
    detected = _known(detect_encoding(page)) or declared or "utf-8"
    return bytes_to_str(page, detected, errors="replace", fallback_encodings=())


def _in_header(content_type: str | None) -> str | None:
    match = _CHARSET_PARAMETER.search(content_type or "")
    return match.group(1) if match else None


def _in_meta(page: bytes) -> str | None:
    match = _META_CHARSET.search(page, 0, _META_BYTES)
    if not match:
        return None
    name = match.group(1).decode("ascii")
    return "utf-8" if name.lower().startswith("utf-16") else name  # the meta was readable as ASCII: it is not UTF-16


def _known(name: str | None) -> str | None:
    """The name by which Python decodes this label of the HTML standard; None where there is none."""
    mapped = map_encoding_to_html5(name, fallback_utf8=False) if name else None
    try:
        "".encode(mapped or "")
    except LookupError:
        return None
    return mapped
