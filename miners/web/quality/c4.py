"""C4's rules of lines and of pages (Raffel et al. 2020, 2.2, and what its code adds); True refuses.

Its list of bad words is not used: it takes whole subjects out (Dodge et al. 2021).
"""

from __future__ import annotations

import re

import sentencex

from miners.web.quality.page import SENTENCE_MARKS, TextPage
from miners.web.quality.thresholds import Thresholds

_ENGLISH_ENDS = (".", "?", "!", '"', "'")
_OTHER_ENDS = (*SENTENCE_MARKS, '"', "'", "”", "’", "»", "」", "』", "”")
_CITATION = re.compile(r"(?:\[\d*\]|\[edit\]|\[citation needed\])+$")
_POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")


def unended_line(line: str, page: TextPage, most: Thresholds) -> bool:
    """A line that ends in no mark that ends a sentence, or in an ellipsis."""
    del most
    line = _CITATION.sub("", line).rstrip() if line.endswith("]") else line
    return not line.endswith(_ENGLISH_ENDS if page.language == "en" else _OTHER_ENDS) or line.endswith("...")


def short_line(line: str, page: TextPage, most: Thresholds) -> bool:
    """A line of fewer than three words."""
    return (len(line.split()) if page.spaced else len(line)) < most.c4_min_line_words


def long_word(line: str, page: TextPage, most: Thresholds) -> bool:
    """A line with a word of more than a thousand characters."""
    del page
    return len(line) > most.c4_max_word_length and max(map(len, line.split())) > most.c4_max_word_length


def javascript_line(line: str, page: TextPage, most: Thresholds) -> bool:
    """A line with the word Javascript: most often a note that it should be switched on."""
    del page, most
    return "javascript" in line.lower()


def policy_line(line: str, page: TextPage, most: Thresholds) -> bool:
    """A line about cookies or terms of use."""
    del page, most
    lowered = line.lower()
    return any(policy in lowered for policy in _POLICIES)


def lorem_ipsum(page: TextPage, most: Thresholds) -> bool:
    """A page with filler text."""
    del most
    return "ipsum" in page.text.lower() and "lorem ipsum" in page.text.lower()


def curly_bracket(page: TextPage, most: Thresholds) -> bool:
    """A page with a curly bracket: more often code than text."""
    del most
    return "{" in page.text


def sentences(page: TextPage, most: Thresholds) -> bool:
    """Fewer than five sentences."""
    missing = most.c4_min_sentences - len(page.lines)  # each line is one at least
    for line in page.lines if missing > 0 else ():
        missing -= len(sentencex.segment(page.language, line)) - 1
    return missing > 0
