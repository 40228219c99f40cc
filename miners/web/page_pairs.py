"""A page to its pairs: rules, redaction, passages, languages, caps, every step of it counted.

The order: the page's language, its quality, redaction, passages, pairs. What is compared, hashed and written is the
text after redaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import xxhash

from miners.near_duplicates.side_hashes import text_sides
from miners.web.candidates import Candidate, make_candidates, page_passages, refusal_of
from miners.web.domains import registrable_domain
from miners.web.languages import PageLanguage, may_be, page_language, passage_languages
from miners.web.passages import Passage
from miners.web.privacy import redact
from miners.web.quality import Verdict, judge
from miners.web.text_length import token_count
from miners.web.web_config import WebConfig
from schemas.ledger import Ledger
from schemas.pair import NEIGHBOR_TEXT, TITLE_BODY, Provenance
from schemas.pair_batch import PairBatch, TextSide
from schemas.rejects import Reject


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


class _Judged(NamedTuple):
    """A page that the rules let through."""

    page: ExtractedPage
    verdict: Verdict
    language: PageLanguage


class _Cut(NamedTuple):
    """A page that has passages enough."""

    page: ExtractedPage
    verdict: Verdict
    sure: str | None
    """Its language, where that is sure."""
    title: str
    passages: Sequence[Passage]
    headings: Mapping[int, str]
    """See `candidates.page_passages`."""


class PageMiner:
    """Makes the pairs of one unit's pages, in their order; remembers how many each domain has given."""

    def __init__(self, config: WebConfig, ledger: Ledger) -> None:
        self._config = config
        self._ledger = ledger
        self._domain_pairs: dict[str, int] = {}

    def mine(self, pages: Sequence[ExtractedPage | Reject]) -> Iterator[PairBatch | Reject]:
        """What was refused, and each page's pairs, in page order. The pages count as read already.

        Each step is done for all pages before the next one, so that its code and tables stay in the processor's caches.
        """
        judged = [page if isinstance(page, Reject) else self._judge(page) for page in pages]
        cut = [page if isinstance(page, Reject) else self._cut(page) for page in judged]
        passing = [page for page in cut if isinstance(page, _Cut)]
        texts = [[passage.text for passage in page.passages] for page in passing]
        languages = iter([passage_languages(own, page.sure) for own, page in zip(texts, passing, strict=True)])
        sides = iter(text_sides(list(chain.from_iterable(texts))))
        for page in cut:
            if isinstance(page, Reject):
                yield page
            else:
                yield from self._pair(page, next(languages), list(islice(sides, len(page.passages))))

    def _judge(self, page: ExtractedPage) -> _Judged | Reject:
        config = self._config
        text = page.text()
        if len(page.texts) == len(page.headings):
            return self._refuse_page(page, "no_main_text")
        if config.languages and not may_be(text, config.languages):
            return self._refuse_page(page, "language")
        language = page_language(text)
        verdict = judge(page.texts, language.language, config.rules, config.thresholds)
        for rule in verdict.removed.values():
            self._ledger.note(f"{rule}s_removed", 1)
        return self._refuse_page(page, verdict.reason) if verdict.reason else _Judged(page, verdict, language)

    def _cut(self, judged: _Judged) -> _Cut | Reject:
        """The page's passages, after redaction."""
        config, (page, verdict, language) = self._config, judged
        title, texts, sizes = self._redact(page)
        made, headings = page_passages(texts, page.headings, verdict, config, language.language, sizes)
        if len(made) < (1 if headings or (title and TITLE_BODY in config.kinds) else 2):
            return self._refuse_page(page, "too_few_passages")
        self._ledger.keep("page")
        self._ledger.made("page", len(made))
        return _Cut(page, verdict, language.language if language.is_sure else None, title, made, headings)

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

    def _pair(
        self, cut: _Cut, languages: Sequence[tuple[str, float]], sides: Sequence[TextSide]
    ) -> Iterator[PairBatch | Reject]:
        """The page's pairs in one batch, and what is in none; `languages` and `sides` are of its passages."""
        config, ledger = self._config, self._ledger
        wanted = [not config.languages or language in config.languages for language, _ in languages]
        made = list(make_candidates(cut.title, cut.headings, cut.passages, sides, languages, wanted, config))
        ledger.read("passage", len(sides))
        yield from self._passages_left(cut, made, wanted)
        ledger.made("passage", len(made))
        yield from self._pairs(cut.page, made, cut.verdict)

    def _passages_left(self, cut: _Cut, candidates: Sequence[Candidate], wanted: Sequence[bool]) -> Iterator[Reject]:
        """Counts the passages; gives those that are in no pair."""
        paired = {candidate.ordinal for candidate in candidates}
        paired |= {candidate.ordinal + 1 for candidate in candidates if candidate.kind == NEIGHBOR_TEXT}
        self._ledger.keep("passage", len(paired))
        for i, passage in enumerate(cut.passages):
            if i not in paired:
                reason = "no_neighbor" if wanted[i] else "language"
                self._ledger.drop("passage", reason)
                yield Reject("passage", reason, _at(cut.page.provenance, i), passage.text)

    def _pairs(
        self, page: ExtractedPage, candidates: Sequence[Candidate], verdict: Verdict
    ) -> Iterator[PairBatch | Reject]:
        """The pairs in one batch, and those that are refused or beyond a cap."""
        group = registrable_domain(page.provenance.url) if page.provenance.url else None
        reasons = list(map(refusal_of, candidates))
        self._cap_page(page, candidates, reasons)
        self._ledger.read("pair", len(candidates))
        kept: list[Candidate] = []
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

    def _cap_page(self, page: ExtractedPage, candidates: Sequence[Candidate], reasons: list[str | None]) -> None:
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
