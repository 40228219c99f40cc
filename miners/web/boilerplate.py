"""From the blocks of a page's main content, those that are its text: our own pass after resiliparse's.

The rules look at what holds on any page: where the headline stands, how much of a block is links, whether it stands in
an element for text, whether it is a sentence. Words decide only where form does not: the names of what follows an
article, and the phrases of notices. Nothing is reordered and no block is changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from miners.web.blocks import Block
from miners.web.text_length import UNSPACED, token_count

LEAST_TOKENS = 5
"""Shorter lines are menus, buttons and bylines more often than sentences."""
LONG_TOKENS = 20
"""A line this long is prose even where its last character does not say so (quotes, footnote marks, lost full stops)."""
LOOSE_TOKENS = 10
"""Text outside any element for text, on a page that has its text in such elements, is a caption or a label if short."""
LINK_SHARE = 0.8
"""More than this part of a block in links makes it navigation; sentences with many links have less."""
HEADLINE_PROSE = 0.2
"""The headline has at most this part of the page's prose before it."""
HEADLINE_OVERLAP = 0.85
"""This part of a headline's words stands in the page's title too."""
TAIL_PROSE = 0.5
"""What follows an article begins after at least this part of the page's prose."""
TAIL_TOKENS = 6
"""The longest of such names."""
NOTICE_TOKENS = 40
"""A longer paragraph may have a notice's phrase and more to say."""

_ENDS = frozenset(".!?…:;。！？：；।॥۔؟།៕")
_CLOSERS = "\"'”’»)]」』）"
_ENDING = 12
"""Characters at the end of a line that are looked at for the end of a sentence."""
_WORD = re.compile(r"\w+")
_TAIL = re.compile(
    r"""\W*(?:
    related\b.* | (?:you\ )?(?:may|might)\ (?:also\ )?like.* | more\ (?:from|in|stories|news|articles|posts)\b.*
    | read\ next.* | recommended\b.* | most\ (?:popular|read|viewed).* | popular\b.* | trending\b.* | top\ stories
    | latest\ (?:news|posts|stories) | partner\ news | share\ this\b.* | about\ the\ authors? | tags? | filed\ under.*
    | (?:leave|post|add|write)\ a\ (?:reply|comment).*
    | \d*\ ?(?:comments?|kommentare?|commentaires?|coment[aá]rios?|commenti|reacties|komentarze|комментарии)
        (?:\ \(?\d+\)?)?
    | ähnliche\ (?:artikel|beiträge) | das\ könnte\ (?:sie|dich|ihnen)\ auch.* | mehr\ zum\ thema
    | (?:auch|das\ thema\ könnte).*\ interess.*
    | weitere\ (?:artikel|beiträge|nachrichten).* | (?:diese\ seite\ )?teilen
    | articles?\ (?:similaires|liés).* | (?:à\ )?lire\ aussi.* | (?:artículos|noticias)\ relacionad[ao]s
    | (?:você|você\ também)\ pode\ gostar.* | leia\ (?:também|mais).* | leggi\ anche.* | articoli\ correlati
    | lees\ ook.* | (?:czytaj|zobacz)\ (?:także|też|również).*
    | (?:похожие|читайте\ также|самые\ популярные).* | 関連記事
    )\W*$""",
    re.VERBOSE,
)
"""In lower case: names of what follows an article: lists of others, comments, buttons, its author."""
_NOTICE_WORDS = (
    "cookies", "all rights reserved", "sign up for", "sign up to", "subscribe to", "subscribe now", "newsletter",
    "follow us", "follow him", "follow her", "follow me", "follow @", "click here", "getty images", "copyright", "©",
    "reporting by", "editing by", "photo:", "photo by", "image:", "credit:",
)  # fmt: skip
_NOTICE_START = re.compile(
    r"\n\W*(?:(?:related|read more|see also|source|share|tags?|photo)\b[^.]{0,20}:"
    r"|(?:advertisement|anzeige|publicidad)\b)"
)
"""In lower case, behind a line break: phrases of notices beside an article: credits, consent, subscription."""


class _Line(NamedTuple):
    block: Block
    tokens: int
    prose: int
    """Characters of prose: all of the text's, or none."""


def is_prose(text: str) -> bool:
    """Whether a line reads as prose: enough words, and the end of a sentence unless it is long."""
    return _reads_as_prose(text, token_count(text))


def without_boilerplate(title: str, blocks: Sequence[Block]) -> list[Block]:
    """The blocks of an article's text: headings, paragraphs and list entries; `title` is that of the page's head."""
    lines = _before_tail(_after_headline(title, _lines(blocks)))
    loose_tokens = LOOSE_TOKENS if _has_text_elements(lines) else LEAST_TOKENS
    lines = _text_lines(lines, loose_tokens)
    if not _prose_chars(lines):
        return []
    return _without_empty_headings(_from_first_text(lines))


def _lines(blocks: Sequence[Block]) -> list[_Line]:
    lines = []
    for block in blocks:
        text, _, link_chars, _ = block
        # a block has single spaces, so that most need not be split to be counted
        tokens = text.count(" ") + 1 if text.isascii() or not UNSPACED.search(text) else token_count(text)
        reads = tokens >= LEAST_TOKENS and 2 * link_chars <= len(text) and _reads_as_prose(text, tokens)
        lines.append(_Line(block, tokens, len(text) if reads else 0))
    return lines


def _reads_as_prose(text: str, tokens: int, least: int = LEAST_TOKENS) -> bool:
    if tokens >= LONG_TOKENS or tokens < least:
        return tokens >= LONG_TOKENS
    return text[-_ENDING:].rstrip(_CLOSERS)[-1:] in _ENDS


def _prose_chars(lines: Sequence[_Line]) -> int:
    return sum([line.prose for line in lines])


def _after_headline(title: str, lines: list[_Line]) -> list[_Line]:
    """The lines after the headline: what stands before it, and itself, is no text of the article."""
    most, seen, after = HEADLINE_PROSE * _prose_chars(lines), 0, 0
    words = frozenset(_WORD.findall(title.lower()))
    for i, line in enumerate(lines):
        block = line.block
        if seen > most:
            break
        if block.heading_level == 1 or (
            (block.heading_level or (not block.in_text_element and LEAST_TOKENS <= line.tokens <= 2 * LONG_TOKENS))
            and _overlap(block.text, words) >= HEADLINE_OVERLAP
        ):
            after = i + 1
            if block.heading_level == 1:
                break
        seen += line.prose
    return lines[after:]


def _overlap(text: str, title: frozenset[str]) -> float:
    words = set(_WORD.findall(text.lower()))
    return len(words & title) / len(words) if words else 0.0


def _before_tail(lines: list[_Line]) -> list[_Line]:
    """The lines before the first that names what follows an article."""
    least, seen = TAIL_PROSE * _prose_chars(lines), 0
    for i, line in enumerate(lines):
        if seen > least and line.tokens <= TAIL_TOKENS and _TAIL.match(line.block.text.lower()):
            return lines[:i]
        seen += line.prose
    return lines


def _has_text_elements(lines: list[_Line]) -> bool:
    return 2 * _prose_chars([line for line in lines if line.block.in_text_element]) >= _prose_chars(lines)


def _text_lines(lines: list[_Line], loose_tokens: int) -> list[_Line]:
    """Those that are no navigation, no notice, and no label outside the elements for text."""
    notices = _Notices([line.block.text for line in lines if line.tokens <= NOTICE_TOKENS])
    kept = []
    for line in lines:
        (text, _, link_chars, in_text_element), tokens, _ = line
        if link_chars > LINK_SHARE * len(text) and not _is_address(text):
            continue
        if notices.any and tokens <= NOTICE_TOKENS and notices.is_notice(text):
            continue
        if in_text_element or _reads_as_prose(text, tokens, loose_tokens):
            kept.append(line)
    return kept


class _Notices:
    """The phrases of notices that a page has at all: few have more than one, so that a line is compared with few."""

    def __init__(self, texts: list[str]) -> None:
        page = "\n" + "\n".join(texts).lower()
        self._words = [words for words in _NOTICE_WORDS if words in page]
        self._begin = _NOTICE_START.search(page) is not None
        self.any = self._begin or bool(self._words)

    def is_notice(self, text: str) -> bool:
        """Whether a line has one of them."""
        lower = text.lower()
        for words in self._words:  # a loop, as `any` over a generator takes three times as long
            if words in lower:
                return True
        return self._begin and _NOTICE_START.match("\n" + lower) is not None


def _is_address(text: str) -> bool:
    """A link that shows its own address is a reference that the text makes."""
    return " " not in text and "." in text


def _from_first_text(lines: list[_Line]) -> list[_Line]:
    """The lines after the bylines, dates and captions that stand between the headline and the text.

    Captions of a gallery come twice and more, as thumbnail and as slide.
    """
    times = Counter(line.block.text for line in lines)
    for i, line in enumerate(lines):
        if line.block.heading_level or (line.tokens >= LEAST_TOKENS and times[line.block.text] == 1):
            return lines[i:]
    return lines


def _without_empty_headings(lines: list[_Line]) -> list[Block]:
    """Headings with text under them; others are titles of other pages, or of what was taken out."""
    kept: list[Block] = []
    for line in reversed(lines):
        level = line.block.heading_level
        if level and (not kept or 0 < kept[-1].heading_level <= level):
            continue
        kept.append(line.block)
    return kept[::-1]
