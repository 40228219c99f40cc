"""WARC and WET records to neighbouring pairs, with every record, page, passage and pair accounted for.

In: the items of `record_reader.read_records`. Out: pairs in page order, and a `Reject` for what was
refused or broke.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from miners.web.blocklist import Blocklist
from miners.web.domains import registrable_domain
from miners.web.extraction import BrokenHtml, paragraphs, text_paragraphs
from miners.web.languages import check_languages, may_be, passage_language
from miners.web.passages import Passage, PassageConfig, adjacent, passages
from miners.web.record_page import Page, Refused, page_of
from miners.web.record_reader import Damage, WarcRecord
from miners.web.robots import check_directives
from miners.web.urls import clean_url
from schemas.ledger import Ledger
from schemas.pair import NEIGHBOR_TEXT, Pair, Provenance, make_pair, make_signals
from schemas.rejects import Reject
from schemas.side_hash import normalize_text


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The rules of web mining."""

    passages: PassageConfig = field(default_factory=PassageConfig)
    languages: tuple[str, ...] = ()
    """BCP 47 codes to keep; none keeps all."""
    max_body_bytes: int = 8 << 20
    """Larger pages, also after inflating, are dropped as too_large; browsers' pages are of 0.1 MB."""

    honor_robots: tuple[str, ...] = ()
    """Directives of `miners.web.robots`: a page that says one of them is dropped; none honours none."""

    def __post_init__(self) -> None:
        check_languages(self.languages)
        check_directives(self.honor_robots)
        if self.max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be 1 or more, not {self.max_body_bytes}")


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
        yield from _mine_page(page, provenance, place, config, ledger)


def _provenance(item: WarcRecord | Damage, uri: str, ordinal: int | None = None) -> Provenance:
    if isinstance(item, Damage):
        return Provenance(uri=uri, offset=item.offset)
    url = clean_url(item.headers.get("warc-target-uri", "")) or None
    date = item.headers.get("warc-date") or None
    return Provenance(uri=uri, offset=item.offset, url=url, date=date, ordinal=ordinal)


def _mine_page(
    page: Page, provenance: Provenance, place: tuple[str | int, ...], config: WebConfig, ledger: Ledger
) -> Iterator[Pair | Reject]:
    ledger.read("page")
    try:
        lines = (
            paragraphs(page.body, page.content_type)
            if page.is_markup
            else text_paragraphs(page.body.decode("utf-8-sig", "replace"))
        )
    except BrokenHtml as error:
        ledger.fail("page", "broken_html", where=f"{provenance.url} in {provenance.uri}", why=str(error))
        yield Reject("page", "broken_html", provenance, str(error))
        return
    made = passages(lines, config.passages, _sentence_language(lines, config.passages.max_tokens))
    reason = _page_refusal(lines, made, config)
    if reason:
        ledger.drop("page", reason)
        yield Reject("page", reason, provenance, "\n".join(lines))
        return
    ledger.keep("page")
    ledger.made("page", len(made))
    yield from _mine_passages(made, provenance, place, config, ledger)


def _page_refusal(lines: list[str], made: list[Passage], config: WebConfig) -> str | None:
    if not lines:
        return "no_main_text"
    if config.languages and not may_be("\n".join(lines), config.languages):
        return "language"
    return "too_few_passages" if len(made) < 2 else None


def _mine_passages(
    made: list[Passage], provenance: Provenance, place: tuple[str | int, ...], config: WebConfig, ledger: Ledger
) -> Iterator[Pair | Reject]:
    ledger.read("passage", len(made))
    languages = [passage_language(passage.text) for passage in made]
    wanted = [not config.languages or language in config.languages for language, _ in languages]
    anchors = [i for i in adjacent(made) if wanted[i] and wanted[i + 1]]
    paired = {i for anchor in anchors for i in (anchor, anchor + 1)}
    for i, passage in enumerate(made):
        if i in paired:
            ledger.keep("passage")
        else:
            reason = "no_neighbor" if wanted[i] else "language"
            ledger.drop("passage", reason)
            yield Reject("passage", reason, _at(provenance, i), passage.text)
    ledger.made("passage", len(anchors))
    for i in anchors:
        yield _pair(i, made[i].text, made[i + 1].text, languages[i], languages[i + 1], provenance, place, ledger)


def _pair(
    ordinal: int,
    anchor: str,
    positive: str,
    anchor_language: tuple[str, float],
    positive_language: tuple[str, float],
    provenance: Provenance,
    place: tuple[str | int, ...],
    ledger: Ledger,
) -> Pair | Reject:
    ledger.read("pair")
    here = _at(provenance, ordinal)
    language, score = anchor_language
    reason = None
    if language != positive_language[0]:
        reason = "language_mismatch"
    elif normalize_text(anchor) == normalize_text(positive):
        reason = "same_text"
    if reason:
        ledger.drop("pair", reason)
        return Reject("pair", reason, here, f"{anchor[:240]}\n{positive[:240]}")
    ledger.keep("pair")
    return make_pair(
        kind=NEIGHBOR_TEXT,
        language=language,
        anchor=anchor,
        positive=positive,
        place=("web", *place, ordinal),
        group=registrable_domain(provenance.url) if provenance.url else None,
        provenance=here,
        signals=make_signals(anchor, positive, language_score=min(score, positive_language[1])),
    )


def _at(page: Provenance, ordinal: int) -> Provenance:
    return Provenance(uri=page.uri, offset=page.offset, url=page.url, date=page.date, ordinal=ordinal)


def _sentence_language(lines: list[str], max_tokens: int) -> str:
    """The language by whose rules long paragraphs are cut; only asked for where there may be one to cut."""
    longest = max(lines, key=len, default="")
    return passage_language(longest)[0] if len(longest) > max_tokens else "en"
