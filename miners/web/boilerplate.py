"""From the lines of a page's main content, those that are its text: our own pass after resiliparse's.

The rules look at what holds on any page: where the headline stands, how much of a block is links, whether it stands in
an element for text, whether it is a sentence. Words decide only where form does not: the names of what follows an
article, and the phrases of notices. Nothing is reordered and no block is changed.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import compress

from miners.web.notices import notices_of
from miners.web.page_lines import LEAST_TOKENS, LONG_TOKENS, PageLines, ends_sentence
from miners.web.text_length import token_count

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
COMMON_CHARS = 80
"""Names that come again on other pages are short."""
NOTICE_TOKENS = 40
"""A longer paragraph may have a notice's phrase and more to say."""

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


def is_prose(text: str) -> bool:
    """Whether a line reads as prose: enough words, and the end of a sentence unless it is long."""
    tokens = token_count(text)
    return tokens >= LONG_TOKENS or (tokens >= LEAST_TOKENS and ends_sentence(text))


def without_boilerplate(title: str, lines: PageLines) -> list[int]:
    """The numbers of the lines of an article's text: headings, paragraphs and list entries.

    `title` is that of the page's head.
    """
    begin = _after_headline(title, lines)
    end = _tail(lines, begin)
    kept = _text_lines(lines, range(begin, end))
    if not any(lines.prose[i] for i in kept):
        return []
    return _without_empty_headings(lines, _from_first_text(lines, kept))


def _after_headline(title: str, lines: PageLines) -> int:
    """The first line after the headline: what stands before it, and itself, is no text of the article."""
    most, seen, after = HEADLINE_PROSE * sum(lines.prose), 0, 0
    words = frozenset(_WORD.findall(title.lower()))
    for i, (level, prose) in enumerate(zip(lines.levels, lines.prose, strict=True)):
        if seen > most:
            break
        if level == 1:
            return i + 1
        is_loose = not lines.in_text[i] and LEAST_TOKENS <= lines.tokens[i] <= 2 * LONG_TOKENS
        if (level or is_loose) and _overlap(lines.texts[i], words) >= HEADLINE_OVERLAP:
            after = i + 1
        seen += prose
    return after


def _overlap(text: str, title: frozenset[str]) -> float:
    words = set(_WORD.findall(text.lower()))
    return len(words & title) / len(words) if words else 0.0


def _tail(lines: PageLines, begin: int) -> int:
    """The first line, from `begin` on, that names what follows an article; behind the last where none does."""
    prose = lines.prose[begin:]
    least, seen = TAIL_PROSE * sum(prose), 0
    for i, (tokens, chars) in enumerate(zip(lines.tokens[begin:], prose, strict=True), begin):
        if seen > least and tokens <= TAIL_TOKENS and _names_tail(lines.texts[i]):
            return i
        seen += chars
    return len(lines.texts)


def _names_tail(text: str) -> bool:
    return _is_tail_name(text) if len(text) <= COMMON_CHARS else _TAIL.match(text.lower()) is not None


@lru_cache(maxsize=4096)
def _is_tail_name(text: str) -> bool:
    """Kept for a while: a site's pages end alike."""
    return _TAIL.match(text.lower()) is not None


def _text_lines(lines: PageLines, numbers: range) -> list[int]:
    """Those that are no navigation, no notice, and no label outside the elements for text."""
    least = _least_tokens(lines, numbers)
    texts, link_chars, in_text, every_tokens, ended = lines.texts, lines.link_chars, lines.in_text, *lines[4:6]
    kept, short = [], []
    for i in numbers:
        links, tokens = link_chars[i], every_tokens[i]
        if not (in_text[i] or tokens >= LONG_TOKENS or (tokens >= least and ended[i])):
            continue
        if links and links > LINK_SHARE * len(texts[i]) and not _is_address(texts[i]):
            continue
        kept.append(i)
        if tokens <= NOTICE_TOKENS:
            short.append(i)
    notices = notices_of(texts, short)
    return [i for i in kept if i not in notices] if notices else kept


def _least_tokens(lines: PageLines, numbers: range) -> int:
    """Of a line outside any element for text: more where the page has its text in such elements."""
    prose, in_text = lines.prose[numbers.start : numbers.stop], lines.in_text[numbers.start : numbers.stop]
    return LOOSE_TOKENS if 2 * sum(compress(prose, in_text)) >= sum(prose) else LEAST_TOKENS


def _is_address(text: str) -> bool:
    """A link that shows its own address is a reference that the text makes."""
    return " " not in text and "." in text


def _from_first_text(lines: PageLines, numbers: list[int]) -> list[int]:
    """The lines after the bylines, dates and captions that stand between the headline and the text.

    Captions of a gallery come twice and more, as thumbnail and as slide.
    """
    times: Counter[str] | None = None
    for place, i in enumerate(numbers):
        if lines.levels[i]:
            return numbers[place:]
        if lines.tokens[i] >= LEAST_TOKENS:
            text = lines.texts[i]
            if times is None and lines.texts.count(text) == 1:  # most often: quicker than to count every line
                return numbers[place:]
            times = times or Counter([lines.texts[i] for i in numbers])
            if times[text] == 1:
                return numbers[place:]
    return numbers


def _without_empty_headings(lines: PageLines, numbers: list[int]) -> list[int]:
    """Headings with text under them; others are titles of other pages, or of what was taken out."""
    kept: list[int] = []
    below: int | None = None
    """The level of the line that stands below: 0 for text, None for nothing."""
    for i in reversed(numbers):
        level = lines.levels[i]
        if level and (below is None or 0 < below <= level):
            continue
        kept.append(i)
        below = level
    return kept[::-1]
