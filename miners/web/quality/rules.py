"""The rules by name, and the verdict of those that are on.

They run in this order, Gopher, C4, FineWeb, as FineWeb's own recipe has it; C4's rules of lines take lines out, and
what comes after them sees the page without these.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from miners.web.quality import c4, fineweb, gopher
from miners.web.quality.page import UNENDED_LANGUAGES, TextPage
from miners.web.quality.thresholds import Thresholds

PageRule = Callable[[TextPage, Thresholds], bool]
LineRule = Callable[[str, TextPage, Thresholds], bool]
SOURCES = ("gopher", "c4", "fineweb")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: of pages or of lines."""

    of_page: PageRule | None = None
    of_line: LineRule | None = None
    english_only: bool = False
    """Whether it knows English words, or bounds that hold for English."""


RULES: dict[str, Rule] = {
    "gopher_words": Rule(gopher.words),
    "gopher_word_length": Rule(gopher.word_length, english_only=True),
    "gopher_symbols": Rule(gopher.symbols),
    "gopher_bullet_lines": Rule(gopher.bullet_lines),
    "gopher_ellipsis_lines": Rule(gopher.ellipsis_lines),
    "gopher_letter_words": Rule(gopher.letter_words),
    "gopher_stop_words": Rule(gopher.stop_words, english_only=True),
    "gopher_duplicate_lines": Rule(gopher.duplicate_lines),
    "gopher_duplicate_line_chars": Rule(gopher.duplicate_line_chars),
    "gopher_top_ngrams": Rule(gopher.top_ngrams),
    "gopher_repeated_ngrams": Rule(gopher.repeated_ngrams),
    "c4_long_word": Rule(of_line=c4.long_word),
    "c4_unended_line": Rule(of_line=c4.unended_line),
    "c4_short_line": Rule(of_line=c4.short_line),
    "c4_lorem_ipsum": Rule(c4.lorem_ipsum, english_only=True),
    "c4_curly_bracket": Rule(c4.curly_bracket),
    "c4_javascript_line": Rule(of_line=c4.javascript_line, english_only=True),
    "c4_policy_line": Rule(of_line=c4.policy_line, english_only=True),
    "c4_sentences": Rule(c4.sentences),
    "fineweb_unended_lines": Rule(fineweb.unended_lines),
    "fineweb_short_lines": Rule(fineweb.short_lines),
    "fineweb_duplicate_chars": Rule(fineweb.duplicate_chars),
    "fineweb_newlines": Rule(fineweb.newlines),
}
MEASURES = ("words", "letter_words", "ended_line_share")
"""What pairs carry of their page in `signals.quality`, as `page_words` and so on, where a rule has measured it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a page."""

    reason: str | None = None
    """The first rule of pages that refuses it; None where it is kept."""
    removed: dict[int, str] = field(default_factory=dict)
    """Lines that a rule of lines takes out: number and rule."""
    measured: tuple[tuple[str, float], ...] = ()
    """Signals of the page that the rules have measured on the way: name and value."""


def judge(lines: Sequence[str], language: str, rules: Iterable[str], thresholds: Thresholds) -> Verdict:
    """The verdict of the named rules on a page's lines; none may be blank. `language` is the page's BCP 47 code."""
    wanted = set(rules)
    whole = page = TextPage(lines, language)
    numbers = range(len(lines))
    removed: dict[int, str] = {}
    for name, rule in RULES.items():
        if name not in wanted or not _applies(name, rule, language):
            continue
        if rule.of_line:
            gone = {n: name for n in numbers if rule.of_line(lines[n], page, thresholds)}
            if gone:
                removed |= gone
                numbers = [n for n in numbers if n not in gone]
                page = TextPage([lines[n] for n in numbers], language)
        elif rule.of_page and (not page.lines or rule.of_page(page, thresholds)):
            return Verdict(name, removed)
    return Verdict(None, removed, _measured(whole))


def select_rules(names: Iterable[str]) -> tuple[str, ...]:
    """The rules that these names stand for, in order: a rule's own name, a source's for all of its rules, or none.

    Raises ValueError for any other.
    """
    wanted: set[str] = set()
    for name in names:
        found = [rule for rule in RULES if rule == name or (name in SOURCES and rule.startswith(f"{name}_"))]
        if not found and name != "none":
            close = difflib.get_close_matches(name, [*SOURCES, *RULES], 1)
            hint = f"did you mean {close[0]}?" if close else f"give none, {', '.join(SOURCES)} or a rule's name"
            raise ValueError(f"there is no quality rule {name!r}; {hint}")
        wanted.update(found)
    return tuple(rule for rule in RULES if rule in wanted)


def _applies(name: str, rule: Rule, language: str) -> bool:
    if rule.english_only:
        return language == "en"
    return name != "c4_unended_line" or language not in UNENDED_LANGUAGES


def _measured(page: TextPage) -> tuple[tuple[str, float], ...]:
    """Of the measures that a page can keep, those that a rule has asked for."""
    taken = vars(page)
    return tuple((f"page_{name}", float(taken[name])) for name in MEASURES if name in taken)
