"""FineWeb's own rules (Penedo et al. 2024, 3.6); True refuses the page."""

from __future__ import annotations

from miners.web.quality.page import UNENDED_LANGUAGES, TextPage
from miners.web.quality.thresholds import Thresholds


def unended_lines(page: TextPage, most: Thresholds) -> bool:
    """Too few lines that end in a mark that ends a sentence."""
    return page.language not in UNENDED_LANGUAGES and page.ended_line_share < most.fineweb_min_punctuated_lines


def short_lines(page: TextPage, most: Thresholds) -> bool:
    """Too many short lines."""
    longest = most.fineweb_short_line if page.spaced else most.fineweb_short_line // 2
    return sum(len(line) <= longest for line in page.lines) > most.fineweb_max_short_lines * len(page.lines)


def duplicate_chars(page: TextPage, most: Thresholds) -> bool:
    """Characters in lines that stood before."""
    chars = len(page.text) - len(page.lines) + 1
    return page.duplicate_lines[1] > most.fineweb_max_duplicate_chars * chars


def newlines(page: TextPage, most: Thresholds) -> bool:
    """Line breaks a word: lists."""
    return len(page.lines) - 1 > most.fineweb_max_newlines_per_word * page.words
