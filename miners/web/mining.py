"""WARC and WET records to pairs, with every record, page, passage and pair accounted for.

In: the items of `record_reader.read_records`. Out: pairs in page order, one by one or a batch a page, and a `Reject`
for what was refused or broke.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from miners.web.blocklist import Blocklist
from miners.web.complexity import TooComplex
from miners.web.extraction import BrokenHtml, TooSlow, page_text, text_paragraphs
from miners.web.page_pairs import ExtractedPage, PageMiner
from miners.web.record_page import Page, Refused, page_of
from miners.web.record_reader import Damage, WarcRecord
from miners.web.urls import clean_url
from miners.web.web_config import WebConfig
from schemas.ledger import Ledger
from schemas.pair import Pair, Provenance
from schemas.pair_batch import PairBatch
from schemas.rejects import Reject


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
        extracted = _extract(page, provenance, place, config.extractor, ledger)
        if isinstance(extracted, Reject):
            yield extracted
        else:
            yield from miner.mine(extracted)


def _provenance(item: WarcRecord | Damage, uri: str) -> Provenance:
    if isinstance(item, Damage):
        return Provenance(uri=uri, offset=item.offset)
    url = clean_url(item.headers.get("warc-target-uri", "")) or None
    date = item.headers.get("warc-date") or None
    return Provenance(uri=uri, offset=item.offset, url=url, date=date)


def _extract(
    page: Page, provenance: Provenance, place: tuple[str | int, ...], extractor: str, ledger: Ledger
) -> ExtractedPage | Reject:
    """The page's text; a Reject where the extraction gave up."""
    ledger.read("page")
    if not page.is_markup:
        lines = text_paragraphs(page.body.decode("utf-8-sig", "replace"))
        return ExtractedPage("", lines, (), provenance, place)
    try:
        text = page_text(page.body, page.content_type, extractor)
    except TooComplex as error:
        ledger.drop("page", "too_complex")
        return Reject("page", "too_complex", provenance, str(error))
    except (BrokenHtml, TooSlow) as error:
        reason = "broken_html" if isinstance(error, BrokenHtml) else "extraction_timeout"
        ledger.fail("page", reason, where=f"{provenance.url} in {provenance.uri}", why=str(error))
        return Reject("page", reason, provenance, str(error))
    return ExtractedPage(text.title, text.lines.texts, text.headings(), provenance, place, text.lines.tokens)
