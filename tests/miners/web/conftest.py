"""WARC files that warcio writes from small pages, for damage to be done to."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

MakeWarc = Callable[..., bytes]

SENTENCES = (
    "The miller opens the sluice at dawn, and the wheel begins to turn under the weight of the water.",
    "Grain is carried up two flights of stairs in sacks, because the stones stand on the upper floor.",
    "A good stone is dressed every few weeks: its furrows are cut again with a steel pick by hand.",
    "In dry summers the pond gave out by noon, so the bakers of the town learned to order early.",
)


def article(number: int, paragraphs: int = 4) -> str:
    """A page of prose with its own words in every paragraph."""
    body = "".join(
        f"<p>{SENTENCES[(number + i) % 4]} This is note {number}, part {i}, of the mill's long diary. "
        f"{SENTENCES[(number + i + 1) % 4]}</p>\n"
        for i in range(paragraphs)
    )
    return f"<!doctype html><html><head><title>Mill {number}</title></head><body><main>{body}</main></body></html>"


@pytest.fixture(scope="session")
def make_warc() -> MakeWarc:
    """`make_warc(bodies, gzip=True, headers=[…], status="200 OK")`: a warcinfo record and one response a body."""

    def make(
        bodies: Sequence[bytes],
        *,
        gzip: bool = True,
        headers: Sequence[tuple[str, str]] = (("Content-Type", "text/html; charset=utf-8"),),
        status: str = "200 OK",
    ) -> bytes:
        out = io.BytesIO()
        writer = WARCWriter(out, gzip=gzip)
        writer.write_record(writer.create_warcinfo_record("made.warc", {"software": "tests"}))
        for number, body in enumerate(bodies):
            writer.write_record(
                writer.create_warc_record(
                    f"https://www.site{number % 3}.co.uk/page/{number}",
                    "response",
                    payload=io.BytesIO(body),
                    http_headers=StatusAndHeaders(status, list(headers), protocol="HTTP/1.1"),
                    warc_headers_dict={"WARC-Date": "2024-05-06T07:08:09Z"},
                )
            )
        return out.getvalue()

    return make


@pytest.fixture(scope="session")
def articles(make_warc: MakeWarc) -> bytes:
    """Eight pages of prose in a gzipped WARC file."""
    return make_warc([article(i).encode() for i in range(8)])
