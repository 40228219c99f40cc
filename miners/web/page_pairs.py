"""A page to its pairs: rules, redaction, passages, languages, caps, every step of it counted.

The order: the page's language, its quality, redaction, passages, pairs. What is compared, hashed and written is the
text after redaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import xxhash

from miners.near_duplicates.side_hashes import text_sides
from miners.web.domains import registrable_domain
from miners.web.languages import PageLanguage, may_be, page_language, passage_languages
from miners.web.passages import Passage, adjacent, passages
from miners.web.privacy import redact
from miners.web.quality import Verdict, judge
from miners.web.text_length import token_count
from miners.web.web_config import WebConfig
from schemas.ledger import Ledger
from schemas.pair import HEADING_SECTION, NEIGHBOR_TEXT, TITLE_BODY, Provenance
from schemas.pair_batch import PairBatch, TextSide, text_side
from schemas.rejects import Reject

LEAST_TITLE_TOKENS = 2
"""Titles and headings of one word (Introduction, Notes) say nothing of the text below them."""


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """A page's extracted text, and where it stood."""

    title: str
    texts: Sequence[str]
    """Its headings and paragraphs in page order."""
    headings: Collection[int]
    """The numbers of those texts that are headings."""
    provenance: Provenance
    place: tuple[str | int, ...]
    """What names the page in row ids: file name and record offset."""
    sizes: Sequence[int] | None = None
    """`text_length.token_count` of each text, where that is known."""

    def text(self) -> str:
        """All of it, a heading or paragraph a line."""
        return "\n".join(self.texts)


class _Candidate(NamedTuple):
    kind: str
    anchor: TextSide
    positive: TextSide
    ordinal: int
    languages: tuple[tuple[str, float], ...]
    """Of each passage in it, one or two, with its probability."""


class PageMiner:
    """Makes the pairs of one unit's pages, one page after the other; remembers how many each domain has given."""

    def __init__(self, config: WebConfig, ledger: Ledger) -> None:
        self._config = config
        self._ledger = ledger
        self._domain_pairs: dict[str, int] = {}

    def mine(self, page: ExtractedPage) -> Iterator[PairBatch | Reject]:
        """What was refused, and the page's pairs in page order. The page counts as read already."""
        config, ledger = self._config, self._ledger
        reason, verdict, language = self._judge(page)
        if reason:
            yield self._refuse_page(page, reason)
            return
        title, texts, sizes = self._redact(page)
        made, headings = _passages(texts, page.headings, verdict, config, language.language, sizes)
        if len(made) < (1 if headings or (title and TITLE_BODY in config.kinds) else 2):
            yield self._refuse_page(page, "too_few_passages")
            return
        ledger.keep("page")
        ledger.made("page", len(made))
        ledger.read("passage", len(made))
        sure = language.language if language.is_sure else None
        languages = passage_languages([passage.text for passage in made], sure)
        wanted = [not config.languages or language in config.languages for language, _ in languages]
        candidates = list(_candidates(title, headings, made, languages, wanted, config))
        yield from self._passages_left(page, made, candidates, wanted)
        ledger.made("passage", len(candidates))
        yield from self._pairs(page, candidates, verdict)

    def _judge(self, page: ExtractedPage) -> tuple[str | None, Verdict, PageLanguage]:
        """Why the page is refused, if it is; the verdict of the quality rules; the page's language."""
        config = self._config
        text = page.text()
        if len(page.texts) == len(page.headings):
            return "no_main_text", Verdict(), PageLanguage("und", False)
        if config.languages and not may_be(text, config.languages):
            return "language", Verdict(), PageLanguage("und", False)
        language = page_language(text)
        verdict = judge(page.texts, language.language, config.rules, config.thresholds)
        for rule in verdict.removed.values():
            self._ledger.note(f"{rule}s_removed", 1)
        return verdict.reason, verdict, language

    def _redact(self, page: ExtractedPage) -> tuple[str, Sequence[str], Sequence[int]]:
        """The title and the texts with placeholders, and how long the texts are then."""
        config = self._config
        sizes = page.sizes or list(map(token_count, page.texts))
        if not config.privacy.redact:
            return page.title, page.texts, sizes
        lines, counts = redact([page.title, *page.texts], config.privacy)
        for kind, count in counts.items():
            self._ledger.note(f"redacted_{kind}", count)
        before = zip(page.texts, sizes, lines[1:], strict=True)
        return lines[0], lines[1:], [size if new == old else token_count(new) for old, size, new in before]

    def _refuse_page(self, page: ExtractedPage, reason: str) -> Reject:
        self._ledger.drop("page", reason)
        return Reject("page", reason, page.provenance, page.text())

    def _passages_left(
        self, page: ExtractedPage, made: Sequence[Passage], candidates: Sequence[_Candidate], wanted: Sequence[bool]
    ) -> Iterator[Reject]:
        """Counts the passages; gives those that are in no pair."""
        paired = {candidate.ordinal for candidate in candidates}
        paired |= {candidate.ordinal + 1 for candidate in candidates if candidate.kind == NEIGHBOR_TEXT}
        self._ledger.keep("passage", len(paired))
        for i, passage in enumerate(made):
            if i not in paired:
                reason = "no_neighbor" if wanted[i] else "language"
                self._ledger.drop("passage", reason)
                yield Reject("passage", reason, _at(page.provenance, i), passage.text)

    def _pairs(
        self, page: ExtractedPage, candidates: Sequence[_Candidate], verdict: Verdict
    ) -> Iterator[PairBatch | Reject]:
        """The pairs in one batch, and those that are refused or beyond a cap."""
        group = registrable_domain(page.provenance.url) if page.provenance.url else None
        reasons = list(map(_refusal, candidates))
        self._cap_page(page, candidates, reasons)
        self._ledger.read("pair", len(candidates))
        kept: list[_Candidate] = []
        for candidate, refusal in zip(candidates, reasons, strict=True):
            reason = refusal or self._over_domain_cap(group)
            if reason:
                self._ledger.drop("pair", reason)
                excerpt = f"{candidate.anchor.text[:240]}\n{candidate.positive.text[:240]}"
                yield Reject("pair", reason, _at(page.provenance, candidate.ordinal), excerpt)
            else:
                kept.append(candidate)
        self._ledger.keep("pair", len(kept))
        if kept:
            kinds, anchors, positives, ordinals, languages = zip(*kept, strict=True)
            yield PairBatch(
                place=("web", *page.place),
                group=group,
                provenance=page.provenance,
                quality=verdict.measured,
                kinds=kinds,
                languages=[of_passages[0][0] for of_passages in languages],
                anchors=anchors,
                positives=positives,
                ordinals=ordinals,
                language_scores=[min(of_passages[0][1], of_passages[-1][1]) for of_passages in languages],
            )

    def _cap_page(self, page: ExtractedPage, candidates: Sequence[_Candidate], reasons: list[str | None]) -> None:
        """Gives pairs beyond the cap of a page their reason; those with the smallest hashes of seed and place stay."""
        most = self._config.max_pairs_per_page
        fit = [i for i, reason in enumerate(reasons) if not reason] if most else []
        key = "\0".join(map(str, page.place))

        def drawn(i: int) -> int:
            return _hash(f"{key}\0{candidates[i].kind}\0{candidates[i].ordinal}", self._config.seed)

        for i in sorted(fit, key=drawn)[most:] if len(fit) > most else ():
            reasons[i] = "page_cap"

    def _over_domain_cap(self, group: str | None) -> str | None:
        most = self._config.max_pairs_per_domain
        if not most or not group:
            return None
        given = self._domain_pairs.get(group, 0)
        self._domain_pairs[group] = given + (given < most)
        return "domain_cap" if given >= most else None


def _at(page: Provenance, ordinal: int) -> Provenance:
    return Provenance(uri=page.uri, offset=page.offset, url=page.url, date=page.date, ordinal=ordinal)


def _hash(text: str, seed: int) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace"), seed & 0xFFFFFFFFFFFFFFFF)


def _passages(
    texts: Sequence[str],
    headings: Collection[int],
    verdict: Verdict,
    config: WebConfig,
    language: str,
    sizes: Sequence[int],
) -> tuple[list[Passage], dict[int, str]]:
    """The passages, and the headings that stand right above one: passage number and heading."""
    keep_sections = config.within_section or HEADING_SECTION in config.kinds
    paragraphs: list[str] = []
    tokens: list[int] = []
    breaks: set[int] = set()
    above: dict[int, str] = {}
    heading = None
    for number, text in enumerate(texts):
        if number in headings:
            heading = text
            if keep_sections:
                breaks.add(len(paragraphs))
        elif number in verdict.removed:
            breaks.add(len(paragraphs))
            heading = None
        else:
            if heading is not None:
                above[len(paragraphs)] = heading
                heading = None
            paragraphs.append(text)
            tokens.append(sizes[number])
    made = passages(paragraphs, config.passages, language, breaks, tokens)
    if HEADING_SECTION not in config.kinds:
        return made, {}
    return made, {i: above[one.paragraph] for i, one in enumerate(made) if one.paragraph in above}


def _candidates(
    title: str,
    headings: dict[int, str],
    made: Sequence[Passage],
    languages: Sequence[tuple[str, float]],
    wanted: Sequence[bool],
    config: WebConfig,
) -> Iterator[_Candidate]:
    """The pairs that a page may give, of every kind that is asked for; those of a kind in page order."""
    sides = text_sides([passage.text for passage in made])
    if NEIGHBOR_TEXT in config.kinds:
        for i in adjacent(made, overlapping=config.passages.overlapping):
            if wanted[i] and wanted[i + 1]:
                yield _Candidate(NEIGHBOR_TEXT, sides[i], sides[i + 1], i, (languages[i], languages[i + 1]))
    if TITLE_BODY in config.kinds and made and wanted[0] and token_count(title) >= LEAST_TITLE_TOKENS:
        yield _Candidate(TITLE_BODY, text_side(title), sides[0], 0, (languages[0],))
    for i, heading in headings.items():
        if wanted[i] and token_count(heading) >= LEAST_TITLE_TOKENS:
            yield _Candidate(HEADING_SECTION, text_side(heading), sides[i], i, (languages[i],))


def _refusal(candidate: _Candidate) -> str | None:
    if candidate.languages[0][0] != candidate.languages[-1][0]:
        return "language_mismatch"
    if candidate.anchor.side_hash == candidate.positive.side_hash:
        return "same_text"
    return None
