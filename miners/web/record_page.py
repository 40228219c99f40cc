"""The page in a WARC record, with the body decoded, or the reason why there is none to mine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from miners.web.blocklist import Blocklist
from miners.web.http_message import (
    BadBody,
    BadMessage,
    BodyTooLarge,
    HttpResponse,
    decode_body,
    missing_bytes,
    parse_response,
)
from miners.web.page_type import is_html
from miners.web.record_reader import WarcRecord
from miners.web.robots import refusal
from miners.web.urls import clean_url, split_url


@dataclass(frozen=True, slots=True)
class Page:
    """A record's text before extraction; `is_markup` says which extraction it needs."""

    body: bytes
    content_type: str | None
    is_markup: bool


class Refused(Exception):
    """A rule drops the record, or (`broke`) the record is broken; `reason` is one of the ledger's."""

    def __init__(self, reason: str, why: str = "", *, broke: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.why, self.broke = reason, why, broke


def page_of(
    record: WarcRecord,
    max_body_bytes: int,
    *,
    honor_robots: Collection[str] = (),
    blocklist: Blocklist | None = None,
) -> Page:
    """The page in a record; raises Refused with the first reason that applies.

    A WET file's record is text, one paragraph a line, in UTF-8; it says nothing about robots.
    """
    kind = record.headers.get("warc-type", "").lower()
    if kind == "conversion":
        if not record.headers.get("content-type", "text/plain").lower().startswith("text/plain"):
            raise Refused("not_a_page", record.headers["content-type"])
    elif kind != "response" or not _may_be_http(record):
        raise Refused("not_a_page", kind)
    if blocklist is not None and blocklist.blocks(clean_url(record.headers.get("warc-target-uri", ""))):
        raise Refused("blocklisted")
    if record.block is None:
        raise Refused("too_large")
    if kind == "conversion":
        return _text_page(record.block, max_body_bytes)
    response = _response(record.block)
    page = _html_page(response, max_body_bytes)
    if honor_robots and (said := refusal(response.head, response.headers, page.body, honor_robots)):
        raise Refused("robots", said)
    return page


def _text_page(block: bytes, max_body_bytes: int) -> Page:
    if len(block) > max_body_bytes:
        raise Refused("too_large")
    if not block.strip():
        raise Refused("empty_body")
    return Page(block, "text/plain; charset=utf-8", False)


def _response(block: bytes) -> HttpResponse:
    try:
        response = parse_response(block)
    except BadMessage as error:
        raise Refused("bad_http", str(error), broke=True) from None
    if not 200 <= response.status <= 299:
        raise Refused("http_status", str(response.status))
    return response


def _html_page(response: HttpResponse, max_body_bytes: int) -> Page:
    if not response.body:
        raise Refused("empty_body")
    if missing := missing_bytes(response):
        raise Refused("truncated", f"the last {missing:,} bytes of the page are not there", broke=True)
    try:
        body = decode_body(response, max_body_bytes)
    except BodyTooLarge as error:
        raise Refused("too_large", str(error)) from None
    except BadBody as error:
        raise Refused("bad_body", str(error), broke=True) from None
    content_type = response.headers.get("content-type")
    if not body or body.isspace():
        raise Refused("empty_body")
    if not is_html(body, content_type):
        raise Refused("not_html", content_type or "")
    return Page(body, content_type, True)


def _may_be_http(record: WarcRecord) -> bool:
    """Responses of other protocols (DNS) are archived beside the pages."""
    content_type = record.headers.get("content-type", "")
    if content_type:
        return content_type.lower().startswith("application/http")
    parts = split_url(clean_url(record.headers.get("warc-target-uri", "")))
    return parts is not None and parts.scheme in ("http", "https")
