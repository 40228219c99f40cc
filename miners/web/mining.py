"""WARC and WET records to pairs, with every record, page, passage and pair accounted for.

In: the items of `record_reader.read_records`. Out: pairs in page order, one by one or a batch a page, and a `Reject`
for what was refused or broke.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from miners.web.blocklist import Blocklist
from miners.web.complexity import TooComplex
from miners.web.extraction import BrokenHtml, NoText, PageText, page_texts, text_paragraphs
from miners.web.page_pairs import ExtractedPage, PageMiner
from miners.web.record_page import Page, Refused, page_of
from miners.web.record_reader import Damage, WarcRecord
from miners.web.urls import clean_url
from miners.web.web_config import WebConfig
from schemas.ledger import Ledger
from schemas.pair import Pair, Provenance
from schemas.pair_batch import PairBatch
from schemas.rejects import Reject

PAGES_TOGETHER = 256
"""Pages that go through each step of the work one after the other: beyond these nothing more is gained."""
BYTES_TOGETHER = 8 << 20
"""Of their bodies, so that memory is bounded."""


def mine_records(
    items: Iterable[WarcRecord | Damage],
    uri: str,
    config: WebConfig,
    ledger: Ledger,
    blocklist: Blocklist | None = None,
) -> Iterator[Pair | Reject]:
    """The pairs of a file's records and what was left out; counts everything in `ledger`.

    `uri` is the file as it was given; its last path part goes into the row ids.
    """
    for item in mine_batches(items, uri, config, ledger, blocklist):
        if isinstance(item, PairBatch):
            yield from item.pairs()
        else:
            yield item


def mine_batches(
    items: Iterable[WarcRecord | Damage],
    uri: str,
    config: WebConfig,
    ledger: Ledger,
    blocklist: Blocklist | None = None,
) -> Iterator[PairBatch | Reject]:
    """As `mine_records`, with all pairs of a page at once."""
    miner = PageMiner(config, ledger)
    for pages in _together(_read(items, uri, config, ledger, blocklist)):
        yield from miner.mine(_extract(pages, config.extractor, ledger))


class _ReadPage(NamedTuple):
    """A page before extraction, and where it stood."""

    page: Page
    provenance: Provenance
    place: tuple[str | int, ...]


def _read(
    items: Iterable[WarcRecord | Damage], uri: str, config: WebConfig, ledger: Ledger, blocklist: Blocklist | None
) -> Iterator[_ReadPage | Reject]:
    """The page of each record; a Reject where there is none."""
    name = uri.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    for item in items:
        ledger.read("record")
        provenance = _provenance(item, uri)
        where = f"{uri} at byte {item.offset:,}"
        if isinstance(item, Damage):
            ledger.fail("record", item.reason, where=where, why=item.why)
            ledger.note("bytes_skipped", item.skipped)
            yield Reject("record", item.reason, provenance, item.why)
            continue
        try:
            page = page_of(item, config.max_body_bytes, honor_robots=config.honor_robots, blocklist=blocklist)
        except Refused as refusal:
            if refusal.broke:
                ledger.fail("record", refusal.reason, where=where, why=refusal.why)
            else:
                ledger.drop("record", refusal.reason)
            yield Reject("record", refusal.reason, provenance, refusal.why)
            continue
        ledger.keep("record")
        ledger.made("record", 1)
        place = (name, item.offset) if item.position == 0 else (name, item.offset, item.position)
        yield _ReadPage(page, provenance, place)


def _together(pages: Iterable[_ReadPage | Reject]) -> Iterator[list[_ReadPage | Reject]]:
    """The same in groups of PAGES_TOGETHER, or of BYTES_TOGETHER in bodies; one body may be larger alone."""
    group: list[_ReadPage | Reject] = []
    size = 0
    for page in pages:
        group.append(page)
        size += len(page.page.body) if isinstance(page, _ReadPage) else 0
        if len(group) >= PAGES_TOGETHER or size >= BYTES_TOGETHER:
            yield group
            group, size = [], 0
    if group:
        yield group


def _provenance(item: WarcRecord | Damage, uri: str) -> Provenance:
    if isinstance(item, Damage):
        return Provenance(uri=uri, offset=item.offset)
    url = clean_url(item.headers.get("warc-target-uri", "")) or None
    date = item.headers.get("warc-date") or None
    return Provenance(uri=uri, offset=item.offset, url=url, date=date)


def _extract(pages: Sequence[_ReadPage | Reject], extractor: str, ledger: Ledger) -> list[ExtractedPage | Reject]:
    """The pages' texts; a Reject where the extraction gave up."""
    marked = [one.page for one in pages if isinstance(one, _ReadPage) and one.page.is_markup]
    texts = iter(page_texts([(page.body, page.content_type) for page in marked], extractor))
    return [one if isinstance(one, Reject) else _extracted(one, texts, ledger) for one in pages]


def _extracted(read: _ReadPage, texts: Iterator[PageText | NoText], ledger: Ledger) -> ExtractedPage | Reject:
    """A page with its text, which is the next of `texts` where the page is markup."""
    ledger.read("page")
    page, provenance, place = read
    if not page.is_markup:
        return ExtractedPage("", text_paragraphs(page.body.decode("utf-8-sig", "replace")), (), provenance, place)
    text = next(texts)
    if isinstance(text, PageText):
        return ExtractedPage(text.title, text.lines.texts, text.headings(), provenance, place, text.lines.tokens)
    if isinstance(text, TooComplex):
        reason = "too_complex"
        ledger.drop("page", reason)
    else:
        reason = "broken_html" if isinstance(text, BrokenHtml) else "extraction_timeout"
        ledger.fail("page", reason, where=f"{provenance.url} in {provenance.uri}", why=str(text))
    return Reject("page", reason, provenance, str(text))
